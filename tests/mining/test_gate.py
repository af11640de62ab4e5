"""The gate's conditions: each can fail, and says what was found and what was wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pytest

from data_contracts import labels_contract
from mining.diffing import LabelDiff, diff_labels
from mining.gate import Condition, FindingLimits, GateLimits, check_gate

STAGES = {"ingest": {"rows_in": 100, "rejects": 3}, "label": {"rows_in": 97, "rejects": 0}}
FIGURES: dict[str, dict[str, Any]] = {
    "Mass": {
        "judged": 80, "precision": 0.9, "precision_interval": [0.84, 0.94],
        "recall": 0.8, "recall_interval": [0.7, 0.87],
    },
    "Hernia": {
        "judged": 4, "precision": None, "precision_interval": None,
        "recall": None, "recall_interval": None,
    },
}  # fmt: skip


def failed(
    limits: GateLimits,
    figures: Mapping[str, Mapping[str, Any]] | None = FIGURES,
    diff: LabelDiff | None = None,
) -> list[str]:
    conditions = check_gate(limits, figures=figures, stages=STAGES, diff=diff)
    return [str(one) for one in conditions if not one.passed]


def labels(states: dict[str, str | None]) -> pa.Table:
    columns = {"report_id": list(states), "Mass": list(states.values())}
    blank = [False] * len(states)
    return pa.table(
        {**columns, "no_finding": blank, "normal": blank}, schema=labels_contract(["Mass"]).schema
    )


def test_without_limits_everything_passes() -> None:
    assert failed(GateLimits()) == []
    assert failed(GateLimits(), figures=None) == []


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"max_reject_rate": 0.02},
         ["rejects of stage ingest: found 3 of 100, wanted at most 2.00%"]),
        ({"max_reject_rate": 0.03}, []),
        ({"findings": {"Mass": {"min_precision": 0.85}}},
         ["Mass, precision: found 0.900 with lower bound 0.840, "
          "wanted a lower bound of 0.850 or more"]),
        ({"findings": {"Mass": {"min_precision": 0.84, "min_recall": 0.7}}}, []),
        ({"findings": {"Mass": {"min_judged": 81}}},
         ["Mass, judged reports: found 80, wanted at least 81"]),
        ({"min_recall": 0.6, "findings": {"Hernia": {"min_recall": 0}}}, []),
        ({"min_judged": 4}, []),
    ],
    ids=str,
)  # fmt: skip
def test_each_limit_says_what_was_found(limits: dict[str, Any], said: list[str]) -> None:
    assert failed(GateLimits(**limits)) == said


def test_a_finding_without_cases_does_not_pass() -> None:
    assert failed(GateLimits(min_precision=0.5)) == [
        "Hernia, precision: found no case to judge it by, wanted a lower bound of 0.500 or more"
    ]


def test_a_finding_that_the_audit_does_not_know_does_not_pass() -> None:
    (said,) = failed(GateLimits(findings={"Mas": {"min_judged": 1}}))
    assert said.startswith("Mas, judged reports: found 0")


@pytest.mark.parametrize("limits", [{"min_judged": 1}, {"findings": {"Mass": {"min_recall": 0.1}}}])
def test_figures_are_asked_for_and_there_was_no_audit(limits: dict[str, Any]) -> None:
    said = failed(GateLimits(**limits), figures=None)
    assert said == ["audit: found none, wanted an audit against a gold"]


def test_flipped_and_lost_labels() -> None:
    old = labels({"A": "present", "B": "present", "C": "absent", "D": None})
    diff = diff_labels(old, labels({"A": "present", "B": "absent", "C": "absent"}))
    limits = GateLimits(max_flipped=0.3, max_lost=0.2)
    assert failed(limits, diff=diff) == [
        "labels flipped since the last set: found 1 of 3 (33.33%), wanted at most 30.00%",
        "reports of the last set that are gone: found 1 of 4, wanted at most 20.00%",
    ]
    assert failed(GateLimits(max_flipped=0.34, max_lost=0.25), diff=diff) == []


def test_own_limits_stand_before_common_ones() -> None:
    limits = GateLimits(min_precision=0.9, min_judged=10, findings={"Mass": {"min_judged": 50}})
    assert limits.of("Mass") == FindingLimits(0.9, 0.0, 50)
    assert limits.of("Edema") == FindingLimits(0.9, 0.0, 10)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"max_flipped": 1.2}, "max_flipped = 1.2: expected a share"),
        ({"min_judged": -1}, "expected 0 or more"),
        ({"findings": {"Mass": {"min_precison": 0.9}}}, "the nearest is min_precision"),
        ({"findings": {"Mass": {"min_precision": "high"}}}, "expected a number"),
        ({"findings": {"Mass": 0.9}}, r"expected a table, \[gate.findings.Mass\]"),
        ({"findings": {"Mass": {"min_recall": 2}}}, "min_recall = 2"),
    ],
    ids=str,
)
def test_limits_that_cannot_be_meant(limits: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        GateLimits(**limits)


def test_a_condition_is_plain_data() -> None:
    one = Condition("a", "b", "c", True)
    assert one.to_json() == {"name": "a", "wanted": "b", "found": "c", "passed": True}
