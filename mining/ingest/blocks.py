"""Pieces of a source made into the table of reports: every piece by itself, then all together.

`write_piece` leaves all versions that a piece holds, in blocks of so many rows, and beside them
what tells which reports come more than once; of versions whose examination is not wanted nothing
but that. `join_pieces` decides between the versions of all pieces as a single pass over the source
would, and takes over every block that loses no row.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts import (
    FILTERED,
    REJECTS,
    REPORTS,
    TableWriter,
    iter_tables,
    part_paths,
    read_table,
)

from .accounts import IngestCounts
from .exams import EVERY_EXAM, ExamFilter
from .excluded import EXCLUDED, Filtered, parted
from .normalise import Masker
from .passes import FILTERED_FILE, REJECTS_FILE, REPORTS_FILE, conflict, reject_table
from .pieces import Piece, read_piece
from .repeats import KEY, Keys, fates_of, keys_of
from .versions import Fate

KEYS_FILE = "keys.npy"
EXCLUDED_FILE = "excluded.parquet"
EXCLUDED_KEYS_FILE = "excluded_keys.npy"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class PieceCounts:
    """The rows that a piece gave, the rejects, and what readers put up with."""

    rows: int
    rejects: int
    notes: Mapping[str, int]


def write_piece(
    piece: Piece,
    out: Path,
    *,
    block: int,
    exams: ExamFilter = EVERY_EXAM,
    deidentifier: Masker | None = None,
    provenance: Mapping[str, str] | None = None,
) -> PieceCounts:
    """The counts, after reports.parquet (a folder), rejects.parquet and keys.npy are in `out`.

    Where a filter of examinations asks, excluded.parquet and its keys lie beside them. A
    `deidentifier` has the texts before they are stored. Errors:
    SourceError when the piece cannot be read.
    """
    notes: Counter[str] = Counter()
    asked = exams.asks
    keys, excluded_keys = [np.empty(0, dtype=KEY)], [np.empty(0, dtype=KEY)]
    folder = out / REPORTS_FILE
    folder.mkdir()
    with (
        TableWriter(out / REJECTS_FILE, REJECTS, provenance) as rejects,
        TableWriter(out / EXCLUDED_FILE, EXCLUDED, provenance)
        if asked
        else nullcontext() as excluded,
    ):

        def reports() -> Iterator[pa.Table]:
            read = read_piece(piece, notes)
            for batch in deidentifier.masked(read, notes) if deidentifier else read:
                rejects.write(reject_table(batch.rejects))
                parts = parted(batch, exams)
                keys.append(keys_of(parts.wanted, parts.arrivals))
                if excluded is not None:
                    excluded_keys.append(keys_of(parts.excluded, parts.excluded_arrivals))
                    excluded.write(parts.excluded)
                yield parts.wanted

        rows = _write_blocks(folder, reports(), block, provenance)
    np.save(out / KEYS_FILE, np.concatenate(keys))
    if excluded is not None:
        np.save(out / EXCLUDED_KEYS_FILE, np.concatenate(excluded_keys))
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
    """The accounts, after the tables of reports, rejects and filtered ones are in `out`.

    Reports are one file where one block holds them all, else a folder of blocks. `name` is the
    source's, for what is to be said of `notes`.
    """
    parts = _Parts.of(folders)
    told = Filtered()
    with (
        TableWriter(out / REJECTS_FILE, REJECTS, provenance) as rejects,
        TableWriter(out / FILTERED_FILE, FILTERED, provenance) as filtered,
    ):
        for folder in folders:
            for table in iter_tables(folder / REJECTS_FILE, REJECTS):
                rejects.write(table)
        unreadable = rejects.rows
        lost = parts.lost()
        _join_blocks(parts, lost, out, _Losses(rejects, filtered, told, provenance))
        for number in range(parts.wanted, len(parts.paths)):
            table, conflicts = told.settled(
                read_table(parts.paths[number], EXCLUDED), lost.get(number, {})
            )
            filtered.write(table)
            rejects.write(reject_table(conflicts))
    for note, count in notes.items():
        _LOG.warning("%s: %d %s", name, count, note)
    met = Counter(fate for part in lost.values() for fate in part.values())
    kept = sum(parts.rows[n] - len(lost.get(n, ())) for n in range(parts.wanted))
    return IngestCounts(
        rows_in=sum(parts.rows) + unreadable,
        rows_out=kept,
        rejects=rejects.rows,
        superseded=met[Fate.SUPERSEDED],
        duplicates=met[Fate.DUPLICATE],
        filtered=filtered.rows,
        notes=dict(notes),
        filtered_by=told.by_reason,
    )


@dataclass(frozen=True)
class _Parts:
    """All parts of all pieces: first the `wanted` ones, then what is known of the others.

    In this order, so that of the same version twice one that is wanted is the first.
    """

    paths: Sequence[Path]
    rows: Sequence[int]
    keys: Keys
    wanted: int

    @classmethod
    def of(cls, folders: Sequence[Path]) -> Self:
        paths = [part for folder in folders for part in part_paths(folder / REPORTS_FILE)]
        wanted = len(paths)
        keys = [np.load(folder / KEYS_FILE) for folder in folders]
        asked = [folder for folder in folders if (folder / EXCLUDED_FILE).exists()]
        paths += [folder / EXCLUDED_FILE for folder in asked]
        keys += [np.load(folder / EXCLUDED_KEYS_FILE) for folder in asked]
        rows = [pq.read_metadata(part).num_rows for part in paths]
        return cls(paths, rows, np.concatenate(keys), wanted)

    def lost(self) -> dict[int, dict[int, Fate]]:
        """The rows that are not kept, by part."""
        lost: dict[int, dict[int, Fate]] = {}
        starts = np.concatenate([[0], np.cumsum(self.rows)])
        for line, fate in fates_of(self.keys, self.paths, self.rows).items():
            number = int(np.searchsorted(starts, line, side="right")) - 1
            lost.setdefault(number, {})[line - int(starts[number])] = fate
        return lost


@dataclass(frozen=True)
class _Losses:
    """Where rows go that are not kept."""

    rejects: TableWriter
    filtered: TableWriter
    told: Filtered
    provenance: Mapping[str, str] | None


def _join_blocks(
    parts: _Parts, lost: Mapping[int, Mapping[int, Fate]], out: Path, losses: _Losses
) -> None:
    every = range(parts.wanted)
    left = [n for n in every if parts.rows[n] > len(lost.get(n, ()))]
    place = {number: at for at, number in enumerate(left)}
    target = out / REPORTS_FILE
    if len(left) > 1:
        target.mkdir()
    for number in every:
        here = target / _part(place[number]) if len(left) > 1 and number in place else target
        if number in lost:
            kept = here if number in place else None
            _filter_block(parts.paths[number], lost[number], kept, losses)
        elif number in place:
            os.link(parts.paths[number], here)
    if not left:
        with TableWriter(target, REPORTS, losses.provenance):
            pass


def _filter_block(
    part: Path, lost: Mapping[int, Fate], target: Path | None, losses: _Losses
) -> None:
    table = read_table(part, REPORTS)

    def rows(fate: Fate) -> list[dict[str, str]]:
        numbers = pa.array(sorted(row for row, one in lost.items() if one is fate), pa.int64())
        found: list[dict[str, str]] = table.select(["report_id", "text"]).take(numbers).to_pylist()
        return found

    conflicts = (conflict(row["report_id"], row["text"]) for row in rows(Fate.CONFLICT))
    losses.rejects.write(reject_table(conflicts))
    losses.filtered.write(losses.told.cancelled([r["report_id"] for r in rows(Fate.FILTERED)]))
    if target is not None:
        kept = np.ones(table.num_rows, dtype=bool)
        kept[list(lost)] = False
        with TableWriter(target, REPORTS, losses.provenance) as writer:
            writer.write(table.filter(pa.array(kept)))
