"""What is new in a source since a mark: rows of a query, or files changed since."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from .formats import source_format
from .mapping import ColumnMapping
from .marks import FILES, Mark, MarkError, as_mark, is_ahead, order
from .normalise import Normalised, normalise
from .rows import SourceError
from .source import read_batches
from .sql import read_sql


@dataclass
class Seen:
    """The largest mark met so far; marks of the future do not count, or nothing came after them."""

    now: datetime
    upto: Mark | None = None
    ahead: int = 0

    def note(self, mark: Mark) -> int:
        """The mark as a number, after it is noted."""
        if is_ahead(mark, self.now):
            self.ahead += 1
        elif self.upto is None or order(mark) > order(self.upto):
            self.upto = mark
        return order(mark)


@dataclass(frozen=True)
class News:
    """Where new rows are looked for, and how they are read."""

    source: str
    column: str
    mapping: ColumnMapping
    format: str | None

    @property
    def is_query(self) -> bool:
        """Whether the source is a query, and not files."""
        return Path(self.source).suffix.lower() == ".toml"

    def read(
        self, since: Mark | None, seen: Seen, notes: Counter[str], work: Path
    ) -> Iterator[Normalised]:
        """The rows since the mark, each with its arrival; `work` is an empty folder.

        Errors: SourceError.
        """
        path = Path(self.source)
        if not path.exists():
            raise SourceError(path, "is not there", "Give a file, a folder, or a query.")
        if self.is_query:
            yield from self._rows(path, since, seen, notes)
        else:
            yield from self._files(path, since, seen, notes, work)

    def _rows(
        self, path: Path, since: Mark | None, seen: Seen, notes: Counter[str]
    ) -> Iterator[Normalised]:
        def arrival(value: object) -> str:
            try:
                mark = as_mark(value)
            except MarkError as error:
                to_do = f"Name another column than {self.column!r}, or cast it in the query."
                raise SourceError(path, str(error), to_do) from error
            return "0" if mark is None else str(seen.note(mark))

        for batch in read_sql(path, self.mapping, notes, watch=(self.column, since, arrival)):
            yield normalise(batch)

    def _files(
        self, path: Path, since: Mark | None, seen: Seen, notes: Counter[str], work: Path
    ) -> Iterator[Normalised]:
        if self.column != FILES:
            found = f"watermark {self.column!r}, but no query"
            raise SourceError(path, found, f"For files say watermark = {FILES!r}.")
        found_format = source_format(path, self.format)
        root = path if path.is_dir() else path.parent
        linked = work / root.name
        arrival = None
        for file in _files_at(path):
            changed = _changed(file)
            if since is not None and order(changed) < order(since):
                continue
            arrival = max(arrival or 0, seen.note(changed))
            link = linked / file.relative_to(root)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file.resolve())
        if arrival is None:
            return
        read = linked if path.is_dir() else linked / path.name
        for batch in read_batches(read, mapping=self.mapping, format=found_format, notes=notes):
            times = pa.array([arrival] * batch.reports.num_rows, pa.int64())
            yield replace(batch, arrivals=times)


def _files_at(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for root, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(root, name) for name in sorted(names) if not name.startswith("."))


def _changed(file: Path) -> datetime:
    """When the file was written, or came here: a copy keeps its old time, but not its entry's."""
    try:
        status = file.stat()
    except OSError:  # a link to nowhere: whoever reads it makes a reject of it
        status = file.lstat()
    latest = max(status.st_mtime_ns, status.st_ctime_ns)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=latest // 1_000)
