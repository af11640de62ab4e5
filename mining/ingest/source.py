"""Sources of reports: told apart, opened, and read as a stream."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from .bioc import read_bioc
from .delimited import read_delimited
from .dicom_sr import read_dicom_sr
from .fhir import read_fhir
from .formats import FILE_FORMATS, OPENI, files_of, source_format
from .hl7_v2 import read_hl7
from .jsonl import read_jsonl
from .mapping import ColumnMapping
from .normalise import Normalised, normalise
from .openi import openi_corpus, read_openi
from .parquet_source import read_parquet
from .rows import Batch, RawReject, RawReport, SourceError
from .sql import read_sql
from .text_folder import read_text_folder

Reader = Callable[[Path, ColumnMapping, Counter[str]], Iterator[Batch]]
READERS: Mapping[str, Reader] = {
    OPENI: read_openi,
    "csv": read_delimited,
    "tsv": read_delimited,
    "jsonl": read_jsonl,
    "parquet": read_parquet,
    "text": read_text_folder,
    "fhir": read_fhir,
    "hl7": read_hl7,
    "dicom-sr": read_dicom_sr,
    "bioc": read_bioc,
    "sql": read_sql,
}


def read_source(
    source: str | Path,
    *,
    mapping: ColumnMapping | Mapping[str, str] | None = None,
    format: str | None = None,
) -> Iterator[RawReport | RawReject]:
    """The reports of a source as received, every version, and what could not be read; a stream.

    `source` is a file or a folder, or "openi" for the reports that come with torchxrayvision.
    `format` (one of `formats.FORMATS`) is told from the name if not given. Of each part of
    the source the rejects come first. SourceError when it cannot be read at all.
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
    place: str = "",
) -> Iterator[Normalised]:
    """The same as tables of a few thousand rows; `notes` counts what readers had to put up with.

    `place` stands before the place of a row: the source is one file of several.
    """
    if not isinstance(mapping, ColumnMapping):
        mapping = ColumnMapping.from_dict(mapping or {})
    path = openi_corpus() if source == OPENI else Path(source)
    if not path.exists():
        raise SourceError(path, "is not there", f'Give a file, a folder, or "{OPENI}".')
    found = source_format(path, format)
    for file in files_of(path, found) if found in FILE_FORMATS else [path]:
        here = f"{file.name} " if file != path else place
        for batch in READERS[found](file, mapping, notes):
            yield normalise(placed(batch, here))


def placed(batch: Batch, place: str) -> Batch:
    """The batch with this in front of the places of its rows: the file, where there are several."""
    if not place:
        return batch
    return replace(
        batch,
        places=[place + row for row in batch.places],
        rejects=[replace(one, key=place + one.key) for one in batch.rejects],
    )
