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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import (
    FILTERED,
    REJECTS,
    REPORTS,
    Contract,
    ReportStatus,
    TableWriter,
    fingerprint,
    iter_tables,
)
from mining.printable import utf8

from .accounts import IngestCounts
from .exams import EVERY_EXAM, ExamFilter
from .excluded import EXCLUDED, Filtered, parted
from .ledger import EXCLUDED as EXCLUDED_LINES
from .ledger import LAST, Ledger
from .mapping import ColumnMapping
from .normalise import Masker, Normalised
from .parts import write_parts
from .repeats import DETAILS, row_details
from .rows import RawReject, Reason
from .source import read_batches
from .versions import Fate

REPORTS_FILE = "reports.parquet"
REJECTS_FILE = "rejects.parquet"
FILTERED_FILE = "filtered.parquet"

_ROWS = 8_192
_LOG = logging.getLogger(__name__)


def ingest(
    source: str | Path,
    out_dir: str | Path,
    *,
    mapping: ColumnMapping | Mapping[str, str] | None = None,
    format: str | None = None,
    exams: ExamFilter = EVERY_EXAM,
    deidentifier: Masker | None = None,
    shards: int = 1,
    provenance: Mapping[str, str] | None = None,
) -> IngestCounts:
    """Where the rows went, after `reports.parquet`, `rejects.parquet` and `filtered.parquet`.

    They are in `out_dir`. With more than one shard `reports.parquet` is a folder of so many
    contiguous parts. `exams` says which examinations are wanted. `source`, `mapping` and `format`
    as for read_source. A `deidentifier` has the texts before they are stored. SourceError when the
    source cannot be read.
    """
    notes: Counter[str] = Counter()
    batches = read_batches(source, mapping=mapping, format=format, notes=notes)
    if deidentifier is not None:
        batches = deidentifier.masked(batches, notes)
    counts = ingest_batches(
        batches, out_dir, exams=exams, shards=shards, provenance=provenance, notes=notes
    )
    for note, count in counts.notes.items():
        _LOG.warning("%s: %d %s", Path(source).name, count, note)
    return counts


