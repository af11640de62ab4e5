"""Sheets that people have filled in, read back as gold."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import pyarrow as pa
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from mining.audit.gold import GoldError, build_gold
from mining.sampling.sheet import JUDGED, MARK, NORMAL, REPORT, UNSURE

_TRUE = frozenset({"1", "1.0", "true", "x", "yes"})
_FALSE = frozenset({"0", "0.0", "false", "no"})
_XLSX = (".xlsx", ".xlsm")


def is_sheet(path: Path) -> bool:
    """Whether the file is one of our sheets: a workbook, or a CSV file with our first column."""
    if path.suffix.lower() in _XLSX:
        return True
    if path.suffix.lower() not in (".csv", ".tsv", ".txt") or not path.is_file():
        return False
    with path.open("rb") as stream:
        return MARK.encode() in stream.readline(100_000)


def is_filled(path: Path) -> bool:
    """Whether any row of the sheet is marked as judged. GoldError when it cannot be read."""
    header, rows = _read_rows(path)
    if JUDGED not in header:
        return False
    place = header.index(JUDGED)
    return any(_unescaped(cells[place]).casefold() in _TRUE for _, cells in rows)


def annotator_of(path: Path) -> str:
    """The annotator that a file's name tells of.

    >>> annotator_of(Path("out/sheet_anna.xlsx")), annotator_of(Path("ben.csv"))
    ('anna', 'ben')
    """
    return path.stem.removeprefix("sheet_").removeprefix("sheet") or path.stem


def read_sheet(path: Path, *, findings: Sequence[str], annotator: str | None = None) -> pa.Table:
    """The gold table of a filled sheet: one row per report, all by one annotator.

    In a row with `judged` an empty cell means that the finding is not there, "?" that nobody can
    tell (null). Rows without `judged` are not judged. `normal` is null where nobody filled it in.
    GoldError when a cell cannot be read, a row was answered but not marked as judged, or a report
    comes twice; OSError.
    """
    header, rows = _read_rows(path)
    places = {name: header.index(name) for name in header if name}
    for name in (REPORT, JUDGED):
        if name not in places:
            raise GoldError(
                path, "header", f"columns {', '.join(header)[:200]}", f"a column {name!r}",
                "Give a sheet that `cxrmine sample` has written.",
            )  # fmt: skip
    asked = [name for name in (*findings, NORMAL) if name in places]
    table: dict[str, list[Any]] = {name: [] for name in (REPORT, *findings, NORMAL, JUDGED)}
    seen: dict[str, int] = {}
    for line, cells in rows:
        report_id = _unescaped(cells[places[REPORT]])
        answers = {name: cells[places[name]].strip() for name in asked}
        if not report_id and not any(answers.values()):
            continue
        _check_id(path, line, report_id, seen)
        judged = _flag(path, line, JUDGED, cells[places[JUDGED]].strip()) is True
        if not judged and any(answers.values()) and not cells[places[JUDGED]].strip():
            raise GoldError(
                path, f"line {line}", "answers, and nothing under judged", "1 under judged",
                "Mark the row as judged, or with 0 if it is not to count.",
            )  # fmt: skip
        table[REPORT].append(report_id)
        table[JUDGED].append(judged)
        for name in (*findings, NORMAL):
            answer = answers.get(name)
            value = None if answer is None or not judged else _flag(path, line, name, answer)
            table[name].append(value)
    if not any(table[NORMAL]):  # nobody used the column: it was not asked
        table[NORMAL] = [None] * len(table[NORMAL])
    return build_gold(table, annotator=annotator or annotator_of(path), findings=findings)


def check_ids(path: Path, gold: pa.Table, sample: Mapping[str, Any]) -> None:
    """Nothing, if every report of the gold was drawn. GoldError otherwise."""
    strange = [report for report in gold[REPORT].to_pylist() if report not in sample]
    if strange:
        raise GoldError(
            path,
            f"{len(strange)} of {gold.num_rows} rows",
            f"ids that were not drawn, the first {strange[0]!r}",
            "the ids of the sample",
            "Spreadsheets change ids in CSV files (007 becomes 7): fill in the .xlsx sheet.",
        )


def _check_id(path: Path, line: int, report_id: str, seen: dict[str, int]) -> None:
    if not report_id:
        raise GoldError(path, f"line {line}", "an empty report_id", "a report id", "Restore it.")
    if report_id in seen:
        raise GoldError(
            path, f"lines {seen[report_id]} and {line}", f"report {report_id!r} twice",
            "one row per report", "Keep one of the rows.",
        )  # fmt: skip
    seen[report_id] = line


def _flag(path: Path, line: int, column: str, cell: str) -> bool | None:
    value = _unescaped(cell).casefold()
    if value in _TRUE:
        return True
    if value in _FALSE or not value:
        return False
    if value == UNSURE:
        return None
    raise GoldError(
        path,
        f"line {line}, column {column}",
        f"a value of {len(value)} characters that is none of these",
        "1, 0, ? or empty",
        "Decide what hedges shall mean before judging, and keep to it.",
    )


def _unescaped(cell: str) -> str:
    """The cell without the apostrophe that kept it from being a formula."""
    cell = cell.strip() if not cell.startswith("'") else cell
    return cell[1:] if cell.startswith("'") and cell[1:2] in "=+-@\t\r\n" else cell


def _read_rows(path: Path) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    rows = _workbook(path) if path.suffix.lower() in _XLSX else _csv(path)
    _, header = next(rows, (1, []))
    header = [name.strip() for name in header]

    def full() -> Iterator[tuple[int, list[str]]]:
        for line, cells in rows:
            yield line, cells + [""] * (len(header) - len(cells))

    return header, full()


def _workbook(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ParseError, ValueError) as error:
        raise GoldError(
            path, "the file", f"no workbook ({type(error).__name__})", "an .xlsx file",
            "Save it as .xlsx again.",
        ) from error  # fmt: skip
    try:
        for line, cells in enumerate(book.worksheets[0].iter_rows(values_only=True), start=1):
            yield line, ["" if cell is None else str(cell) for cell in cells]
    finally:
        book.close()


def _csv(path: Path) -> Iterator[tuple[int, list[str]]]:
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:  # a spreadsheet has saved it in its own way; ids are still checked
        text = content.decode("cp1252", errors="replace")
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    for cells in reader:
        yield reader.line_num, cells
