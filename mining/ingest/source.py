"""Sources of reports: told apart, opened, and read as a stream."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from .delimited import read_delimited
from .jsonl import read_jsonl
from .mapping import ColumnMapping
from .normalise import Normalised, normalise
from .openi import openi_corpus, read_openi
from .parquet_source import read_parquet
from .rows import Batch, RawReject, RawReport, SourceError
from .text_folder import read_text_folder

OPENI = "openi"

Reader = Callable[[Path, ColumnMapping, Counter[str]], Iterator[Batch]]
_READERS: dict[str, Reader] = {
    OPENI: read_openi,
    "csv": read_delimited,
    "tsv": read_delimited,
    "jsonl": read_jsonl,
    "parquet": read_parquet,
    "text": read_text_folder,
}
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
}
_FOLDER_FORMATS = (OPENI, "parquet", "text")
_LOOKED_AT = 1_000


def read_source(
    source: str | Path,
    *,
    mapping: ColumnMapping | Mapping[str, str] | None = None,
    format: str | None = None,
) -> Iterator[RawReport | RawReject]:
    """The reports of a source as received, every version, and what could not be read; a stream.

    `source` is a file or a folder, or "openi" for the reports that come with torchxrayvision.
    `format` (openi, csv, tsv, jsonl, parquet, text) is told from the name if not given. Of each
    part of the source the rejects come first. SourceError when it cannot be read at all.
    """
    for part in read_batches(source, mapping=mapping, format=format, notes=Counter()):
        yield from part.rejects
        for row in part.reports.to_pylist():
            yield RawReport(**row)


def read_batches(
    source: str | Path,
    *,
    mapping: ColumnMapping | Mapping[str, str] | None,
    format: str | None,
    notes: Counter[str],
) -> Iterator[Normalised]:
    """The same as tables of a few thousand rows; `notes` counts what readers had to put up with."""
    if not isinstance(mapping, ColumnMapping):
        mapping = ColumnMapping.from_dict(mapping or {})
    path = openi_corpus() if source == OPENI else Path(source)
    if not path.exists():
        raise SourceError(path, "is not there", f'Give a file, a folder, or "{OPENI}".')
    reader = _READERS[_checked_format(path, format)]
    for batch in reader(path, mapping, notes):
        yield normalise(batch)


def _checked_format(path: Path, format: str | None) -> str:
    if format is None:
        return _folder_format(path) if path.is_dir() else _file_format(path)
    if format not in _READERS:
        raise SourceError(path, f"format {format!r} is unknown", f"Use {', '.join(_READERS)}.")
    if path.is_dir() and format not in _FOLDER_FORMATS:
        raise SourceError(path, f"a folder cannot be read as {format}", "Give one file.")
    return format


def _file_format(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    if suffixes and suffixes[-1] in _SUFFIXES:
        return _SUFFIXES[suffixes[-1]]
    raise SourceError(
        path, "its name tells no format", f"Say --format: one of {', '.join(_READERS)}."
    )


def _folder_format(path: Path) -> str:
    names = (name for _, _, files in os.walk(path) for name in files if not name.startswith("."))
    suffixes = {os.path.splitext(name)[1].lower() for name in islice(names, _LOOKED_AT)}
    formats = {_SUFFIXES.get(suffix) for suffix in suffixes} & set(_FOLDER_FORMATS)
    if len(formats) == 1:
        return str(formats.pop())
    found = "several kinds of files" if formats else "no .xml, .txt or .parquet files"
    raise SourceError(
        path, f"a folder with {found}", f"Say --format: one of {', '.join(_FOLDER_FORMATS)}."
    )
