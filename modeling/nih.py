"""NIH's own files as tables: the box list and the data entries, with what could not be read."""

from __future__ import annotations

import csv
import gzip
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from data_contracts import (
    BOXES,
    CHESTXRAY14,
    REJECTS,
    Checked,
    UnknownFindingError,
    check_rows,
    fingerprint,
    labels_contract,
    nih_name,
)

NO_FINDING = "No Finding"
SOURCE = "NIH"

# What a column is called in the files' versions; headers are split at commas, brackets and all.
_BOX_COLUMNS = {
    "image_id": ("image index",),
    "finding": ("finding label",),
    "x": ("bbox [x", "bbox[x", "x"),
    "y": ("y",),
    "w": ("w",),
    "h": ("h]", "h"),
}
_ENTRY_COLUMNS = {
    "image_id": ("image index",),
    "findings": ("finding labels",),
    "follow_up": ("follow-up #",),
    "patient_id": ("patient id",),
    "age": ("patient age",),
    "sex": ("patient gender", "patient sex"),
    "view": ("view position",),
}
_OPTIONAL = ("follow_up", "age", "sex", "view")
ENTRIES_SCHEMA = pa.schema(
    [
        pa.field("image_id", pa.string(), nullable=False),
        pa.field("patient_id", pa.string(), nullable=False),
        pa.field("age", pa.int32()),  # in years, under one year 0
        pa.field("sex", pa.string()),  # F or M
        pa.field("view", pa.string()),  # PA or AP
        pa.field("follow_up", pa.int32()),
    ]
)
_AGE = re.compile(r"0*(\d{1,3})([YMWD]?)")
_OLDEST = 120  # ages above are slips of the pen in NIH's list ("411"): unknown, not a reject
_NAME = re.compile(r"(\d{8})_\d{3}\.png")

Row = dict[str, str]


class NihFileError(ValueError):
    """A file is not the NIH list it should be: its `path`, what was `found` and `expected`."""

    def __init__(self, path: Path, found: str, expected: str) -> None:
        self.path, self.found, self.expected = path, found, expected
        super().__init__(
            f"{path}: found {found}, expected {expected}. Give the file as NIH released it."
        )


@dataclass(frozen=True)
class DataEntries:
    """Data entries as tables, one row per image each, and the rejects.

    `labels` keeps the contract of labels with the image's file name as `report_id`: NIH labels
    images. `entries` has patient, age in years, sex and view (`ENTRIES_SCHEMA`).
    """

    labels: pa.Table
    entries: pa.Table
    rejects: pa.Table


def read_box_list(path: str | Path) -> Checked:
    """The `boxes` table of `BBox_List_2017.csv` (or .csv.gz) as it is, and the rejects.

    NIH's header is `Image Index,Finding Label,Bbox [x,y,w,h],,,`: nine names for six columns; the
    four numbers are the third to the sixth. "Infiltrate" becomes the label's name Infiltration.
    Pixels are of the 1024 x 1024 images. A box that stands twice is kept twice: the released
    counts of boxes, and with them the papers' figures, count it twice. NihFileError for other
    columns.
    """
    path = Path(path)
    reader = _Reader(path, "boxes", _BOX_COLUMNS)
    rows = [row for place, raw in reader.rows() if (row := _box(reader, place, raw))]
    table = pa.Table.from_pylist(rows, schema=BOXES.schema)
    checked = check_rows(table, BOXES, stage="read_box_list")
    return Checked(checked.accepted, pa.concat_tables([reader.rejects(), checked.rejects]))


def read_data_entry(path: str | Path, *, findings: tuple[str, ...] = CHESTXRAY14) -> DataEntries:
    """The labels, the patients and the rejects of `Data_Entry_2017*.csv` (or .csv.gz).

    A finding that is not listed is null, not mentioned; `no_finding` and `normal` say that the
    list is "No Finding" (findings outside `findings` are passed over). Ages come as "58" and as
    "058Y"; above 120 they are null. A row without patient or with an unknown finding, and an image
    that comes again, is a reject. NihFileError for other columns.
    """
    path = Path(path)
    reader = _Reader(path, "labels", _ENTRY_COLUMNS)
    labels, entries, seen = [], [], set[str]()
    for place, raw in reader.rows():
        listed = _listed(reader, place, raw)
        if listed is None:
            continue
        if raw["image_id"] in seen:
            reader.refuse(place, raw, "image_id", "repeats the key image_id")
            continue
        seen.add(raw["image_id"])
        nothing = not listed
        states = {name: "present" if name in listed else None for name in findings}
        labels.append(
            {"report_id": raw["image_id"], **states, "no_finding": nothing, "normal": nothing}
        )
        entries.append(_entry(raw))
    return DataEntries(
        pa.Table.from_pylist(labels, schema=labels_contract(findings).schema),
        pa.Table.from_pylist(entries, schema=ENTRIES_SCHEMA),
        reader.rejects(),
    )


