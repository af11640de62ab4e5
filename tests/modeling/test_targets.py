"""Labels → targets and weights, by every policy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts import CHESTXRAY8, MENTIONS, labels_contract
from modeling.targets import TargetError, targets_from_labels

NAN = float("nan")
STATES = ["present", "absent", "uncertain", "unparsed", None]


def _labels(states: list[str | None], finding: str = "Mass") -> pa.Table:
    rows = [
        {"report_id": f"r{n}", finding: state, "no_finding": False, "normal": False}
        for n, state in enumerate(states)
    ]
    return pa.Table.from_pylist(rows, schema=labels_contract([finding]).schema)


def _mentions(rows: list[tuple[str, str, str, float | None]]) -> pa.Table:
    columns = ("report_id", "finding", "verdict", "certainty")
    blank: dict[str, Any] = {field.name: None for field in MENTIONS.schema}
    table = [blank | dict(zip(columns, row, strict=True)) for row in rows]
    # Only the columns that are read matter here; the others would have values.
    fields = [MENTIONS.schema.field(name).with_nullable(True) for name in MENTIONS.columns]
    return pa.Table.from_pylist(table, schema=pa.schema(fields))


@pytest.mark.parametrize(
    ("uncertain", "not_mentioned", "expected"),
    [
        ("ignore", "zero", [1, 0, NAN, NAN, 0]),
        ("zero", "zero", [1, 0, 0, NAN, 0]),
        ("one", "zero", [1, 0, 1, NAN, 0]),
        ("ignore", "ignore", [1, 0, NAN, NAN, NAN]),
        ("one", "ignore", [1, 0, 1, NAN, NAN]),
    ],
)
def test_policies(uncertain: Any, not_mentioned: Any, expected: list[float]) -> None:
    targets = targets_from_labels(
        _labels(STATES), ["Mass"], uncertain=uncertain, not_mentioned=not_mentioned
    )
    np.testing.assert_array_equal(targets.values[:, 0], np.array(expected, np.float32))
    np.testing.assert_array_equal(targets.weights == 0, np.isnan(targets.values))
    assert targets.values.dtype == targets.weights.dtype == np.float32


def test_certainty_is_the_weight_of_an_uncertain_label() -> None:
    mentions = _mentions(
        [
            ("r0", "Mass", "uncertain", 0.2),
            ("r0", "Mass", "uncertain", 0.7),
            ("r0", "Mass", "present", 1.0),  # of another sentence: the label weighed them already
            ("r0", "Nodule", "uncertain", 0.9),
            ("r1", "Mass", "uncertain", None),
            ("elsewhere", "Mass", "uncertain", 0.5),
        ]
    )
    labels = _labels(["uncertain", "uncertain", "present", None])
    targets = targets_from_labels(labels, ["Mass"], uncertain="certainty", certainties=mentions)
    np.testing.assert_array_equal(targets.values[:, 0], np.array([1, NAN, 1, 0], np.float32))
    np.testing.assert_allclose(targets.weights[:, 0], [0.7, 0, 1, 1])


def test_rows_follow_the_reports_asked_for() -> None:
    targets = targets_from_labels(_labels(STATES), ["Mass"], report_ids=["r1", "r0", "r0"])
    assert targets.values.tolist() == [[0], [1], [1]]


def test_default_findings_are_those_of_the_paper_in_its_order() -> None:
    labels = pa.Table.from_pylist(
        [{"report_id": "a", "Nodule": "present", "no_finding": False, "normal": False}],
        schema=labels_contract().schema,
    )
    targets = targets_from_labels(labels)
    assert targets.findings == CHESTXRAY8
    assert targets.values.tolist() == [[float(name == "Nodule") for name in CHESTXRAY8]]


def test_take() -> None:
    targets = targets_from_labels(_labels(STATES), ["Mass"]).take([1, 0])
    assert targets.values.tolist() == [[0], [1]] and len(targets) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"findings": ["Hernia"]}, "no column 'Hernia'"),
        ({"report_ids": ["r0", "r9"]}, "1 reports without a row"),
        ({"uncertain": "maybe"}, "one of ignore, zero, one, certainty"),
        ({"not_mentioned": "one"}, "one of zero, ignore"),
        ({"uncertain": "certainty"}, "without certainties"),
        ({"certainties": _mentions([])}, "with certainties"),
    ],
)
def test_errors(options: dict[str, Any], message: str) -> None:
    with pytest.raises(TargetError, match=message):
        targets_from_labels(_labels(STATES), **({"findings": ["Mass"]} | options))


@given(st.lists(st.sampled_from(STATES), min_size=1), st.sampled_from(["ignore", "zero", "one"]))
def test_an_unparsed_label_is_never_a_target(states: list[str | None], uncertain: Any) -> None:
    targets = targets_from_labels(_labels(states), ["Mass"], uncertain=uncertain)
    known = ~np.isnan(targets.values[:, 0])
    assert not known[[state == "unparsed" for state in states]].any()
    assert set(np.unique(targets.values[known])) <= {0.0, 1.0}
