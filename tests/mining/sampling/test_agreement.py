"""Agreement of annotators, checked with published examples, and what they say together."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from mining.audit.gold import GoldError, build_gold
from mining.sampling import agreements, consensus, disputes
from mining.sampling.agreement import check_annotators

FINDINGS = ("Mass",)


def gold(who: str, votes: dict[str, bool | None], judged: bool = True) -> pa.Table:
    columns: dict[str, list[Any]] = {
        "report_id": list(votes), "Mass": list(votes.values()), "normal": [None] * len(votes),
        "judged": [judged] * len(votes),
    }  # fmt: skip
    return build_gold(columns, annotator=who, findings=FINDINGS)


def votes(text: str) -> dict[str, bool | None]:
    """One letter per report: 1, 0, or * where nobody has judged."""
    return {f"R{n}": {"1": True, "0": False}.get(letter) for n, letter in enumerate(text)}


def test_two_annotators_as_in_cohens_formula() -> None:
    # 50 reports: both yes 20, first only 5, second only 10, neither 15: kappa = (.7 - .5) / .5
    one = gold("anna", votes("1" * 25 + "0" * 25))
    two = gold("ben", votes("1" * 20 + "0" * 5 + "1" * 10 + "0" * 15))
    (mass,) = agreements([one, two], FINDINGS)
    assert (mass.reports, mass.disputed) == (50, 15)
    assert mass.cohen == pytest.approx(0.4)


def test_krippendorffs_alpha_of_his_binary_example() -> None:
    # Computing Krippendorff's Alpha-Reliability (2011), A: of ten units four differ, 6 values of 20
    # are 1: alpha = 1 - 19 * 4 / (14 * 6) = 0.095
    one, two = gold("anna", votes("0100000000")), gold("ben", votes("1110010010"))
    (mass,) = agreements([one, two], FINDINGS)
    assert mass.alpha == pytest.approx(0.095, abs=5e-4)


def test_fleiss_by_hand_over_reports_that_all_have_judged() -> None:
    # yes-counts 3, 1, 0, 2 of 3: P = (1 + 1/3 + 1 + 1/3) / 4 = 2/3, Pe = 1/2, kappa = 1/3
    golds = [gold(w, votes(v)) for w, v in (("a", "1101"), ("b", "1001"), ("c", "1000"))]
    golds[2] = gold("c", votes("1000") | {"extra": True})
    (mass,) = agreements(golds, FINDINGS)
    assert mass.fleiss == pytest.approx(1 / 3)
    assert mass.reports == 4


def test_where_all_say_the_same_there_is_nothing_to_measure() -> None:
    (mass,) = agreements([gold("a", votes("000")), gold("b", votes("000"))], FINDINGS)
    assert (mass.cohen, mass.fleiss, mass.alpha, mass.reports) == (None, None, None, 3)


def test_missing_answers_are_left_out() -> None:
    (mass,) = agreements([gold("a", votes("10*")), gold("b", votes("10*1"))], FINDINGS)
    assert (mass.reports, mass.cohen, mass.alpha) == (2, 1.0, 1.0)
    assert agreements([gold("a", votes("1*")), gold("b", votes("*1"))], FINDINGS) == []


def test_the_majority_stands_and_even_votes_stay_open() -> None:
    golds = [gold(w, votes(v)) for w, v in (("a", "110*"), ("b", "100*"), ("c", "1*0*"))]
    made = consensus(golds, FINDINGS)
    assert made["Mass"].to_pylist() == [True, None, False, None]
    assert made["annotator"].to_pylist()[0] == "a, b, c"
    (dispute,) = disputes(golds, FINDINGS)
    assert (dispute.report_id, dispute.yes, dispute.no) == ("R1", ("a",), ("b",))


def test_what_was_adjudicated_stands_where_it_was_judged() -> None:
    golds = [gold("a", votes("11")), gold("b", votes("00"))]
    settled = gold("chief", {"R0": False, "R1": None})
    assert consensus(golds, FINDINGS, adjudicated=settled)["Mass"].to_pylist() == [False, None]
    unread = gold("chief", {"R0": False}, judged=False)
    assert consensus(golds, FINDINGS, adjudicated=unread)["Mass"].to_pylist() == [None, None]


def test_two_files_of_one_annotator_are_a_mistake() -> None:
    with pytest.raises(GoldError, match="'anna' twice"):
        check_annotators([gold("anna", votes("1")), gold("anna", votes("1"))], "sheet.csv")
