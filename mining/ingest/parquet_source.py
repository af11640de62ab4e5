"""Reports from Parquet files of any layout."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from .mapping import ColumnMapping, MappingError
from .rows import Batch, Layout, RawReject, Reason, SourceError

_BATCH_ROWS = 4_096
_BATCH_BYTES = 16_000_000


def read_parquet(path: Path, mapping: ColumnMapping, notes: Counter[str]) -> Iterator[Batch]:
    """The rows of a Parquet file, or of all Parquet files of a folder in name order.

    Text that is not UTF-8 is a reject. SourceError for a damaged file: its rows cannot be counted.
    """
    paths = [path] if path.is_file() else sorted(path.rglob("*.parquet"))
    for part in paths:
        try:
            with pq.ParquetFile(part) as file:
                layout = mapping.layout(file.schema_arrow.names, part)
                _check_types(file.schema_arrow, layout, part)
                yield from _batches(file, layout, part, "" if part == path else f"{part.name} ")
        except UnicodeEncodeError as error:
            raise SourceError(part, "a name that is not UTF-8", "Rename the file.") from error
        except (pa.ArrowException, OSError) as error:
            raise SourceError(
                part, f"is no readable Parquet file ({type(error).__name__})", "Fetch it again."
            ) from error


def _batches(file: pq.ParquetFile, layout: Layout, part: Path, prefix: str) -> Iterator[Batch]:
    first = 1
    for raw in file.iter_batches(batch_size=_rows_at_once(file), columns=list(layout.needed)):
        places = [f"{prefix}row {first + row}" for row in range(raw.num_rows)]
        first += raw.num_rows
        table = pa.Table.from_batches([raw]).select(layout.needed)
        rejects: list[RawReject] = []
        try:
            texts = _as_text(table)
        except (pa.ArrowInvalid, UnicodeDecodeError):
            readable = _readable_rows(table)
            rejects = [
                RawReject(place, "text", Reason.UNDECODABLE)
                for place, good in zip(places, readable, strict=True)
                if not good
            ]
            places = [place for place, good in zip(places, readable, strict=True) if good]
            texts = _as_text(table.filter(pa.array(readable)))
        yield Batch(texts, places, layout, part.name, rejects)


def _rows_at_once(file: pq.ParquetFile) -> int:
    """How many rows make a batch: few, if they are long."""
    groups = [file.metadata.row_group(index) for index in range(file.num_row_groups)]
    longest = max((group.total_byte_size // max(group.num_rows, 1) for group in groups), default=0)
    return max(1, min(_BATCH_ROWS, _BATCH_BYTES // max(longest, 1)))


def _check_types(schema: pa.Schema, layout: Layout, part: Path) -> None:
    for name in layout.needed:
        kind = schema.field(name).type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        if pa.types.is_nested(kind):
            raise MappingError(part, f"column {name!r} is {kind}, not text", schema.names)


def _as_text(table: pa.Table) -> pa.Table:
    """The table with every column as checked text. ArrowInvalid where bytes are not UTF-8."""
    arrays = []
    for column in table.columns:
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        text = column.cast(pa.string())
        text.validate(full=True)
        arrays.append(text)
    return pa.table(arrays, names=table.column_names)


def _readable_rows(table: pa.Table) -> list[bool]:
    """For each row whether all of its text is UTF-8."""
    readable = [True] * table.num_rows
    for column in table.columns:
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind):
            values = column.cast(kind).cast(pa.large_binary()).to_pylist()
            for row, value in enumerate(values):
                readable[row] &= value is None or _is_utf8(value)
    return readable


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
