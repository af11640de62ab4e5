"""Pieces of a source made into the table of reports: every piece by itself, then all together.

`write_piece` leaves all versions that a piece holds, in blocks of so many rows, and beside them
what tells which reports come more than once. `join_pieces` decides between the versions of all
pieces as a single pass over the source would, and takes over every block that loses no row.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts import REJECTS, REPORTS, TableWriter, iter_tables, part_paths, read_table

from .accounts import IngestCounts
from .passes import REJECTS_FILE, REPORTS_FILE, conflict, reject_table
from .pieces import Piece, read_piece
from .repeats import KEY, fates_of, keys_of
from .versions import Fate

KEYS_FILE = "keys.npy"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class PieceCounts:
    """The rows that a piece gave, the rejects, and what readers put up with."""

    rows: int
    rejects: int
    notes: Mapping[str, int]


def write_piece(
    piece: Piece, out: Path, *, block: int, provenance: Mapping[str, str] | None = None
) -> PieceCounts:
    """The counts, after reports.parquet (a folder), rejects.parquet and keys.npy are in `out`.

    Errors: SourceError when the piece cannot be read.
    """
    notes: Counter[str] = Counter()
    keys = [np.empty(0, dtype=KEY)]
    folder = out / REPORTS_FILE
    folder.mkdir()
    with TableWriter(out / REJECTS_FILE, REJECTS, provenance) as rejects:

        def reports() -> Iterator[pa.Table]:
            for batch in read_piece(piece, notes):
                rejects.write(reject_table(batch.rejects))
                keys.append(keys_of(batch.reports))
                yield batch.reports

        rows = _write_blocks(folder, reports(), block, provenance)
    np.save(out / KEYS_FILE, np.concatenate(keys))
    return PieceCounts(rows, rejects.rows, dict(notes))


def _write_blocks(
    folder: Path, tables: Iterator[pa.Table], block: int, provenance: Mapping[str, str] | None
) -> int:
    waiting = next(tables, REPORTS.empty())
    rows = number = 0
    while waiting.num_rows or number == 0:
        with TableWriter(folder / _part(number), REPORTS, provenance) as writer:
            while waiting.num_rows and writer.rows < block:
                taken = waiting.slice(0, block - writer.rows)
                writer.write(taken)
                waiting = waiting.slice(taken.num_rows)
                while not waiting.num_rows and (more := next(tables, None)) is not None:
                    waiting = more
        rows += writer.rows
        number += 1
    return rows


def _part(number: int) -> str:
    return f"part-{number:05}.parquet"


def join_pieces(
    folders: Sequence[Path],
    out: Path,
    *,
    name: str,
    notes: Mapping[str, int],
    provenance: Mapping[str, str] | None = None,
) -> IngestCounts:
    """The accounts, after the tables of reports and rejects of all these pieces are in `out`.

    Reports are one file where one block holds them all, else a folder of blocks. `name` is the
    source's, for what is to be said of `notes`.
    """
    parts = [part for folder in folders for part in part_paths(folder / REPORTS_FILE)]
    rows = [pq.read_metadata(part).num_rows for part in parts]
    keys = np.concatenate([np.load(folder / KEYS_FILE) for folder in folders])
    fates = fates_of(keys, parts, rows)
    with TableWriter(out / REJECTS_FILE, REJECTS, provenance) as rejects:
        for folder in folders:
            for table in iter_tables(folder / REJECTS_FILE, REJECTS):
                rejects.write(table)
        _join_blocks(parts, rows, fates, out, rejects, provenance)
    for note, count in notes.items():
        _LOG.warning("%s: %d %s", name, count, note)
    met = Counter(fates.values())
    unreadable = rejects.rows - met[Fate.CONFLICT]
    return IngestCounts(
        rows_in=sum(rows) + unreadable,
        rows_out=sum(rows) - met.total(),
        rejects=rejects.rows,
        superseded=met[Fate.SUPERSEDED],
        duplicates=met[Fate.DUPLICATE],
        filtered=met[Fate.FILTERED],
        notes=dict(notes),
    )


def _join_blocks(
    parts: Sequence[Path],
    rows: Sequence[int],
    fates: Mapping[int, Fate],
    out: Path,
    rejects: TableWriter,
    provenance: Mapping[str, str] | None,
) -> None:
    lost: dict[int, dict[int, Fate]] = {}
    starts = np.concatenate([[0], np.cumsum(rows)])
    for line, fate in fates.items():
        number = int(np.searchsorted(starts, line, side="right")) - 1
        lost.setdefault(number, {})[line - int(starts[number])] = fate
    left = [n for n, count in enumerate(rows) if count > len(lost.get(n, ()))]
    target = out / REPORTS_FILE
    if len(left) > 1:
        target.mkdir()
    for number in range(len(parts)):
        here = target / _part(left.index(number)) if len(left) > 1 and number in left else target
        if number in lost:
            _filter_block(
                parts[number], lost[number], here if number in left else None, rejects, provenance
            )
        elif number in left:
            os.link(parts[number], here)
    if not left:
        with TableWriter(target, REPORTS, provenance):
            pass


def _filter_block(
    part: Path,
    lost: Mapping[int, Fate],
    target: Path | None,
    rejects: TableWriter,
    provenance: Mapping[str, str] | None,
) -> None:
    table = read_table(part, REPORTS)
    conflicts = sorted(row for row, fate in lost.items() if fate is Fate.CONFLICT)
    found = table.select(["report_id", "text"]).take(pa.array(conflicts, pa.int64())).to_pylist()
    rejects.write(reject_table(conflict(row["report_id"], row["text"]) for row in found))
    if target is not None:
        kept = np.ones(table.num_rows, dtype=bool)
        kept[list(lost)] = False
        with TableWriter(target, REPORTS, provenance) as writer:
            writer.write(table.filter(pa.array(kept)))
