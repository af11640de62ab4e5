"""Strata and sizes of a sample: every report in one stratum, rare kinds oversampled."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts import CHESTXRAY14, MENTIONS, labels_contract
from mining.audit import audit
from mining.profiles import load_profile
from mining.sampling import (
    Plan,
    SampleError,
    Stratum,
    allocate,
    cells_of,
    draw_sample,
    plan_sample,
    positive_reports,
    strata_of,
)
from mining.sampling.design import SMALLEST, Cell, effective_sizes

CELLS = st.dictionaries(
    st.integers(0, 400).map(str),
    st.lists(
        st.tuples(
            st.sampled_from(["Mass", "Edema"]),
            st.sampled_from(["present", "absent", "uncertain"]),
            st.sampled_from(["r1", "r2", "r3"]),
        ),
        max_size=3,
    ),
    min_size=1,
)


def strata(*sizes: int) -> list[Stratum]:
    return [
        Stratum(("F", "absent", f"r{n}"), tuple(f"{n}-{i}" for i in range(size)))
        for n, size in enumerate(sizes)
    ]


@given(CELLS, st.integers(1, 12))
def test_every_report_is_in_one_stratum(cells: dict[str, list[Cell]], most: int) -> None:
    made = strata_of(cells, most)
    assert sorted(r for s in made for r in s.report_ids) == sorted(cells)
    assert 1 <= len(made) <= most


@given(st.lists(st.integers(1, 300), min_size=1, max_size=8), st.integers(1, 900))
def test_allocation_adds_up_and_asks_for_no_more_than_there_is(sizes: list[int], size: int) -> None:
    made = strata(*sizes)
    least = sum(min(SMALLEST, n) for n in sizes)
    if least > min(size, sum(sizes)):
        with pytest.raises(SampleError, match="Ask for"):
            allocate(made, size)
        return
    drawn = allocate(made, size)
    assert sum(drawn) == min(size, sum(sizes))
    for number, whole in zip(drawn, sizes, strict=True):
        assert min(SMALLEST, whole) <= number <= whole


def test_a_positive_label_puts_a_report_among_positive_ones() -> None:
    cells: dict[str, list[Cell]] = {
        "a": [("Mass", "present", "r"), ("Edema", "absent", "rare")],
        "b": [("Mass", "present", "r")],
        "c": [("Edema", "absent", "other")],
        "d": [],
    }
    made = {s.name: s.report_ids for s in strata_of(cells, 9)}
    assert made["Mass, present, r"] == ("a", "b")
    assert made["nothing mentioned"] == ("d",)


def test_where_strata_are_few_bold_claims_are_joined_last() -> None:
    cells: dict[str, list[Cell]] = {f"p{n}": [("Mass", "present", "r")] for n in range(3)}
    cells |= {f"q{n}": [("Edema", "present", "r")] for n in range(3)}
    cells |= {f"a{n}": [("Edema", "absent", f"r{n % 4}")] for n in range(20)}
    names = {s.name for s in strata_of(cells, 3)}
    assert names == {"Mass, present, r", "Edema, present, r", "Edema, absent"}


def test_rare_strata_are_oversampled() -> None:
    drawn = allocate(strata(5000, 100), 400)
    assert drawn[1] / 100 > 2 * drawn[0] / 5000


def test_positive_reports_are_sought() -> None:
    made = [
        Stratum(("F", state, "r"), tuple(f"{state}{i}" for i in range(1000)))
        for state in ("absent", "present")
    ]
    absent, present = allocate(made, 400)
    assert present > 2 * absent


def test_the_draw_is_repeatable_and_weighs_what_it_stands_for() -> None:
    made = strata(300, 40)
    one, again = (draw_sample(made, [30, 20], seed=3) for _ in range(2))
    assert one.equals(again)
    assert not one.equals(draw_sample(made, [30, 20], seed=4))
    assert sum(one["weight"].to_pylist()) == pytest.approx(340)
    assert len(set(one["report_id"].to_pylist())) == 50


def test_order_of_rows_says_nothing_of_the_stratum() -> None:
    names = draw_sample(strata(300, 300), [50, 50], seed=1)["stratum"].to_pylist()
    changes = sum(a != b for a, b in pairwise(names))
    assert changes > 25  # 1 if the strata came one after the other


def test_a_narrower_interval_needs_more_reports() -> None:
    cells: dict[str, list[Cell]] = {
        f"m{n}": [("Mass", "present", f"r{n % 3}")] for n in range(500)
    } | {f"x{n}": [] for n in range(2000)}
    positive = {"Mass": frozenset(f"m{n}" for n in range(500))}
    wide, narrow = (plan_sample(cells, positive, width=w) for w in (0.2, 0.08))
    assert wide.size < narrow.size < 2500
    assert effective_sizes(narrow, positive)["Mass"] > effective_sizes(wide, positive)["Mass"]


def test_the_wished_width_is_what_an_audit_then_finds(
    make_labels: Callable[..., pa.Table], make_gold: Callable[..., pa.Table]
) -> None:
    """Two findings, a common one by several rules and a rarer one, nine of ten labels right."""
    cells: dict[str, list[Cell]] = {
        f"m{n}": [("Mass", "present", f"r{n % 4}")] for n in range(1500)
    }
    cells |= {f"e{n}": [("Edema", "present", "r")] for n in range(250)}
    cells |= {f"x{n}": [] for n in range(1500)}
    labels = make_labels({r: {own[0][0]: "present"} if own else {} for r, own in cells.items()})
    gold = make_gold(
        {r: {own[0][0]: int(r[1:]) % 10 != 3} if own else {} for r, own in cells.items()}
    )
    positive = positive_reports(labels, ["Mass", "Edema"])
    plan = plan_sample(cells, positive, width=0.12)
    assert plan.size < 700  # of 3,250
    found = audit(
        labels, gold, findings=("Mass", "Edema"), bootstrap=1,
        sample=draw_sample(plan.strata, plan.drawn, seed=2),
    )  # fmt: skip
    for score in found.findings.values():
        assert score.precision_interval is not None
        low, high = score.precision_interval
        assert 0.09 < high - low < 0.14


def test_without_a_positive_label_a_width_asks_for_little() -> None:
    plan = plan_sample({str(n): [] for n in range(300)}, {"Mass": frozenset()}, width=0.1)
    assert plan.drawn == (SMALLEST,)


def test_a_whole_stratum_leaves_nothing_open() -> None:
    plan = Plan(tuple(strata(30)), (30,))
    assert effective_sizes(plan, {"F": frozenset(plan.strata[0].report_ids)}) == {"F": float("inf")}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "both a size and a width, or neither"),
        ({"size": 5, "width": 0.1}, "both"),
        ({"width": 1.5}, "width 1.5"),
        ({"size": 0}, "size 0"),
    ],
)
def test_impossible_wishes(asked: dict[str, float], said: str) -> None:
    with pytest.raises(SampleError, match=said):
        plan_sample({"a": []}, {}, **asked)  # type: ignore[arg-type]


def test_cells_name_the_rules_that_gave_the_label_its_state() -> None:
    states = {name: [None] for name in CHESTXRAY14} | {"Mass": ["present"], "Edema": ["absent"]}
    labels = pa.table(
        {"report_id": ["A"], **states, "no_finding": [False], "normal": [False]},
        schema=labels_contract(CHESTXRAY14).schema,
    )

    def mention(start: int, finding: str, verdict: str, rule: str) -> dict[str, object]:
        return {
            "report_id": "A", "section": "", "sentence_index": 0, "sentence_id": "0" * 32,
            "start": start, "end": start + 4, "text": "mass", "finding": finding, "cui": None,
            "concept_form": None, "concept_source": "phrase", "similarity": None,
            "verdict": verdict, "certainty": 1.0, "temporality": "current",
            "experiencer": "patient", "rule_id": rule, "cue_starts": [], "cue_ends": [],
        }  # fmt: skip

    pieces = [
        pa.Table.from_pylist([row], schema=MENTIONS.schema)
        for row in (
            mention(0, "Mass", "present", "default.present"),
            mention(9, "Mass", "absent", "neg.no"),
        )
    ]
    cells = cells_of(labels, CHESTXRAY14, pieces, load_profile("clinical"))
    assert cells == {"A": [("Mass", "present", "default.present"), ("Edema", "absent")]}
    assert positive_reports(labels, ["Mass", "Edema"]) == {
        "Mass": frozenset({"A"}), "Edema": frozenset(),
    }  # fmt: skip
