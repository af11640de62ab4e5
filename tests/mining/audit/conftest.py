"""Small label and gold tables for the audit's tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from data_contracts import CHESTXRAY14, labels_contract
from mining.audit.gold import build_gold

Rows = Mapping[str, Mapping[str, Any]]


def _labels(rows: Rows) -> pa.Table:
    """A label table from {report_id: {finding: state}}; what is not named is null."""
    schema = labels_contract(CHESTXRAY14).schema
    records = [
        {
            "report_id": report_id,
            **{finding: row.get(finding) for finding in CHESTXRAY14},
            "normal": row.get("normal", False),
            "no_finding": "present" not in row.values(),
        }
        for report_id, row in rows.items()
    ]
    return pa.Table.from_pylist(records, schema=schema)


def _gold(rows: Rows, unjudged: tuple[str, ...] = ()) -> pa.Table:
    """A gold table from {report_id: {finding: True}}; what is not named is False."""
    columns: dict[str, list[Any]] = {
        finding: [row.get(finding, False) for row in rows.values()]
        for finding in (*CHESTXRAY14, "normal")
    }
    columns["report_id"] = list(rows)
    columns["judged"] = [report_id not in unjudged for report_id in rows]
    return build_gold(columns, annotator="reader")


@pytest.fixture
def make_labels() -> Callable[..., pa.Table]:
    return _labels


@pytest.fixture
def make_gold() -> Callable[..., pa.Table]:
    return _gold


@pytest.fixture
def data_folder() -> Path:
    folder = os.environ.get("CXRMINE_DATA")
    if not folder:
        pytest.skip("CXRMINE_DATA is not set: the published gold is not at hand")
    return Path(folder)
