"""Rows that were read in an earlier night already: those of an overlap, of a file touched again.

A row is known when it stands in an earlier batch with the same mark, or says the same as the
newest that is known of its report.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import REJECTS, REPORTS, iter_tables

from .batches import ARRIVALS, ARRIVALS_FILE, Batch, BatchWriter
from .normalise import Normalised
from .passes import REJECTS_FILE
from .rows import RawReject

# All that a row says but for where it was read; the text by its hash.
_SAID = tuple(name for name in REPORTS.columns if name not in ("report_id", "source", "text"))
_Said = tuple[object, ...]
_Reject = tuple[object, ...]


class Spool:
    """Takes what was read."""

    def __init__(self, writer: BatchWriter, *, compared: bool) -> None:
        self._writer, self._compared = writer, compared
        self.ids: set[str] = set()
        self.rejects: list[RawReject] = []

    def write(self, batch: Normalised) -> None:
        """Adds rows, whose arrivals are known, and rejects."""
        rows = batch.reports.append_column(ARRIVALS.schema.field("arrival"), batch.arrivals)
        if self._compared:  # else there may be more than memory holds
            self.ids.update(rows["report_id"].to_pylist())
        self.rejects += batch.rejects
        self._writer.write(rows, [])


class SeenBefore:
    """What is new among the rows of a night; `again` counts those that are not."""

    def __init__(self, folder: Path, earlier: Sequence[Batch]) -> None:
        self._folder, self._earlier = folder, earlier
        self.again = 0

    @contextmanager
    def spool(self) -> Iterator[Spool]:
        """What takes the rows, on disk; ends whole or not at all."""
        writer = BatchWriter(self._folder)
        with writer.arrivals, writer.rejects:
            self._spool = Spool(writer, compared=bool(self._earlier))
            yield self._spool

    def new(self) -> Iterator[tuple[pa.Table, list[RawReject]]]:
        """The rows and rejects that are new."""
        known = self._rejects()
        fresh = [one for one in self._spool.rejects if _told(one) not in known]
        self.again += len(self._spool.rejects) - len(fresh)
        yield ARRIVALS.empty(), fresh
        exact, newest = self._known()
        for table in iter_tables(self._folder / ARRIVALS_FILE, ARRIVALS):
            kept = [
                (report, arrival, said) not in exact and said not in newest.get(report, _NOTHING)[1]
                for report, arrival, said in _rows(table)
            ]
            self.again += kept.count(False)
            yield table.filter(pa.array(kept, pa.bool_())), []

    def _known(self) -> tuple[set[tuple[Any, ...]], dict[str, tuple[int, set[_Said]]]]:
        """Rows of earlier nights with these reports, and what the newest of each report say."""
        exact: set[tuple[Any, ...]] = set()
        newest: dict[str, tuple[int, set[_Said]]] = {}
        ids = pa.array(sorted(self._spool.ids), pa.string())
        for batch in self._earlier if len(ids) else ():
            columns = ["report_id", "arrival", *_SAID]
            for table in iter_tables(Path(batch.folder) / ARRIVALS_FILE, ARRIVALS, columns):
                theirs = table.filter(pc.is_in(table["report_id"], value_set=ids))
                for report, arrival, said in _rows(theirs):
                    exact.add((report, arrival, said))
                    last, texts = newest.get(report, _NOTHING)
                    if arrival > last:
                        newest[report] = (arrival, {said})
                    elif arrival == last:
                        texts.add(said)
        return exact, newest

    def _rejects(self) -> set[_Reject]:
        return {
            _told(RawReject(row["key"], row["column"], row["reason"], row["value_length"], digest))
            for batch in self._earlier
            for table in iter_tables(Path(batch.folder) / REJECTS_FILE, REJECTS)
            for row in table.to_pylist()
            if (digest := row["value_sha256"]) is not None
        }


_NOTHING: tuple[int, set[_Said]] = (-(1 << 63), set())


def _rows(table: pa.Table) -> Iterator[tuple[str, int, _Said]]:
    said = zip(*(table[name].to_pylist() for name in _SAID), strict=True)
    ids, arrivals = table["report_id"].to_pylist(), table["arrival"].to_pylist()
    yield from zip(ids, arrivals, said, strict=True)


def _told(reject: RawReject) -> _Reject:
    """What tells a reject; without the hash of a value it is like no other."""
    key = None if reject.key.startswith("row ") else reject.key
    return (key, reject.column, str(reject.reason), reject.value_length, reject.value_sha256)
