"""Which format a source is in, told from its name and, where that says too little, its bytes."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from .encoding import open_bytes
from .rows import SourceError

OPENI = "openi"
FORMATS = (
    OPENI, "csv", "tsv", "jsonl", "parquet", "text", "fhir", "hl7", "dicom-sr", "bioc", "sql",
)  # fmt: skip
_FOLDER_FORMATS = (
    OPENI, "csv", "tsv", "jsonl", "parquet", "text", "fhir", "hl7", "dicom-sr", "bioc",
)  # fmt: skip
# A file of these is read by itself, even in a folder: it stands for itself from run to run.
FILE_FORMATS = ("csv", "tsv", "jsonl", "parquet")
_SUFFIXES = {
    ".xml": OPENI,
    ".tgz": OPENI,
    ".tar": OPENI,
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".txt": "text",
    ".zip": "text",
    ".json": "fhir",
    ".hl7": "hl7",
    ".dcm": "dicom-sr",
    ".sr": "dicom-sr",
    ".toml": "sql",
}
# What the first bytes of a file say against its suffix.
_SIGNS = {
    ".xml": ((b"<collection", "bioc"),),
    ".json": ((b'"documents"', "bioc"),),
    ".ndjson": ((b'"resourceType"', "fhir"),),
    ".jsonl": ((b'"resourceType"', "fhir"),),
}
_LOOKED_AT = 1_000
METADATA = "mimic-cxr-*-metadata.csv*"  # says something of the reports that lie beside it
_FIRST_BYTES = 4_096


def source_format(path: Path, format: str | None) -> str:
    """The format of a source, told from its names and first bytes if it is not given.

    SourceError for one that is not known, cannot be told, or is not for folders.
    """
    if format is None:
        return _folder_format(path) if path.is_dir() else _file_format(path)
    if format not in FORMATS:
        raise SourceError(path, f"format {format!r} is unknown", f"Use {', '.join(FORMATS)}.")
    if path.is_dir() and format not in _FOLDER_FORMATS:
        raise SourceError(path, f"a folder cannot be read as {format}", "Give one file.")
    return format


def _file_format(path: Path) -> str:
    found = _told(path)
    if found is not None:
        return found
    raise SourceError(
        path, "its name tells no format", f"Say --format: one of {', '.join(FORMATS)}."
    )


def _folder_format(path: Path) -> str:
    first: dict[str, Path] = {}
    for file in islice(_files(path), _LOOKED_AT):
        if _suffix(file) != ".zip" and not file.match(METADATA):  # read by itself; about others
            first.setdefault(_suffix(file), file)
    formats = {_told(file) for file in first.values()} & set(_FOLDER_FORMATS)
    if len(formats) == 1:
        return str(formats.pop())
    found = "several kinds of files" if formats else "no files of a known kind"
    raise SourceError(
        path, f"a folder with {found}", f"Say --format: one of {', '.join(_FOLDER_FORMATS)}."
    )


def _files(folder: Path) -> Iterator[Path]:
    for root, _, names in os.walk(folder):
        yield from (Path(root, name) for name in names if not name.startswith("."))


def files_of(path: Path, format: str) -> list[Path]:
    """The file itself, or the files of this format below the folder in name order.

    >>> files_of(Path("reports.csv"), "csv")
    [PosixPath('reports.csv')]
    """
    if not path.is_dir():
        return [path]
    return sorted(file for file in _files(path) if _SUFFIXES.get(_suffix(file)) == format)


def _suffix(path: Path) -> str:
    """The last suffix in small letters; that of the packed file for gzip."""
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    return suffixes[-1] if suffixes else ""


def _told(path: Path) -> str | None:
    suffix = _suffix(path)
    if suffix in _SIGNS:
        try:
            with open_bytes(path) as file:
                start = file.read(_FIRST_BYTES)
        except (OSError, EOFError, zlib.error):
            start = b""  # whoever reads the file will say what is wrong with it
        for sign, format in _SIGNS[suffix]:
            if sign in start:
                return format
    return _SUFFIXES.get(suffix)