def ingest_batches(
    batches: Iterable[Normalised],
    out_dir: str | Path,
    *,
    exams: ExamFilter = EVERY_EXAM,
    shards: int = 1,
    provenance: Mapping[str, str] | None = None,
    notes: Counter[str] | None = None,
) -> IngestCounts:
    """The same of rows that are read already; `notes` is filled while they are."""
    notes = Counter() if notes is None else notes
    if shards < 1:
        raise ValueError(f"ingest: found {shards} shards, expected 1 or more.")
    out = Path(out_dir)
    out.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".ingest-", dir=out))
    try:
        with Ledger(scratch / "ids.sqlite") as ledger:
            counts = _settle(_Spool(scratch, ledger, provenance), batches, exams, shards, notes)
        for name in (REPORTS_FILE, REJECTS_FILE, FILTERED_FILE):
            _replace(scratch / name, out / name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return counts


@dataclass
class _Spool:
    """Where the first pass puts everything: versions that are wanted, and those that are not."""

    folder: Path
    ledger: Ledger
    provenance: Mapping[str, str] | None

    def writer(self, name: str, contract: Contract) -> TableWriter:
        return TableWriter(self.folder / name, contract, self.provenance)


def _settle(
    spool: _Spool,
    batches: Iterable[Normalised],
    exams: ExamFilter,
    shards: int,
    notes: Counter[str],
) -> IngestCounts:
    every, aside = spool.folder / "spool.parquet", spool.folder / "excluded.parquet"
    told = Filtered()
    with (
        spool.writer(REJECTS_FILE, REJECTS) as rejects,
        spool.writer(FILTERED_FILE, FILTERED) as filtered,
    ):
        rows, excluded = _first_pass(spool, batches, exams, rejects)
        unreadable = rejects.rows
        fates = _resolve(spool.ledger, every, aside)
        lost = sum(1 for _ in spool.ledger.losses(0, EXCLUDED_LINES))
        if not lost and shards == 1:
            os.replace(every, spool.folder / REPORTS_FILE)
        else:
            losses = spool.ledger.losses(0, EXCLUDED_LINES)
            survivors = _survivors(every, losses, rejects, filtered, told)
            write_parts(
                spool.folder / REPORTS_FILE, survivors, rows - lost, shards, spool.provenance
            )
        _left_out(aside, spool.ledger.losses(EXCLUDED_LINES), rejects, filtered, told)
    return IngestCounts(
        rows_in=rows + excluded + unreadable,
        rows_out=rows - lost,
        rejects=rejects.rows,
        superseded=fates[Fate.SUPERSEDED],
        duplicates=fates[Fate.DUPLICATE],
        filtered=filtered.rows,
        notes=dict(notes),
        filtered_by=told.by_reason,
    )


def _first_pass(
    spool: _Spool, batches: Iterable[Normalised], exams: ExamFilter, rejects: TableWriter
) -> tuple[int, int]:
    """How many versions are wanted and how many are not; all of them are noted."""
    with (
        spool.writer("spool.parquet", REPORTS) as every,
        spool.writer("excluded.parquet", EXCLUDED) as aside,
    ):
        for batch in batches:
            parts = parted(batch, exams)
            _note(spool.ledger, parts.wanted, parts.arrivals, excluded=False)
            _note(spool.ledger, parts.excluded, parts.excluded_arrivals, excluded=True)
            every.write(parts.wanted)
            aside.write(parts.excluded)
            rejects.write(reject_table(batch.rejects))
    return every.rows, aside.rows


def _note(ledger: Ledger, rows: pa.Table, arrivals: pa.Array | None, *, excluded: bool) -> None:
    cancelled = pc.fill_null(pc.equal(rows["status"], ReportStatus.CANCELLED), False)
    times = [0] * rows.num_rows if arrivals is None else arrivals.to_pylist()
    ledger.note(rows["report_id"].to_pylist(), cancelled.to_pylist(), times, excluded=excluded)


def _resolve(ledger: Ledger, every: Path, aside: Path) -> dict[Fate, int]:
    """Takes the rows under suspicion once more, and settles what becomes of them."""
    for path, first, stop in ((every, 0, EXCLUDED_LINES), (aside, EXCLUDED_LINES, LAST)):
        suspects = ledger.suspects(first, stop)
        suspect = next(suspects, None)
        if suspect is None:
            continue
        start = first
        for piece in iter_tables(path, columns=DETAILS, rows=_ROWS):
            lines, arrivals = [], []
            while suspect is not None and suspect[0] < start + piece.num_rows:
                lines.append(suspect[0])
                arrivals.append(suspect[1])
                suspect = next(suspects, None)
            taken = pa.array([line - start for line in lines], pa.int64())
            ledger.add(row_details(piece.take(taken), lines, arrivals))
            start += piece.num_rows
    return ledger.resolve()


def _survivors(
    every: Path,
    losses: Iterator[tuple[int, Fate]],
    rejects: TableWriter,
    filtered: TableWriter,
    told: Filtered,
) -> Iterator[pa.Table]:
    """The rows that are kept; conflicting ones go to the rejects, withdrawn ones are told."""
    for piece, lost in _with_losses(iter_tables(every, REPORTS, rows=_ROWS), losses, 0):
        rows = _rows_of(piece, lost, Fate.CONFLICT)
        rejects.write(reject_table(conflict(row["report_id"], row["text"]) for row in rows))
        withdrawn = _rows_of(piece, lost, Fate.FILTERED)
        filtered.write(told.cancelled([row["report_id"] for row in withdrawn]))
        kept = [row not in lost for row in range(piece.num_rows)]
        yield piece.filter(pa.array(kept, pa.bool_()))


def _left_out(
    aside: Path,
    losses: Iterator[tuple[int, Fate]],
    rejects: TableWriter,
    filtered: TableWriter,
    told: Filtered,
) -> None:
    """Tells of the versions that are not wanted; conflicting ones go to the rejects."""
    pieces = iter_tables(aside, EXCLUDED, rows=_ROWS)
    for piece, lost in _with_losses(pieces, losses, EXCLUDED_LINES):
        table, conflicts = told.settled(piece, lost)
        filtered.write(table)
        rejects.write(reject_table(conflicts))


def _with_losses(
    pieces: Iterable[pa.Table], losses: Iterator[tuple[int, Fate]], start: int
) -> Iterator[tuple[pa.Table, dict[int, Fate]]]:
    """Each piece of a table with the fates of its rows that are not kept, by row."""
    loss = next(losses, None)
    for piece in pieces:
        lost = {}
        while loss is not None and loss[0] < start + piece.num_rows:
            lost[loss[0] - start] = loss[1]
            loss = next(losses, None)
        start += piece.num_rows
        yield piece, lost


def _rows_of(piece: pa.Table, lost: Mapping[int, Fate], fate: Fate) -> list[dict[str, Any]]:
    rows = pa.array([row for row, one in lost.items() if one is fate], pa.int64())
    found: list[dict[str, Any]] = piece.select(["report_id", "text"]).take(rows).to_pylist()
    return found


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
