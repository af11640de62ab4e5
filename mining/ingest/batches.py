"""What a night has read, kept: a folder with the table of arrivals and that of rejects.

Nothing in a batch changes any more. The label set of a source that is read by its watermark is
made of all batches.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts import (
    REJECTS,
    REPORTS,
    Contract,
    TableWriter,
    column,
    content_hash,
    iter_tables,
    schema_of,
)

from .normalise import Normalised
from .passes import REJECTS_FILE, reject_table
from .rows import RawReject, Reason, SourceError

ARRIVALS_FILE = "arrivals.parquet"
ARRIVALS = Contract(
    name="arrivals",
    version=1,
    schema=schema_of(
        *REPORTS.schema,
        column("arrival", pa.int64(), "Its mark as a number; later ones are larger"),
    ),
    key=(),
)


@dataclass(frozen=True)
class Batch:
    """A night's rows: the folder, the hash of its tables, and how many rows are in it."""

    folder: str
    digest: str
    rows: int

    def read(self) -> Iterator[Normalised]:
        """The rows and rejects. Errors: SourceError when they are not those that were kept."""
        folder = Path(self.folder)
        if not folder.is_dir() or digest_of(folder) != self.digest:
            raise SourceError(
                folder, "what was read of the source in earlier nights is damaged or gone",
                "Read the source anew: --from-start.",
            )  # fmt: skip
        for table in iter_tables(folder / REJECTS_FILE, REJECTS):
            yield Normalised(REPORTS.empty(), [_reject(row) for row in table.to_pylist()])
        for table in iter_tables(folder / ARRIVALS_FILE, ARRIVALS):
            arrivals = table["arrival"].combine_chunks()
            yield Normalised(table.select(REPORTS.columns), [], arrivals)


def digest_of(folder: Path) -> str:
    """The hash of a batch's tables."""
    hashes = [content_hash(folder / name) for name in (ARRIVALS_FILE, REJECTS_FILE)]
    return hashlib.sha256(" ".join(hashes).encode()).hexdigest()


def rows_in(folder: Path) -> int:
    """How many rows a batch has, rejects apart."""
    return int(pq.read_metadata(folder / ARRIVALS_FILE).num_rows)


def read_batches_of(batches: Sequence[Batch]) -> Iterator[Normalised]:
    """The rows of all these batches, in their order."""
    for batch in batches:
        yield from batch.read()


class BatchWriter:
    """Writes the tables of a batch into an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.arrivals = TableWriter(folder / ARRIVALS_FILE, ARRIVALS)
        self.rejects = TableWriter(folder / REJECTS_FILE, REJECTS)

    def write(self, rows: pa.Table, rejects: Sequence[RawReject]) -> None:
        """Adds rows of arrivals, and rejects."""
        self.arrivals.write(rows)
        self.rejects.write(reject_table(rejects))


def _reject(row: dict[str, object]) -> RawReject:
    length = row["value_length"]
    assert length is None or isinstance(length, int)
    told = [row[name] for name in ("column", "value_sha256")]
    name, digest = (None if one is None else str(one) for one in told)
    return RawReject(str(row["key"]), name, Reason(str(row["reason"])), length, digest)
