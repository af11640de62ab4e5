"""Which version of a report is labelled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mining.ingest.versions import Fate, Version, resolve

K, S, D, F, C = Fate.KEPT, Fate.SUPERSEDED, Fate.DUPLICATE, Fate.FILTERED, Fate.CONFLICT


def v(text="a", version=None, received=None, status=None):
    return Version(text, version, received, status)


CASES = {
    "alone": ([v()], [K]),
    "newer version": ([v("a", 1), v("b", 2)], [S, K]),
    "newer version first": ([v("b", 2), v("a", 1)], [K, S]),
    "newer by time": ([v("a", received=1), v("b", received=2)], [S, K]),
    "version before time": ([v("a", 2, 1), v("b", 1, 2)], [K, S]),
    "time breaks a tie": ([v("a", 1, 5), v("b", 1, 4)], [K, S]),
    "amended beats final": ([v("b", status="amended"), v("a", status="final")], [K, S]),
    "final newer than amended": ([v("a", 1, status="amended"), v("b", 2, status="final")], [S, K]),
    "preliminary never beats": ([v("a", 1), v("b", 2, status="preliminary")], [K, S]),
    "preliminary alone": ([v("a", status="preliminary")], [K]),
    "newer preliminary": (
        [v("a", 1, status="preliminary"), v("b", 2, status="preliminary")],
        [S, K],
    ),
    "same twice": ([v("a", 1), v("a", 1)], [K, D]),
    "null status is final": ([v("a", status=None), v("a", status="final")], [K, D]),
    "same text, newer": ([v("a", 1), v("a", 2)], [S, K]),
    "same text, order unknown": ([v("a", 1), v("a")], [K, D]),
    "conflict": ([v("a"), v("b")], [C, C]),
    "conflict of three": ([v("a"), v("b"), v("a")], [C, C, D]),
    "conflict at the top": ([v("a", 1), v("b", 2), v("c", 2)], [S, C, C]),
    "order missing in one": ([v("a", 1), v("b")], [C, C]),
    "preliminaries conflict": (
        [v("a", status="preliminary"), v("b", status="preliminary")],
        [C, C],
    ),
    "cancelled alone": ([v(status="cancelled")], [F]),
    "cancelled last": ([v("a", 1), v("b", 2), v("", 3, status="cancelled")], [S, S, F]),
    "cancelled without order": ([v("", status="cancelled"), v("a")], [F, S]),
    "final after cancelled": ([v("", 1, status="cancelled"), v("b", 2)], [S, K]),
    "preliminary after cancelled": (
        [v("", 1, status="cancelled"), v("b", 2, status="preliminary")],
        [F, S],
    ),
    "cancelled twice": ([v("", status="cancelled"), v("", status="cancelled")], [F, D]),
}


@pytest.mark.parametrize(("versions", "fates"), CASES.values(), ids=CASES)
def test_fates(versions, fates):
    assert resolve(versions) == fates


STATES = st.sampled_from([None, "preliminary", "final", "amended", "cancelled"])
NUMBERS = st.none() | st.integers(0, 3)
VERSIONS = st.lists(
    st.builds(Version, st.sampled_from("abc"), NUMBERS, NUMBERS, STATES), min_size=1, max_size=6
)


@given(VERSIONS)
def test_at_most_one_is_kept_and_never_a_cancelled_one(versions):
    kept = [one for one, fate in zip(versions, resolve(versions), strict=True) if fate is K]
    assert len(kept) <= 1
    assert all(one.status != "cancelled" for one in kept)


@given(VERSIONS, st.randoms())
def test_the_order_of_the_source_does_not_choose_the_text(versions, random):
    def kept(order):
        fates = zip(order, resolve(order), strict=True)
        return [one.text_sha256 for one, fate in fates if fate is K]

    shuffled = random.sample(versions, len(versions))
    assert kept(versions) == kept(shuffled)


@given(VERSIONS)
def test_a_conflict_is_never_decided(versions):
    fates = resolve(versions)
    assert C not in fates or K not in fates
