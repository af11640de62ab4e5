"""Tables written to Parquet files: whole or not at all, equal rows as equal bytes."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .contract import Contract, check_nulls, conform

PREFIX = "cxrmine."
# Row groups are cut by the rows alone, never by how they arrive: at a fixed number of rows, or
# earlier when the texts are long, so that memory stays bounded. Length is looked at per piece.
_GROUP_ROWS = 65_536
_GROUP_BYTES = 16 << 20
_PIECE_ROWS = 256


class TableWriter:
    """Writes one table to `path`; the file appears only when the `with` block ends well.

    `provenance` (what the table was made from) goes into the file's metadata under `cxrmine.*`
    beside the contract's name and version; nothing else does, so equal rows and provenance give
    equal bytes. ContractError when a written table has other columns than the contract.
    """

    def __init__(
        self, path: str | Path, contract: Contract, provenance: Mapping[str, str] | None = None
    ) -> None:
        self.path, self.contract, self.rows = Path(path), contract, 0
        self._metadata = {f"{PREFIX}{key}": value for key, value in (provenance or {}).items()}
        self._metadata |= {
            f"{PREFIX}contract": contract.name,
            f"{PREFIX}contract_version": str(contract.version),
        }
        self._temporary = self.path.with_name(f".{self.path.name}.{uuid.uuid4().hex}.tmp")
        self._waiting: list[pa.Table] = []
        self._waiting_rows = self._waiting_bytes = 0
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._writer = pq.ParquetWriter(
                self._temporary,
                self.contract.schema.with_metadata(dict(sorted(self._metadata.items()))),
                compression="zstd",
            )
        except BaseException:
            self._temporary.unlink(missing_ok=True)
            raise
        return self

    def write(self, table: pa.Table | pa.RecordBatch) -> None:
        """Adds rows; any number at a time, columns in any order."""
        if self._writer is None:
            raise RuntimeError(f"{self.path}: write inside `with TableWriter(...)`")
        table = conform(table, self.contract, where=self.path)
        check_nulls(table, self.contract, where=self.path)
        self.rows += table.num_rows
        # Counting bytes is dear: where all of the table fits, no piece of it can be too large.
        fits = self._waiting_bytes + _text_bytes(table) <= _GROUP_BYTES
        most = _GROUP_ROWS if fits else _PIECE_ROWS
        while table.num_rows:
            piece = table.slice(0, most - self._waiting_rows % most)
            table = table.slice(piece.num_rows)
            self._waiting.append(piece)
            self._waiting_rows += piece.num_rows
            self._waiting_bytes += _text_bytes(piece)
            whole = self._waiting_rows % _PIECE_ROWS == 0
            if self._waiting_rows == _GROUP_ROWS or (whole and self._waiting_bytes > _GROUP_BYTES):
                self._flush()

    def end_group(self) -> None:
        """Ends the row group, so that the next rows can be read without these."""
        self._flush()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._flush()
            if self._writer is not None:
                # While another error is on its way up, that one is to be seen.
                with contextlib.suppress(Exception) if kind else contextlib.nullcontext():
                    self._writer.close()
            if kind is None:
                _sync(self._temporary)
                os.replace(self._temporary, self.path)
                _sync(self.path.parent)
        finally:
            self._writer = None
            self._waiting = []
            self._temporary.unlink(missing_ok=True)

    def _flush(self) -> None:
        if self._waiting and self._writer is not None:
            # One chunk per column: chunk borders would show in the pages.
            group = pa.concat_tables(self._waiting).combine_chunks()
            self._waiting, self._waiting_rows, self._waiting_bytes = [], 0, 0
            self._writer.write_table(group, row_group_size=_GROUP_ROWS)


def write_table(
    path: str | Path,
    table: pa.Table,
    contract: Contract,
    provenance: Mapping[str, str] | None = None,
) -> None:
    """Writes the whole table at once, as TableWriter does."""
    with TableWriter(path, contract, provenance) as writer:
        writer.write(table)


def _text_bytes(table: pa.Table) -> int:
    """Bytes of all text in the table."""
    texts = [column for column in table.columns if pa.types.is_string(column.type)]
    return sum(pc.sum(pc.binary_length(column)).as_py() or 0 for column in texts)


def _sync(path: Path) -> None:
    """Asks the disk to keep the file or the folder's entries."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
