"""CheXpert's CSV (and any like it): images, people and labels."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from data_contracts import UnknownFindingError, Verdict, labels_contract, nih_name

from .image_joins import NO_STUDY, TWO_REPORTS, Row, filled
from .images import ImageSet, person
from .views import FRONTAL, LATERAL

_ABOUT = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA")
_NO_FINDING = "No Finding"
_STATES = {
    "1": Verdict.PRESENT.value,
    "0": Verdict.ABSENT.value,
    "-1": Verdict.UNCERTAIN.value,
    "": None,
}
_OPEN = (Verdict.PRESENT.value, Verdict.UNCERTAIN.value)


class CheXpertError(ValueError):
    """A CSV is not as CheXpert's: its `path`, what was `found` and `expected`."""

    def __init__(self, path: str | Path, found: str, expected: str) -> None:
        self.path, self.found, self.expected = str(path), found, expected
        super().__init__(f"{path}: found {found}, expected {expected}. Correct the file.")


@dataclass(frozen=True)
class CheXpertSet:
    """The images that the CSV names, and its labels: one row per study, `report_id` = study."""

    found: ImageSet
    labels: pa.Table


@dataclass(frozen=True)
class _Line:
    about: dict[str, str]
    study_id: str
    states: tuple[str | None, ...]
    normal: bool


def chexpert_findings(path: str | Path) -> tuple[str, ...]:
    """The findings that a CheXpert-style CSV has columns for, under NIH's names where it has one.

    CheXpertError for missing columns and other values.
    """
    return tuple(_read(Path(path), None)[0])


def join_chexpert(
    found: ImageSet, path: str | Path, *, findings: Sequence[str] | None = None
) -> CheXpertSet:
    """The images that a CheXpert-style CSV names, joined by the end of their path, and its labels.

    `found` is scanned with image_ids="path"; the CSV's paths may have more folders in front.
    1 is present, 0 absent, -1 uncertain, blank not mentioned. Findings get their NIH names where
    they have one; by default all of the file are taken. Images that are not in the file, and those
    of a study whose rows contradict each other, are rejects; so are missing files.
    CheXpertError for missing columns and other values.
    """
    columns, lines = _read(Path(path), findings)
    by_path, contradictory = _index(lines, found)
    studies = {line.study_id: line for line in lines}

    def settle(row: Row) -> str | None:
        line = by_path.get(row["image_id"])
        if line is None:
            return NO_STUDY
        row["study_id"] = line.study_id
        if line.study_id in contradictory:
            return TWO_REPORTS
        row["patient_id"], row["view"] = line.study_id.split("/")[0], _view(line.about)
        return None

    # A file that was there and refused is not missing.
    there = {_end(key) for key in (*by_path, *found.rejects["key"].to_pylist())}
    ends = {_end(line.about["Path"]): line.about["Path"] for line in lines}
    missing = [path for end, path in ends.items() if end not in there]
    people = {
        image_id: person(image_id, line.about["Sex"], _age(line.about["Age"]))
        for image_id, line in by_path.items()
    }
    joined = filled(found, settle, missing=missing, people=people)
    kept = [line for study, line in studies.items() if study not in contradictory]
    return CheXpertSet(joined, _labels(columns, kept))


def _read(path: Path, findings: Sequence[str] | None) -> tuple[dict[str, str], list[_Line]]:
    """Our name of each finding's column, and the lines."""
    opener: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        header = list(reader.fieldnames or ())
        absent = [name for name in _ABOUT if name not in header]
        if absent:
            raise CheXpertError(path, f"no column {absent[0]!r}", f"columns {', '.join(_ABOUT)}")
        columns = {_name(name): name for name in header if name not in (*_ABOUT, _NO_FINDING)}
        wanted = tuple(columns) if findings is None else tuple(findings)
        for name in wanted:
            if name not in columns:
                raise CheXpertError(path, f"no column for {name}", f"one of {', '.join(columns)}")
        columns = {name: columns[name] for name in wanted}
        lines = [_line(path, reader.line_num, row, columns) for row in reader]
    return columns, lines


def _line(path: Path, number: int, row: dict[str, Any], columns: dict[str, str]) -> _Line:
    states = []
    for column in columns.values():
        value = (row[column] or "").strip().removesuffix(".0")
        if value not in _STATES:
            where = f"{path}:{number}"
            raise CheXpertError(where, f"{value[:20]!r} for {column}", "1, 0, -1 or blank")
        states.append(_STATES[value])
    about = {name: (row[name] or "").strip() for name in _ABOUT}
    parts = PurePosixPath(about["Path"]).parts
    if len(parts) < 3:
        raise CheXpertError(f"{path}:{number}", "a short Path", "…/patient/study/image")
    nothing = (row.get(_NO_FINDING) or "").strip().removesuffix(".0") == "1"
    return _Line(about, f"{parts[-3]}/{parts[-2]}", tuple(states), nothing)


def _name(column: str) -> str:
    try:
        return nih_name(column)
    except UnknownFindingError:
        return column


def _index(lines: list[_Line], found: ImageSet) -> tuple[dict[str, _Line], set[str]]:
    """The line of each scanned image, and the studies whose lines say different things."""
    by_end = {_end(line.about["Path"]): line for line in lines}
    ids = found.images["image_id"].to_pylist()
    by_path = {image_id: by_end[_end(image_id)] for image_id in ids if _end(image_id) in by_end}
    first: dict[str, _Line] = {}
    contradictory = set()
    for line in lines:
        other = first.setdefault(line.study_id, line)
        if (other.states, other.normal) != (line.states, line.normal):
            contradictory.add(line.study_id)
    return by_path, contradictory


def _end(path: str) -> tuple[str, ...]:
    """Patient, study and file: what a path is told by."""
    return PurePosixPath(path).parts[-3:]


def _view(about: dict[str, str]) -> str | None:
    if about["Frontal/Lateral"].lower().startswith("l"):
        return LATERAL
    stated = about["AP/PA"].upper()
    return stated if stated in ("AP", "PA") else FRONTAL


def _age(text: str) -> float | None:
    # CheXpert writes 0 where the age is unknown.
    return float(text) if text.replace(".", "", 1).isdigit() and float(text) > 0 else None


def _labels(columns: dict[str, str], lines: list[_Line]) -> pa.Table:
    rows = [
        {
            "report_id": line.study_id,
            **dict(zip(columns, line.states, strict=True)),
            "no_finding": not any(state in _OPEN for state in line.states),
            "normal": line.normal,
        }
        for line in lines
    ]
    return pa.Table.from_pylist(rows, schema=labels_contract(columns).schema)
