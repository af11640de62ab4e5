"""Ingestion: a source in, the tables of reports and rejects out, in memory that stays the same.

The first pass writes every version to a table on disk and notes its id. Only if ids repeat, or the
table is wanted in parts, a second pass writes the surviving rows, in the order of the source.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import REJECTS, REPORTS, ReportStatus, TableWriter, fingerprint, iter_tables
from mining.printable import utf8

from .accounts import IngestCounts
from .ledger import Ledger
from .mapping import ColumnMapping
from .parts import write_parts
from .repeats import DETAILS, row_details
from .rows import RawReject, Reason
from .source import read_batches
from .versions import Fate

REPORTS_FILE = "reports.parquet"
REJECTS_FILE = "rejects.parquet"

_ROWS = 8_192
_LOG = logging.getLogger(__name__)


def ingest(
    source: str | Path,
    out_dir: str | Path,
    *,
    mapping: ColumnMapping | Mapping[str, str] | None = None,
    format: str | None = None,
    shards: int = 1,
    provenance: Mapping[str, str] | None = None,
) -> IngestCounts:
    """Where the rows went, after `reports.parquet` and `rejects.parquet` are in `out_dir`.

    With more than one shard `reports.parquet` is a folder of so many contiguous parts. `source`,
    `mapping` and `format` as for read_source. SourceError when the source cannot be read.
    """
    if shards < 1:
        raise ValueError(f"ingest: found {shards} shards, expected 1 or more.")
    out = Path(out_dir)
    out.mkdir(parents=True, exist_ok=True)
    notes: Counter[str] = Counter()
    scratch = Path(tempfile.mkdtemp(prefix=".ingest-", dir=out))
    try:
        with (
            Ledger(scratch / "ids.sqlite") as ledger,
            TableWriter(scratch / REJECTS_FILE, REJECTS, provenance) as rejects,
        ):
            batches = read_batches(source, mapping=mapping, format=format, notes=notes)
            spool = scratch / "spool.parquet"
            with TableWriter(spool, REPORTS, provenance) as every:
                for batch in batches:
                    _note(ledger, batch.reports)
                    every.write(batch.reports)
                    rejects.write(reject_table(batch.rejects))
            unreadable = rejects.rows
            fates = _resolve(ledger, spool)
            kept = every.rows - sum(fates.values()) + fates[Fate.KEPT]
            if kept == every.rows and shards == 1:
                os.replace(spool, scratch / REPORTS_FILE)
            else:
                survivors = _survivors(spool, ledger.losses(), rejects)
                write_parts(scratch / REPORTS_FILE, survivors, kept, shards, provenance)
            counts = IngestCounts(
                rows_in=every.rows + unreadable,
                rows_out=kept,
                rejects=rejects.rows,
                superseded=fates[Fate.SUPERSEDED],
                duplicates=fates[Fate.DUPLICATE],
                filtered=fates[Fate.FILTERED],
                notes=dict(notes),
            )
        for name in (REPORTS_FILE, REJECTS_FILE):
            _replace(scratch / name, out / name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    for note, count in counts.notes.items():
        _LOG.warning("%s: %d %s", Path(source).name, count, note)
    return counts


def _note(ledger: Ledger, reports: pa.Table) -> None:
    cancelled = pc.fill_null(pc.equal(reports["status"], ReportStatus.CANCELLED), False)
    ledger.note(reports["report_id"].to_pylist(), cancelled.to_pylist())


def _resolve(ledger: Ledger, spool: Path) -> dict[Fate, int]:
    """Takes the rows under suspicion once more, and settles what becomes of them."""
    suspects = ledger.suspects()
    line = next(suspects, None)
    start = 0
    if line is not None:
        for piece in iter_tables(spool, REPORTS, DETAILS, rows=_ROWS):
            lines = []
            while line is not None and line < start + piece.num_rows:
                lines.append(line)
                line = next(suspects, None)
            taken = pa.array([line - start for line in lines], pa.int64())
            ledger.add(row_details(piece.take(taken), lines))
            start += piece.num_rows
    return ledger.resolve()


def _survivors(
    spool: Path, losses: Iterator[tuple[int, Fate]], rejects: TableWriter
) -> Iterator[pa.Table]:
    """The rows that are kept; conflicting ones go to the rejects."""
    start = 0
    loss = next(losses, None)
    for piece in iter_tables(spool, REPORTS, rows=_ROWS):
        kept = [True] * piece.num_rows
        conflicts = []
        while loss is not None and loss[0] < start + piece.num_rows:
            kept[loss[0] - start] = False
            if loss[1] is Fate.CONFLICT:
                conflicts.append(loss[0] - start)
            loss = next(losses, None)
        if conflicts:
            rows = piece.select(["report_id", "text"]).take(pa.array(conflicts)).to_pylist()
            rejects.write(reject_table(conflict(row["report_id"], row["text"]) for row in rows))
        start += piece.num_rows
        yield piece.filter(pa.array(kept, pa.bool_()))


def conflict(report_id: str, text: str) -> RawReject:
    """The reject of a version that nothing puts in an order with another."""
    return RawReject(report_id, "text", Reason.CONFLICT, *fingerprint(text))


def reject_table(rejects: Iterable[RawReject]) -> pa.Table:
    """These rejects as rows under their contract."""
    rows = [
        {
            "stage": "ingest",
            "table": REPORTS.name,
            "key": utf8(one.key),
            "column": one.column,
            "reason": one.reason.value,
            "value_length": one.value_length,
            "value_sha256": one.value_sha256,
        }
        for one in rejects
    ]
    return pa.Table.from_pylist(rows, schema=REJECTS.schema)


def _replace(new: Path, old: Path) -> None:
    """Puts a table where another, perhaps of the other kind (file, folder), may have been."""
    if old.is_dir():
        shutil.rmtree(old)
    elif new.is_dir():
        old.unlink(missing_ok=True)
    os.replace(new, old)
