"""Single decisions and forest rows: what the page of an audit is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa
import pytest

from mining.audit import AuditResult, audit
from mining.audit.cases import count_by_finding, count_by_rule, right_cases, wrong_cases
from mining.audit.forest import forest_rows
from mining.audit.table import load_reference

Make = Callable[..., pa.Table]


@pytest.fixture
def result(make_labels: Make, make_gold: Make) -> AuditResult:
    labels = make_labels(
        {
            "a": {"Mass": "present", "Edema": "absent"},
            "b": {"Mass": "present", "normal": True},
            "c": {"Edema": "uncertain"},
        }
    )
    gold = make_gold({"a": {"Mass": True, "Edema": True}, "b": {}, "c": {"Edema": True}})
    return audit(labels, gold, bootstrap=50)


def test_wrong_cases_are_the_disagreements_without_normal(result: AuditResult) -> None:
    cases = wrong_cases(result.scored)
    listed = {
        (r["report_id"], r["finding"], r["state"])
        for r in result.disagreements.to_pylist()
        if r["finding"] != "normal"
    }
    assert {(c.report_id, c.finding, c.state) for c in cases} == listed
    assert [(c.pair, c.outcome, c.right) for c in cases] == [
        (("b", "Mass"), "false positive", False),
        (("a", "Edema"), "false negative", False),
        (("c", "Edema"), "false negative", False),
    ]


def test_right_cases_are_the_true_positives(result: AuditResult) -> None:
    cases = right_cases(result.scored)
    assert [(c.pair, c.state, c.right) for c in cases] == [(("a", "Mass"), "present", True)]
    assert len(cases) == result.micro.tp


def test_a_case_counts_with_each_of_its_rules(result: AuditResult) -> None:
    one, other, silent = wrong_cases(result.scored)
    cases = [replace(one, rules=("r1", "r2")), replace(other, rules=("r2",)), silent]
    assert count_by_rule(cases) == {
        ("r1", "false positive"): 1, ("r2", "false positive"): 1, ("r2", "false negative"): 1,
        ("", "false negative"): 1,
    }  # fmt: skip
    assert count_by_finding(cases)["Edema", "r2"] == 1


def test_the_forest_has_each_finding_and_the_pooled_rows(result: AuditResult) -> None:
    rows = {row.title: row for row in forest_rows(result, load_reference())}
    assert list(rows)[-5:] == [
        "micro", "micro, without Hernia", "micro, 8 of ChestX-ray8", "macro", "normal",
    ]  # fmt: skip
    assert rows["Mass"].basis == "1 / 1 / 0"
    precision, recall, f1 = rows["Mass"].bars
    assert (precision.value, recall.value, f1.value) == (0.5, 1.0, pytest.approx(2 / 3))
    assert precision.low is not None and precision.low < 0.5 < (precision.high or 0)
    assert (precision.paper, recall.paper, f1.paper) == (1.0, 0.667, 0.8)
    assert rows["Pneumonia"].bars[0].value is None
    assert [bar.paper for bar in rows["micro"].bars] == pytest.approx([0.898, 0.85, 0.873])
    assert rows["macro"].bars[0].paper is None


def test_without_a_paper_there_are_no_figures_of_one(result: AuditResult) -> None:
    assert {bar.paper for row in forest_rows(result) for bar in row.bars} == {None}
