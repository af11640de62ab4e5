"""Reports from a folder of .txt files, one report each, as NIH and MIMIC hand them out."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from .encoding import decode
from .mapping import ColumnMapping
from .rows import MAX_TEXT_BYTES, Batch, Layout, RawReject, Reason, Row, batched

# MIMIC: files/p10/p10000032/s50414267.txt is patient p10000032, study s50414267.
_PATIENT_FOLDER = re.compile(r"p\d+\Z")
_STUDY_FILE = re.compile(r"s\d+\Z")

_COLUMNS = ("report_id", "study_id", "patient_id", "source", "text")
_LAYOUT = Layout(tuple((name, (name,)) for name in _COLUMNS))


def read_text_folder(path: Path, mapping: ColumnMapping, notes: Counter[str]) -> Iterator[Batch]:
    """Every .txt file under the folder (or the one file), in name order: report_id = file stem.

    Under MIMIC's names the file is the study and the nearest p… folder the patient. There are no
    columns, so `mapping` is not used. A file that cannot be read or decoded is a reject.
    """
    root = path if path.is_dir() else path.parent
    files = walk(path, ".txt") if path.is_dir() else iter([path])
    yield from batched((_report(file, root, notes) for file in files), _LAYOUT, path.name)


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


def _report(file: Path, root: Path, notes: Counter[str]) -> Row | RawReject:
    place = file.relative_to(root).as_posix()
    try:
        if not file.is_file():  # a link to nowhere; a pipe or a device, which may never end
            return RawReject(place, "text", Reason.NOT_A_FILE)
        if file.stat().st_size > 4 * MAX_TEXT_BYTES:
            return RawReject(place, "text", Reason.TOO_LONG, file.stat().st_size)
        raw = file.read_bytes()
    except OSError:
        return RawReject(place, "text", Reason.NOT_A_FILE)
    text = decode(raw, notes)
    if text is None:
        return RawReject.of(place, Reason.UNDECODABLE, "text", raw)
    folders = [folder for folder in file.relative_to(root).parts[:-1] if _is_patient(folder)]
    study = file.stem if _STUDY_FILE.match(file.stem) else None
    return Row(place, (file.stem, study, folders[-1] if folders else None, place, text))


def _is_patient(folder: str) -> bool:
    return _PATIENT_FOLDER.match(folder) is not None
