"""The ids of all rows on disk, so that repeated ones are found without holding them in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Self

from .versions import Fate, Version, resolve

_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA temp_store = FILE;
CREATE TABLE ids (hash INTEGER, line INTEGER, cancelled INTEGER, arrival INTEGER);
CREATE TABLE candidates (
    report_id TEXT, line INTEGER, text_sha256 TEXT, version INTEGER, received INTEGER, status TEXT,
    arrival INTEGER
);
CREATE TABLE fates (line INTEGER PRIMARY KEY, fate INTEGER);
"""
# Rows that need a closer look: their id may occur again (equal hashes), or withdraws a report.
_SUSPECTS = """
SELECT line, arrival FROM ids WHERE line >= ? AND line < ? AND hash IN (
    SELECT hash FROM ids GROUP BY hash HAVING COUNT(*) > 1 OR MAX(cancelled)
) ORDER BY line
"""
# Rows that are left out by their examination are numbered apart, after all others.
EXCLUDED = 1 << 48
LAST = 1 << 62


class Ledger:
    """Notes the id of every row, then resolves those that come more than once. Lines count from 0.

    Lives in one SQLite file, which is scratch: after a crash nobody needs it.
    """

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.executescript(_SCHEMA)
        self._connection.execute("BEGIN")
        self._next = {False: 0, True: EXCLUDED}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def note(
        self,
        report_ids: list[str],
        cancelled: list[bool],
        arrivals: list[int],
        *,
        excluded: bool = False,
    ) -> None:
        """Notes the next rows; those that are `excluded` have numbers from EXCLUDED on."""
        start = self._next[excluded]
        self._next[excluded] += len(report_ids)
        lines = range(start, self._next[excluded])
        self._connection.executemany(
            "INSERT INTO ids VALUES (?, ?, ?, ?)",
            zip(map(hash, report_ids), lines, cancelled, arrivals, strict=True),
        )

    def suspects(self, start: int = 0, stop: int = LAST) -> Iterator[tuple[int, int]]:
        """The lines, from start to stop, whose details `add` is to get, ascending; arrivals."""
        return self._connection.cursor().execute(_SUSPECTS, (start, stop))

    def add(self, details: Iterable[tuple[str, int, Version]]) -> None:
        """Notes the id, line and details of suspects."""
        self._connection.executemany(
            "INSERT INTO candidates VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    *(report_id, line, one.text_sha256, one.version, one.received, one.status),
                    one.arrival,
                )
                for report_id, line, one in details
            ),
        )

    def resolve(self) -> dict[Fate, int]:
        """Settles the fate of all candidates; how many met which."""
        rows = self._connection.cursor().execute(
            "SELECT * FROM candidates ORDER BY report_id, line"
        )
        counts = dict.fromkeys(Fate, 0)
        for _, group in groupby(rows, key=lambda row: row[0]):
            members = list(group)
            fates = resolve([Version(*member[2:]) for member in members])
            lost = [
                (member[1], int(fate))
                for member, fate in zip(members, fates, strict=True)
                if fate is not Fate.KEPT
            ]
            self._connection.executemany("INSERT INTO fates VALUES (?, ?)", lost)
            for fate in fates:
                counts[fate] += 1
        return counts

    def losses(self, start: int = 0, stop: int = LAST) -> Iterator[tuple[int, Fate]]:
        """Line and fate of every row from start to stop that is not kept, ascending."""
        rows = self._connection.cursor().execute(
            "SELECT line, fate FROM fates WHERE line >= ? AND line < ? ORDER BY line", (start, stop)
        )
        return ((line, Fate(fate)) for line, fate in rows)
