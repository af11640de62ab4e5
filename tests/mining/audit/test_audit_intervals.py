from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mining.audit.figures import distinct_rows
from mining.audit.intervals import (
    clopper_pearson,
    f1_from_counts,
    percentile_interval,
    resampled_counts,
    share_interval,
    wilson,
)


@st.composite
def shares(draw: st.DrawFn, smallest: int = 1) -> tuple[int, int]:
    total = draw(st.integers(smallest, 5000))
    return draw(st.integers(0, total)), total


@given(shares())
@pytest.mark.parametrize("method", [wilson, clopper_pearson])
def test_interval_lies_in_0_1_and_holds_the_share(method, share):
    low, high = method(*share)
    assert 0 <= low <= share[0] / share[1] <= high <= 1


@given(shares())
@pytest.mark.parametrize("method", [wilson, clopper_pearson])
def test_interval_of_misses_mirrors_that_of_hits(method, share):
    hits, total = share
    low, high = method(hits, total)
    assert method(total - hits, total) == pytest.approx((1 - high, 1 - low))


@given(shares())
def test_more_confidence_is_a_wider_interval(share):
    narrow, wide = wilson(*share, confidence=0.8), wilson(*share, confidence=0.99)
    assert wide[0] <= narrow[0] <= narrow[1] <= wide[1]


@pytest.mark.parametrize(("hits", "total"), [(5, 10), (20, 29), (81, 263), (1485, 2743)])
def test_exact_interval_holds_wilson_inside_the_range(hits, total):
    exact, score = clopper_pearson(hits, total), wilson(hits, total)
    assert exact[0] < score[0] < score[1] < exact[1]


@pytest.mark.parametrize(
    ("hits", "low", "high"),
    [(81, 0.2553, 0.3662), (15, 0.0349, 0.0921), (0, 0.0, 0.0144), (263, 0.9856, 1.0)],
)
def test_wilson_gives_known_bounds(hits, low, high):
    # 81 of 263 is Newcombe's example, Statistics in Medicine 17 (1998), Table I.
    assert wilson(hits, 263) == pytest.approx((low, high), abs=2e-4)


def test_clopper_pearson_at_nought_is_the_rule_of_three():
    low, high = clopper_pearson(0, 20)
    assert low == 0
    assert high == pytest.approx(1 - 0.025 ** (1 / 20))


@pytest.mark.parametrize(("total", "method"), [(29, clopper_pearson), (30, wilson)])
def test_exact_interval_is_used_under_30(total, method):
    assert share_interval(20, total) == method(20, total)


@pytest.mark.parametrize("method", [wilson, clopper_pearson, share_interval])
def test_no_cases_have_no_interval(method):
    assert method(0, 0) is None


@pytest.mark.parametrize("method", [wilson, clopper_pearson])
def test_more_hits_than_cases_is_an_error(method):
    with pytest.raises(ValueError, match="3 in 2"):
        method(3, 2)


def test_bootstrap_draws_as_many_reports_as_there_are():
    ones = np.ones((3, 1), dtype=np.int64)
    drawn = list(resampled_counts(ones, np.array([5, 1, 4]), bootstrap=7, seed=0))
    assert np.concatenate(drawn).tolist() == [[10]] * 7


def test_bootstrap_spreads_like_a_binomial():
    rows = np.array([[0], [1]])
    drawn = np.concatenate(
        list(resampled_counts(rows, np.array([700, 300]), bootstrap=4000, seed=1))
    )
    assert drawn.mean() == pytest.approx(300, rel=0.01)
    assert drawn.std() == pytest.approx((1000 * 3 / 10 * 7 / 10) ** 0.5, rel=0.05)


def test_bootstrap_in_chunks_draws_the_same(monkeypatch):
    rows, times = np.array([[0, 1], [1, 0], [1, 1]]), np.array([3, 4, 5])
    whole = list(resampled_counts(rows, times, bootstrap=50, seed=2))
    monkeypatch.setattr("mining.audit.intervals._DRAWN_CELLS", 21)
    chunks = list(resampled_counts(rows, times, bootstrap=50, seed=2))
    assert len(chunks) > len(whole) == 1
    assert np.array_equal(np.concatenate(chunks), whole[0])


def test_undefined_samples_do_not_count():
    assert percentile_interval(np.array([np.nan, 0.5, 0.5])) == (0.5, 0.5)
    assert percentile_interval(np.array([np.nan])) is None


@pytest.mark.parametrize("columns", [1, 15, 30, 60])
def test_distinct_rows_are_those_of_numpy(columns):
    codes = np.random.default_rng(0).integers(0, 5, (50, columns), dtype=np.int8)
    codes = codes[np.random.default_rng(1).integers(0, 50, 400)]
    rows, times = np.unique(codes, axis=0, return_counts=True)
    found, counted = distinct_rows(codes)
    assert np.array_equal(found, rows)
    assert np.array_equal(counted, times)


@given(*[st.integers(0, 1000)] * 3)
def test_f1_is_the_harmonic_mean(tp, fp, fn):
    f1 = f1_from_counts(np.array([tp]), np.array([fp]), np.array([fn]))[0]
    if tp == 0:
        assert np.isnan(f1) if fp + fn == 0 else f1 == 0
    else:
        precision, recall = tp / (tp + fp), tp / (tp + fn)
        assert f1 == pytest.approx(2 * precision * recall / (precision + recall))
