"""docs/label_semantics.md says what the code does."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from data_contracts import MENTIONS, Verdict, labels_contract
from mining.export import write_chexpert, write_nih
from mining.profiles import load_profile, profile_names

DOC = (Path(__file__).parents[2] / "docs" / "label_semantics.md").read_text(encoding="utf-8")


def table_under(title: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its header."""
    section = DOC.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return rows[2:]


def test_the_aggregation_table_is_the_one_that_is_used() -> None:
    written = {
        frozenset(Verdict(state) for state in seen.split(", ")): Verdict(label)
        for seen, label in table_under("From mentions to a label")
    }
    assert written == load_profile("clinical").aggregation.table


def test_every_profile_is_described() -> None:
    assert sorted(row[0].strip("`") for row in table_under("Profiles")) == profile_names()


def test_every_state_is_described() -> None:
    states = [row[0].strip("`") for row in table_under("The states")]
    assert states == ["present", "absent", "uncertain", "unparsed", "null"]


def labels(state: str) -> pa.Table:
    row = {
        "report_id": "a", "Mass": None if state == "null" else state, "no_finding": False,
        "normal": False,
    }  # fmt: skip
    return pa.Table.from_pylist([row], schema=labels_contract(["Mass"]).schema)


@pytest.mark.parametrize("row", table_under("What the exporters write"), ids=lambda row: row[0])
def test_the_exporters_write_what_is_said(row: list[str], tmp_path: Path) -> None:
    state, chexpert, nih = row
    write_chexpert(labels(state), tmp_path / "c.csv")
    write_nih(labels(state), tmp_path / "n.csv")
    with (tmp_path / "c.csv").open() as stream:
        assert next(csv.DictReader(stream))["Mass"] == chexpert.replace("blank", "")
    with (tmp_path / "n.csv").open() as stream:
        cell = next(csv.DictReader(stream))["Finding Labels"]
    said = "Mass" if nih.startswith("name") else "" if "is empty" in nih else "No Finding"
    assert cell == said


@pytest.mark.parametrize("row", table_under("What a network is trained on"), ids=lambda row: row[0])
def test_the_targets_are_what_is_said(row: list[str]) -> None:
    targets = pytest.importorskip("modeling.targets")
    said, value, weight = row
    state = said.split(",")[0]
    options: dict[str, Any] = dict(re.findall(r"`(\w+)=(\w+)`", said))
    sure = 0.7
    if options.get("uncertain") == "certainty":
        blank: dict[str, Any] = dict.fromkeys(MENTIONS.columns)
        options["certainties"] = pa.Table.from_pylist(
            [
                blank
                | {"report_id": "a", "finding": "Mass", "verdict": "uncertain", "certainty": c}
                for c in (0.2, sure)
            ],
            schema=pa.schema([field.with_nullable(True) for field in MENTIONS.schema]),
        )
    made = targets.targets_from_labels(labels(state), ["Mass"], **options)
    wanted = np.float32(sure if "certainty" in weight else weight)
    assert made.weights[0, 0] == wanted
    assert str(made.values[0, 0]) == ("nan" if value == "–" else f"{float(value)}")
