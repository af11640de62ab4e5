"""Label tables as CSV files of other tools."""

import csv
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts import CHESTXRAY14, labels_contract
from mining.export import safe_cell, write_chexpert, write_nih


def table(*rows: tuple[str, dict[str, str]]) -> pa.Table:
    """A label table: report id and the findings it mentions."""
    records = [
        {
            "report_id": report_id,
            **{name: states.get(name) for name in CHESTXRAY14},
            "no_finding": set(states.values()) <= {"absent", None},
            "normal": False,
        }
        for report_id, states in rows
    ]
    return pa.Table.from_pylist(records, schema=labels_contract().schema)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize(
    ("states", "cell"),
    [
        ({"Mass": "present"}, "Mass"),
        ({"Nodule": "present", "Effusion": "present"}, "Effusion|Nodule"),
        ({"Effusion": "present", "Mass": "unparsed"}, "Effusion"),
        ({}, "No Finding"),
        ({"Effusion": "absent"}, "No Finding"),
        ({"Effusion": "uncertain"}, "No Finding"),
        ({"Effusion": "unparsed"}, ""),
    ],
    ids=[
        "one", "table order", "present beside unparsed", "nothing", "absent", "uncertain",
        "unparsed alone says nothing",
    ],
)  # fmt: skip
def test_nih_cell(tmp_path: Path, states: dict[str, str], cell: str) -> None:
    out = tmp_path / "nih.csv"
    assert write_nih(table(("R1", states)), out) == 1
    assert read(out) == [{"report_id": "R1", "Finding Labels": cell}]


@pytest.mark.parametrize(
    ("state", "cell", "no_finding"),
    [
        ("present", "1", ""),
        ("absent", "0", "1"),
        ("uncertain", "-1", ""),
        ("unparsed", "-1", ""),
        (None, "", "1"),
    ],
)
def test_chexpert_cell(tmp_path: Path, state: str, cell: str, no_finding: str) -> None:
    out = tmp_path / "chexpert.csv"
    write_chexpert(table(("R1", {"Edema": state})), out)
    (row,) = read(out)
    assert (row["Edema"], row["No Finding"], row["Mass"]) == (cell, no_finding, "")


def test_chexpert_has_a_column_per_finding_in_the_tables_order(tmp_path: Path) -> None:
    out = tmp_path / "chexpert.csv"
    write_chexpert(table(("R1", {})), out)
    assert list(read(out)[0]) == ["report_id", "No Finding", *CHESTXRAY14]


def test_every_report_has_a_row_in_the_tables_order(tmp_path: Path) -> None:
    out = tmp_path / "nih.csv"
    labels = table(*[(f"R{number}", {}) for number in (3, 1, 2)])
    assert write_nih(pa.concat_tables([labels.slice(0, 1), labels.slice(1)]), out) == 3
    assert [row["report_id"] for row in read(out)] == ["R3", "R1", "R2"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
@pytest.mark.parametrize("write", [write_nih, write_chexpert])
def test_a_formula_in_an_id_is_not_run(tmp_path: Path, start: str, write) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "out.csv"
    write(table((f"{start}cmd|' /C calc'!A0", {})), out)
    assert read(out)[0]["report_id"].startswith("'")


@given(st.text())
def test_no_safe_cell_starts_a_formula(text: str) -> None:
    assert not safe_cell(text).startswith(("=", "+", "-", "@", "\t", "\r"))


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    out = tmp_path / "nih.csv"
    out.write_text("before")
    broken = table(("R1", {})).drop_columns(["report_id"])
    with pytest.raises(KeyError):
        write_nih(broken, out)
    assert out.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["nih.csv"]