def patient_of(image_id: str) -> str:
    """The patient of an NIH image: the number its file name begins with. Other names: themselves.

    >>> patient_of("00013118_008.png"), patient_of("chest.png")
    ('13118', 'chest.png')
    """
    match = _NAME.fullmatch(image_id)
    return str(int(match[1])) if match else image_id


@dataclass
class _Reader:
    """Rows of a CSV file by our column names; counts what it refuses."""

    path: Path
    table: str
    columns: Mapping[str, tuple[str, ...]]
    refused: list[dict[str, Any]] = field(default_factory=list)

    def rows(self) -> Iterator[tuple[int, Row]]:
        opener: Callable[..., Any] = gzip.open if self.path.suffix == ".gz" else open
        with opener(self.path, "rt", encoding="utf-8-sig", newline="") as stream:
            lines = csv.reader(stream)
            try:
                places = self._places(next(lines, []))
                for cells in lines:
                    if any(cell.strip() for cell in cells):
                        filled = {
                            name: cells[place].strip() if place < len(cells) else ""
                            for name, place in places.items()
                        }
                        yield lines.line_num, filled
            except (UnicodeDecodeError, gzip.BadGzipFile, EOFError, csv.Error) as error:
                raise NihFileError(
                    self.path, f"{type(error).__name__} after line {lines.line_num}", "a CSV file"
                ) from error

    def refuse(self, line: int, row: Row, column: str, reason: str) -> None:
        length, digest = fingerprint(row[column])
        self.refused.append(
            {
                "stage": "read_nih",
                "table": self.table,
                "key": f"{self.path.name}:{line}",
                "column": column,
                "reason": reason,
                "value_length": length,
                "value_sha256": digest,
            }
        )

    def rejects(self) -> pa.Table:
        return pa.Table.from_pylist(self.refused, schema=REJECTS.schema)

    def _places(self, header: list[str]) -> dict[str, int]:
        # Joined first: a spreadsheet may have put "Bbox [x,y,w,h]" into quotes.
        names = [name.strip().lower() for name in ",".join(header).split(",")]
        places = {
            ours: next((names.index(theirs) for theirs in known if theirs in names), -1)
            for ours, known in self.columns.items()
        }
        missing = [name for name, at in places.items() if at < 0 and name not in _OPTIONAL]
        if missing:
            wanted = ", ".join(self.columns[name][0].title() for name in missing)
            raise NihFileError(self.path, f"the header {','.join(header)[:120]!r}", wanted)
        return {name: at for name, at in places.items() if at >= 0}


def _box(reader: _Reader, line: int, raw: Row) -> dict[str, Any] | None:
    """The row of a box; None when it was refused."""
    try:
        row: dict[str, Any] = {"image_id": raw["image_id"], "finding": nih_name(raw["finding"])}
    except UnknownFindingError:
        reader.refuse(line, raw, "finding", "unknown finding")
        return None
    for name in ("x", "y", "w", "h"):
        try:
            row[name] = float(raw[name])
        except ValueError:
            row[name] = math.nan
        if not math.isfinite(row[name]):
            reader.refuse(line, raw, name, "no number")
            return None
    return row | {"score": None, "source": SOURCE}


def _listed(reader: _Reader, line: int, raw: Row) -> set[str] | None:
    """The findings a row lists; None when it was refused."""
    for name in ("image_id", "patient_id", "findings"):
        if not raw[name]:
            reader.refuse(line, raw, name, "blank")
            return None
    names = [name.strip() for name in raw["findings"].split("|")]
    try:
        if names == [NO_FINDING]:
            return set()
        return {nih_name(name) for name in names}
    except UnknownFindingError:
        reader.refuse(line, raw, "findings", "unknown finding")
        return None


def _entry(raw: Row) -> dict[str, Any]:
    age = _AGE.fullmatch(raw.get("age", "").upper())
    years = None if age is None else (int(age[1]) if age[2] in ("", "Y") else 0)
    sex, view = raw.get("sex", "").upper()[:1], raw.get("view", "").upper()
    follow_up = raw.get("follow_up", "")
    return {
        "image_id": raw["image_id"],
        "patient_id": raw["patient_id"],
        "age": years if years is not None and years <= _OLDEST else None,
        "sex": sex if sex in ("F", "M") else None,
        "view": view or None,
        "follow_up": int(follow_up) if follow_up.isdigit() else None,
    }
