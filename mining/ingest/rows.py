"""What a source gives: reports, rejects, and the batches in which readers pass them on."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from data_contracts import fingerprint
from mining.printable import utf8

MAX_TEXT_BYTES = 1_000_000
# A single record longer than this is not read whole into memory.
MAX_RECORD_BYTES = 16_000_000

_BATCH_ROWS = 4_096
_BATCH_CHARACTERS = 8_000_000


class Reason(StrEnum):
    """Why a row of a source is refused."""

    MISSING_ID = "missing_id"
    BAD_ID = "bad_id"
    EMPTY = "empty"
    TOO_LONG = "too_long"
    NUL_BYTES = "nul_bytes"
    UNDECODABLE = "undecodable"
    BAD_ROW = "bad_row"
    BROKEN_XML = "broken_xml"
    FORBIDDEN_XML = "forbidden_xml"
    NOT_A_FILE = "not_a_file"
    OUTSIDE_ARCHIVE = "outside_archive"
    BAD_VERSION = "bad_version"
    BAD_STATUS = "bad_status"
    BAD_TIME = "bad_time"
    CONFLICT = "conflicting_versions"


class SourceError(ValueError):
    """A source cannot be read at all: `source`, what was `found` and what `to_do`."""

    def __init__(self, source: str | Path, found: str, to_do: str) -> None:
        self.source, self.found, self.to_do = str(source), found, to_do
        super().__init__(f"{source}: {found}. {to_do}")


@contextmanager
def broken_off(file: Path) -> Iterator[None]:
    """Turns what goes wrong while `file` is being read into a SourceError."""
    try:
        yield
    except (EOFError, zlib.error, OSError) as error:
        raise SourceError(
            file, f"cannot be read to its end ({type(error).__name__})", "Fetch the file again."
        ) from error


@dataclass(frozen=True, slots=True)
class RawReport:
    """A version of a report as received: the columns of the table of reports."""

    report_id: str
    version: int | None
    status: str | None
    study_id: str | None
    patient_id: str | None
    received_at: datetime | None
    procedure_code: str | None
    modality: str | None
    body_part: str | None
    language: str | None
    source: str | None
    text: str
    text_sha256: str | None


@dataclass(frozen=True, slots=True)
class RawReject:
    """A row that could not be read: its id or its place in the source, and why."""

    key: str
    column: str | None
    reason: Reason
    value_length: int | None = None
    value_sha256: str | None = None

    @classmethod
    def of(cls, key: str, reason: Reason, column: str | None = None, value: Any = None) -> Self:
        """A reject with the length and hash of the offending value."""
        return cls(key, column, reason, *fingerprint(value))


@dataclass(frozen=True, slots=True)
class Layout:
    """Which column of a source holds what: (column of reports, columns of the source) pairs.

    Only `text` may be put together from several columns.
    """

    pairs: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns of the source that are read, each once."""
        return tuple(dict.fromkeys(name for _, names in self.pairs for name in names))


@dataclass(frozen=True, slots=True)
class Row:
    """A record as a reader gives it: its place in the source, and values in the layout's order."""

    place: str
    values: Sequence[str | None]


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of a source by column (source's names), and what could not be read among them."""

    columns: pa.Table
    places: Sequence[str]
    layout: Layout
    source: str
    rejects: list[RawReject] = field(default_factory=list)


def _texts(values: Sequence[str | None]) -> pa.Array:
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:  # readers refuse such text: what is left are names of files
        return pa.array([value and utf8(value) for value in values], pa.string())


def batched(items: Iterable[Row | RawReject], layout: Layout, source: str) -> Iterator[Batch]:
    """The records in batches that are bounded in rows and in characters."""
    schema = pa.schema([(name, pa.string()) for name in layout.needed])
    rows: list[Row] = []
    rejects: list[RawReject] = []
    size = 0

    def batch() -> Batch:
        by_column = zip(*(row.values for row in rows), strict=True)
        arrays = [_texts(values) for values in by_column]
        table = pa.table(arrays, schema=schema) if rows else schema.empty_table()
        return Batch(table, [row.place for row in rows], layout, source, list(rejects))

    for item in items:
        if isinstance(item, RawReject):
            rejects.append(item)
        else:
            rows.append(item)
            size += sum(map(len, filter(None, item.values)))
        if len(rows) + len(rejects) >= _BATCH_ROWS or size > _BATCH_CHARACTERS:
            yield batch()
            rows.clear()
            rejects.clear()
            size = 0
    if rows or rejects:
        yield batch()
