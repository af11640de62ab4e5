"""Reports from a folder of .txt files, one report each, as NIH and MIMIC hand them out."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from .encoding import decode
from .mapping import ColumnMapping
from .mimic import Study, studies_in, texts_in
from .rows import MAX_TEXT_BYTES, Batch, Layout, RawReject, Reason, Row, batched

# MIMIC: files/p10/p10000032/s50414267.txt is patient p10000032, study s50414267.
_PATIENT_FOLDER = re.compile(r"p\d+\Z")
_STUDY_FILE = re.compile(r"s\d+\Z")

_COLUMNS = (
    "report_id", "study_id", "patient_id", "received_at", "procedure_code", "source", "text",
)  # fmt: skip
_LAYOUT = Layout(tuple((name, (name,)) for name in _COLUMNS))
_UNKNOWN = Study(None, None)


def read_text_folder(path: Path, mapping: ColumnMapping, notes: Counter[str]) -> Iterator[Batch]:
    """Every .txt file under the folder, in a zip archive, or the one file: report_id = file stem.

    In name order. Under MIMIC's names the file is the study and the nearest p… folder the patient;
    its metadata in the folder are joined. There are no columns, so `mapping` is not used. A file
    that cannot be read or decoded is a reject. SourceError for a damaged archive.
    """
    if path.is_file() and path.suffix.lower() == ".zip":
        items = (_row(place, found, {}, notes) for place, found in texts_in(path, notes))
    else:
        studies = studies_in(path) if path.is_dir() else {}
        items = (_row(place, found, studies, notes) for place, found in _files(path))
    yield from batched(items, _LAYOUT, path.name)


def walk(folder: Path, suffix: str) -> Iterator[Path]:
    """The files under the folder with this suffix, in name order; only one folder at a time is
    held in memory. Hidden files are skipped, links to folders are not followed.
    """
    with os.scandir(folder) as entries:
        names = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
    for name, is_folder in names:
        if name.startswith("."):
            continue
        if is_folder:
            yield from walk(folder / name, suffix)
        elif name.lower().endswith(suffix):
            yield folder / name


def _files(path: Path) -> Iterator[tuple[PurePosixPath, bytes | RawReject]]:
    root = path if path.is_dir() else path.parent
    for file in walk(path, ".txt") if path.is_dir() else [path]:
        place = PurePosixPath(file.relative_to(root).as_posix())
        yield place, _bytes(file, str(place))


def _bytes(file: Path, place: str) -> bytes | RawReject:
    try:
        if not file.is_file():  # a link to nowhere; a pipe or a device, which may never end
            return RawReject(place, "text", Reason.NOT_A_FILE)
        if file.stat().st_size > 4 * MAX_TEXT_BYTES:
            return RawReject(place, "text", Reason.TOO_LONG, file.stat().st_size)
        return file.read_bytes()
    except OSError:
        return RawReject(place, "text", Reason.NOT_A_FILE)


def _row(
    place: PurePosixPath,
    raw: bytes | RawReject,
    studies: Mapping[str, Study],
    notes: Counter[str],
) -> Row | RawReject:
    if isinstance(raw, RawReject):
        return raw
    text = decode(raw, notes)
    if text is None:
        return RawReject.of(str(place), Reason.UNDECODABLE, "text", raw)
    patients = [folder for folder in place.parts[:-1] if _is_patient(folder)]
    study = place.stem if _STUDY_FILE.match(place.stem) else None
    known = studies.get(place.stem, _UNKNOWN)
    patient = patients[-1] if patients else None
    values = (place.stem, study, patient, known.time, known.procedure, str(place), text)
    return Row(str(place), values)


def _is_patient(folder: str) -> bool:
    return _PATIENT_FOLDER.match(folder) is not None
