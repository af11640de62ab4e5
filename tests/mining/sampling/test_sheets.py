"""Sheets: what people fill in comes back, and nothing in them runs or tells what was mined."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from mining.audit.gold import GoldError
from mining.sampling.filled import annotator_of, check_ids, is_filled, is_sheet, read_sheet
from mining.sampling.label_studio import interface, read_export, tasks
from mining.sampling.sheet import SheetRow, header_of, safe, write_csv, write_xlsx

FINDINGS = ("Mass", "Pleural_Thickening")
ROWS = [
    SheetRow(1, "007", "No mass."),
    SheetRow(2, "=cmd|'/c calc'!A1", "=HYPERLINK(\"http://x\")"),
    SheetRow(3, "R3", "+1 lesion\nsecond line, with \"quotes\""),
]  # fmt: skip
WRITERS = {".csv": write_csv, ".xlsx": write_xlsx}


@pytest.fixture(params=sorted(WRITERS))
def sheet(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"sheet_anna{request.param}"
    WRITERS[request.param](path, ROWS, header_of(FINDINGS))
    return path


def fill(path: Path, answers: dict[int, dict[str, Any]]) -> None:
    """Writes answers into a sheet as a spreadsheet would: row number → column → value."""
    if path.suffix == ".xlsx":
        book = load_workbook(path)
        page = book["reports"]
        header = [cell.value for cell in page[1]]
        for row, cells in answers.items():
            for name, value in cells.items():
                page.cell(row + 1, header.index(name) + 1).value = value
        book.save(path)
        return
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.reader(stream))
    for row, cells in answers.items():
        for name, value in cells.items():
            rows[row][rows[0].index(name)] = str(value)
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream).writerows(rows)


def answers(gold: pa.Table) -> dict[str, tuple[Any, ...]]:
    names = ("judged", *FINDINGS, "normal")
    return {row["report_id"]: tuple(row[n] for n in names) for row in gold.to_pylist()}


def test_filled_in_it_is_gold(sheet: Path) -> None:
    fill(sheet, {1: {"judged": 1, "Mass": 1, "normal": 0}, 2: {"judged": 1, "Mass": "?"}})
    gold = read_sheet(sheet, findings=FINDINGS)
    assert answers(gold) == {
        "007": (True, True, False, None),
        ROWS[1].report_id: (True, None, False, None),
        "R3": (False, None, None, None),
    }
    assert set(gold["annotator"].to_pylist()) == {"anna"}


def test_normal_is_asked_where_anybody_used_the_column(sheet: Path) -> None:
    fill(sheet, {1: {"judged": "1", "normal": "1"}, 3: {"judged": "x"}})
    read = answers(read_sheet(sheet, findings=FINDINGS))
    assert (read["007"][-1], read["R3"][-1]) == (True, False)


def test_an_empty_sheet_judges_nothing(sheet: Path) -> None:
    assert is_sheet(sheet) and not is_filled(sheet)
    gold = read_sheet(sheet, findings=FINDINGS)
    assert gold["judged"].to_pylist() == [False] * 3
    assert gold["report_id"].to_pylist() == [row.report_id for row in ROWS]
    fill(sheet, {2: {"judged": "1"}})
    assert is_filled(sheet)


def test_no_cell_is_a_formula(sheet: Path) -> None:
    if sheet.suffix == ".xlsx":
        cells = [cell for row in load_workbook(sheet)["reports"].iter_rows() for cell in row]
        assert {cell.data_type for cell in cells} <= {"s", "n"}  # n: empty
        assert all(cell.value is None for cell in cells if cell.data_type == "n")
        return
    with sheet.open(encoding="utf-8-sig", newline="") as stream:
        found = [cell for row in list(csv.reader(stream))[1:] for cell in row]
    assert not [cell for cell in found if cell.startswith(("=", "+", "-", "@"))]
    assert '\'=HYPERLINK("http://x")' in found


@given(text=st.text(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_any_text_can_stand_in_a_sheet(tmp_path: Path, text: str) -> None:
    clean = text.encode("utf-8", "replace").decode()
    row = SheetRow(1, f"R{clean}".strip().replace("\r", " ").replace("\n", " "), clean)
    for suffix, write in WRITERS.items():
        write(tmp_path / f"s{suffix}", [row], header_of(FINDINGS))
        assert read_sheet(tmp_path / f"s{suffix}", findings=FINDINGS).num_rows == 1
    assert not safe(clean).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_a_report_longer_than_a_cell_says_that_it_is_cut(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "s.xlsx", [SheetRow(1, "R", "word " * 9000)], header_of(FINDINGS))
    text = load_workbook(tmp_path / "s.xlsx")["reports"]["C2"].value
    assert isinstance(text, str)
    assert len(text) <= 32_767 and text.endswith("read the rest at the source]")


@pytest.mark.parametrize(
    ("filled", "said"),
    [
        ({1: {"Mass": 1}}, "answers, and nothing under judged"),
        ({1: {"judged": 1, "Mass": -1}}, "column Mass: found a value of 2 characters"),
        ({2: {"report_id": "007"}}, "report '007' twice"),
        ({2: {"report_id": "", "judged": 1, "Mass": 1}}, "an empty report_id"),
    ],
)
def test_mistakes_are_told_with_their_line(
    sheet: Path, filled: dict[int, dict[str, Any]], said: str
) -> None:
    fill(sheet, filled)
    with pytest.raises(GoldError, match=said):
        read_sheet(sheet, findings=FINDINGS)


def test_semicolons_and_old_encodings_of_spreadsheets_are_read(tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    lines = "sheet_row;report_id;text;judged;Mass;normal;note\n1;R1;No m\xe4ss.;1;1;;\n"
    path.write_bytes(lines.encode("cp1252"))
    assert read_sheet(path, findings=FINDINGS)["Mass"].to_pylist() == [True]


def test_ids_that_were_not_drawn_are_told(sheet: Path) -> None:
    gold = read_sheet(sheet, findings=FINDINGS)
    check_ids(sheet, gold, dict.fromkeys(row.report_id for row in ROWS))
    with pytest.raises(GoldError, match="007 becomes 7"):
        check_ids(sheet, gold, {"R3": None})


def test_what_is_no_workbook_is_told(tmp_path: Path) -> None:
    path = tmp_path / "sheet.xlsx"
    path.write_bytes(b"no workbook")
    with pytest.raises(GoldError, match="no workbook"):
        read_sheet(path, findings=FINDINGS)
    assert not is_sheet(tmp_path / "gold.csv")
    assert annotator_of(path) == "sheet"


def annotation(there: list[str], unsure: list[str] = [], **more: Any) -> dict[str, Any]:  # noqa: B006
    result = [
        {"from_name": name, "to_name": "report", "type": "choices", "value": {"choices": chosen}}
        for name, chosen in (("findings", there), ("unsure", unsure))
        if chosen
    ]
    return {"completed_by": 1, "was_cancelled": False, "result": result, **more}


def export(path: Path, *annotations: list[dict[str, Any]]) -> Path:
    made = [
        {**task, "id": number, "annotations": own}
        for number, (task, own) in enumerate(zip(tasks(ROWS), annotations, strict=False))
    ]
    path.write_text(json.dumps(made))
    return path


def test_label_studio_gives_one_gold_per_annotator(tmp_path: Path) -> None:
    ben = {"completed_by": {"id": 2, "email": "ben@x"}}
    path = export(
        tmp_path / "export.json",
        [annotation(["Mass"]), annotation([], **ben)],
        [annotation([], ["Mass"]), annotation(["Mass"], was_cancelled=True, **ben)],
    )
    one, other = read_export(path, findings=FINDINGS)
    assert answers(one) == {
        "007": (True, True, False, None), ROWS[1].report_id: (True, None, False, None),
    }  # fmt: skip
    assert answers(other) == {
        "007": (True, False, False, None), ROWS[1].report_id: (False, None, None, None),
    }  # fmt: skip
    assert other["annotator"].to_pylist()[0] == "ben@x"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{}", "a dict"),
        ("nope", "no JSON"),
        ("[]", "no annotation"),
        ('[{"data": {"report_id": "R"}, "findings": "Mass"}]', "task 1: found no list"),
        ('[{"data": {}, "annotations": []}]', "no report_id"),
    ],
)
def test_what_is_no_export_is_told(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "export.json"
    path.write_text(content)
    with pytest.raises(GoldError, match=said):
        read_export(path, findings=FINDINGS)


def test_an_unknown_choice_and_a_second_annotation_are_told(tmp_path: Path) -> None:
    with pytest.raises(GoldError, match="no finding of the labels"):
        read_export(export(tmp_path / "a.json", [annotation(["Moss"])]), findings=FINDINGS)
    twice = [annotation(["Mass"]), annotation([])]
    with pytest.raises(GoldError, match="judged twice by 1"):
        read_export(export(tmp_path / "b.json", twice), findings=FINDINGS)


def test_the_interface_offers_every_finding() -> None:
    made = interface(['A "quoted" & <odd> name'])
    assert made.count("<Choice value='A \"quoted\" &amp; &lt;odd&gt; name' />") == 2
