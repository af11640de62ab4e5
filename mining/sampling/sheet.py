"""The sheet that a person fills in: a row per report, a cell per finding, as CSV and as XLSX.

It is blind: nothing in it, the order of rows included, says what was mined.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

MARK = "sheet_row"  # the column that tells our sheets from other files
REPORT, TEXT, JUDGED, NORMAL, NOTE, VOTES = (
    "report_id", "text", "judged", "normal", "note", "votes",
)  # fmt: skip
UNSURE = "?"
HOW_TO = (
    "One row per report. Read the text, then fill in its row.",
    "judged: 1 when you have read the report. Rows without it do not count.",
    "Findings: 1 = the report says that it is there; 0 or empty = it does not; "
    "? = you cannot tell (not scored).",
    "What the report hedges (“may represent”) counts by your team's agreement: write it down "
    "before you begin, and keep to it.",
    "normal: 1 = the report calls the chest normal. If nobody fills this column it is not asked.",
    "Do not sort out, add or delete rows, and leave the first two columns as they are. "
    "note is for you; it is not read back.",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_CELL = 32_767  # characters that a cell of a spreadsheet holds
_CUT = " … [cut here: read the rest at the source]"
_YELLOW = PatternFill("solid", fgColor="FFF2CC")
_GREY = PatternFill("solid", fgColor="EDEDED")


@dataclass(frozen=True)
class SheetRow:
    """A report to judge: its place in the sheet, its text, and cells that are filled already."""

    number: int
    report_id: str
    text: str
    answers: Mapping[str, str] = field(default_factory=dict)
    open: Collection[str] = ()  # columns to look at, coloured in XLSX


def header_of(findings: Sequence[str], *, votes: bool = False) -> tuple[str, ...]:
    """The columns of a sheet; with `votes` one that says how annotators disagree."""
    return (MARK, REPORT, TEXT, JUDGED, *findings, NORMAL, *((VOTES,) if votes else ()), NOTE)


def safe(text: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula.

    >>> safe("=2+2"), safe("No effusion.")
    ("'=2+2", 'No effusion.')
    """
    return f"'{text}" if text.startswith(_FORMULA) else text


def write_csv(path: Path, rows: Sequence[SheetRow], header: Sequence[str]) -> None:
    """Writes the sheet as CSV, marked as UTF-8 for spreadsheets. Errors: OSError."""
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        writer.writerows([safe(cell) for cell in _cells(row, header)] for row in rows)


def write_xlsx(path: Path, rows: Sequence[SheetRow], header: Sequence[str]) -> None:
    """Writes the sheet as XLSX: every cell is text, so that ids keep their noughts.

    Errors: OSError.
    """
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.title = "reports"
    sheet.append(list(header))
    for place, row in enumerate(rows, start=2):
        for column, (name, value) in enumerate(
            zip(header, _cells(row, header), strict=True), start=1
        ):
            cell = sheet.cell(place, column)
            assert isinstance(cell, Cell)
            _fill(cell, name, value)
            if name in row.open:
                cell.fill = _YELLOW
    _dress(sheet, header, len(rows))
    guide = book.create_sheet("how to")
    guide.column_dimensions["A"].width = 100
    for line in HOW_TO:
        guide.append([line])
    for (cell,) in guide.iter_rows():
        cell.alignment = Alignment(wrap_text=True)
    book.save(path)


def _cells(row: SheetRow, header: Sequence[str]) -> list[str]:
    known = {MARK: str(row.number), REPORT: row.report_id, TEXT: row.text}
    return [known[name] if name in known else row.answers.get(name, "") for name in header]


def _fill(cell: Cell, name: str, value: str) -> None:
    cell.number_format = "@"
    if not value:
        return
    clean = ILLEGAL_CHARACTERS_RE.sub(" ", value)
    cell.value = clean if len(clean) <= _CELL else clean[: _CELL - len(_CUT)] + _CUT
    cell.data_type = "s"  # also where it begins with "="
    if name in (REPORT, TEXT, VOTES):
        cell.alignment = Alignment(wrap_text=True, vertical="top")


def _dress(sheet: Worksheet, header: Sequence[str], rows: int) -> None:
    """Frozen header, widths, and a list of answers to choose from."""
    sheet.freeze_panes = "D2"
    widths = {MARK: 10, REPORT: 18, TEXT: 80, NOTE: 30, VOTES: 40}
    first, last = header.index(JUDGED), header.index(NORMAL)
    for column, name in enumerate(header, start=1):
        letter = get_column_letter(column)
        sheet.column_dimensions[letter].width = widths.get(name, max(10, len(name) + 2))
        top = sheet.cell(1, column)
        top.font, top.fill = Font(bold=True), _GREY
    answers = DataValidation("list", formula1='"1,0,?"', allow_blank=True)
    sheet.add_data_validation(answers)
    bounds = [get_column_letter(n + 1) for n in (first, last)]
    answers.add(f"{bounds[0]}2:{bounds[1]}{max(rows, 1) + 1}")
