"""Files of boxes and of rows, read as tables: NIH's list, Parquet from any hand, lists of ids."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import (
    BOXES,
    Checked,
    UnknownFindingError,
    check_rows,
    nih_name,
    read_table,
)

from .nih import NihFileError, read_box_list

_NUMBERS = ("x", "y", "w", "h", "score")
_HEADERS = ("image_id", "image index")


class RowsFileError(ValueError):
    """A file of rows names none: its `path` and what was `found`."""

    def __init__(self, path: Path, found: str) -> None:
        self.path, self.found = path, found
        super().__init__(
            f"{path}: found {found}, expected an image id a line, or image id and finding "
            "with a comma between. List the rows that got boxes."
        )


def read_boxes(path: str | Path) -> Checked:
    """The `boxes` table in a file, and the rows that break its contract as rejects.

    A .csv or .csv.gz is read as NIH's box list; anything else as a `boxes` table in Parquet, file
    or folder of parts, from any hand: score and source may be missing, numbers be of any kind, and
    further columns are passed over. Findings come out under their NIH names. ContractError or
    NihFileError when the columns are not those of boxes.
    """
    path = Path(path)
    if path.name.lower().endswith((".csv", ".csv.gz")):
        return read_box_list(path)
    if path.suffix.lower() in (".txt", ".tsv", ".json", ".jsonl"):
        raise NihFileError(path, f"a {path.suffix} file", "a boxes table in Parquet or a CSV list")
    return check_rows(_plain(read_table(path)), BOXES, stage="read_boxes")


def read_rows(path: str | Path) -> set[str | tuple[str, str]]:
    """The rows that a file lists: image ids, and (image id, finding) where a finding follows.

    The first line may be a header that begins with image_id or Image Index. RowsFileError when
    there is no row or a finding is unknown.
    """
    path = Path(path)
    rows: set[str | tuple[str, str]] = set()
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise RowsFileError(path, f"no text ({type(error).__name__})") from error
    for number, cells in enumerate(lines, start=1):
        image, finding = ([cell.strip() for cell in cells] + ["", ""])[:2]
        if not image or (number == 1 and image.lower() in _HEADERS):
            continue
        try:
            rows.add((image, nih_name(finding)) if finding else image)
        except UnknownFindingError as error:
            raise RowsFileError(path, f"in line {number}: {error}") from error
    if not rows:
        raise RowsFileError(path, "no row")
    return rows


def _plain(table: pa.Table) -> pa.Table:
    """The table with the columns of boxes as near to the contract as they can be brought."""
    columns = {}
    for name in BOXES.columns:
        if name not in table.column_names:
            if BOXES.schema.field(name).nullable:
                columns[name] = pa.nulls(table.num_rows, BOXES.schema.field(name).type)
            continue
        column = table[name]
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_string_view(column.type):
            column = column.cast(pa.string())
        if name in _NUMBERS and (
            pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
        ):
            column = column.cast(pa.float64())
            # Infinite is as little a place as NaN is, which the contract refuses.
            column = pc.if_else(pc.is_finite(column), column, pa.scalar(np.nan))
        if name == "finding" and _is_text(column.type):
            column = _nih_names(column)
        columns[name] = column
    return pa.table(columns)


def _is_text(kind: pa.DataType) -> bool:
    """Whether these are texts; pandas writes large ones."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _nih_names(column: pa.ChunkedArray) -> pa.Array:
    """NIH names; null, which the contract refuses, for what is no finding."""
    known: dict[str | None, str | None] = {None: None}
    for name in column.unique().to_pylist():
        try:
            known[name] = nih_name(name) if name is not None else None
        except UnknownFindingError:
            known[name] = None
    return pa.array([known[name] for name in column.to_pylist()], pa.string())
