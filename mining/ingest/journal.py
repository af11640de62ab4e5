"""The journal of a source that is read by its watermark: what every night has read, and how far.

    JOURNAL/about.json       the batches in their order, and the mark up to which they reach
           /batch-000001/    a night's rows (batches.py)
           /.lock            held while a run uses the journal

What a run has read becomes part of the journal when the run commits it, in one step: about.json is
replaced. A run that ends before leaves a folder that nobody names; the next one removes it and
reads those rows again. So nothing is lost, and nothing is in the tables twice.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import shutil
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .batches import Batch, BatchWriter, digest_of, rows_in
from .mapping import ColumnMapping
from .marks import Mark, Watermark, mark_from_json, mark_to_json, shown_mark
from .news import News, Seen
from .normalise import Masker
from .rows import SourceError
from .seen_before import SeenBefore
from .sql import read_query

ABOUT, LOCK = "about.json", ".lock"
_LOG = logging.getLogger(__name__)
_FORMAT = 1
_WORK = "work"


@dataclass(frozen=True)
class Taken:
    """What a run is to mine: the batches of earlier nights and of this one, and what is told."""

    batches: tuple[Batch, ...]
    told: Mapping[str, Any] = field(default_factory=dict)
    notes: Mapping[str, int] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """A hash of all that is in it."""
        return hashlib.sha256(" ".join(one.digest for one in self.batches).encode()).hexdigest()


class Journal:
    """The journal of one source under a folder of journals."""

    def __init__(
        self,
        root: Path,
        source: str,
        watermark: Watermark,
        *,
        mapping: Mapping[str, str] | None = None,
        format: str | None = None,
        deidentifier: Masker | None = None,
    ) -> None:
        """A `deidentifier` has the texts before they are kept: its journal is another one.

        Errors: SourceError for a query that cannot be read.
        """
        self.watermark = watermark
        self._news = News(source, watermark.column, ColumnMapping.from_dict(mapping or {}), format)
        self._deidentifier = deidentifier
        self.folder = root / _key(self._news, deidentifier)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Held while no other run uses the journal; waits for it."""
        root = self.folder.parent
        for folder in (root.parent, root, self.folder):  # of all that is made, patients' text is in
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not _locked(handle):
                _LOG.warning("%s: another run reads it, waiting for its end", self._news.source)
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def committed(self) -> Taken:
        """What is in the journal now. Errors: SourceError when its record is damaged."""
        about = self._about()
        batches = tuple(_batch(self.folder, one) for one in about["batches"])
        return Taken(batches, self._told(about["upto"], about["upto"], batches, 0, 0))

    def take(self) -> Taken:
        """The batches of earlier nights, and one of what is new; it is not committed yet.

        To be called while held. Errors: SourceError, and those of the readers.
        """
        about = self._about()
        earlier = [] if self.watermark.from_start else about["batches"]
        upto = None if self.watermark.from_start else mark_from_json(about["upto"])
        self._sweep({one["name"] for one in about["batches"]})
        batches = [_batch(self.folder, one) for one in earlier]
        since = self.watermark.since(upto)
        seen = Seen(datetime.now(UTC), upto)
        number = max((int(one["name"][-6:]) for one in about["batches"]), default=0) + 1
        notes: Counter[str] = Counter()
        new, again = self._read(f"batch-{number:06}", batches, since, seen, notes)
        rows = new.rows if new else 0
        if seen.ahead:
            notes["marks that lie in the future, which do not move the watermark on"] += seen.ahead
        if new is not None:
            batches.append(new)
        told = self._told(mark_to_json(since), mark_to_json(seen.upto), batches, rows, again)
        return Taken(tuple(batches), told, dict(notes))

    def commit(self, taken: Taken) -> None:
        """Returns when what was taken is part of the journal, for ever: on disk, in one step."""
        about = {
            "format": _FORMAT,
            "source": self._news.source,
            "column": self.watermark.column,
            "upto": taken.told["upto_mark"],
            "batches": [
                {"name": Path(one.folder).name, "digest": one.digest, "rows": one.rows}
                for one in taken.batches
            ],
        }
        _write(self.folder / ABOUT, about)
        self._sweep({Path(one.folder).name for one in taken.batches})

    def _read(
        self, name: str, earlier: list[Batch], since: Mark | None, seen: Seen, notes: Counter[str]
    ) -> tuple[Batch | None, int]:
        """The batch of what is new, if anything is, and how many rows were known already."""
        work = self.folder / _WORK
        folder = work / name
        (work / "files").mkdir(mode=0o700, parents=True)
        known = SeenBefore(work / "read", earlier)
        with known.spool() as spool:
            read = self._news.read(since, seen, notes, work / "files")
            masker = self._deidentifier
            for batch in masker.masked(read, notes) if masker else read:
                spool.write(batch)
        writer = BatchWriter(folder)
        with writer.arrivals, writer.rejects:
            for rows, rejects in known.new():
                writer.write(rows, rejects)
        rows, rejected = writer.arrivals.rows, writer.rejects.rows
        made = None
        if rows or rejected:
            os.rename(folder, self.folder / name)
            _sync(self.folder)
            made = Batch(str(self.folder / name), digest_of(self.folder / name), rows)
        shutil.rmtree(work)
        return made, known.again

    def _told(self, since: Any, upto: Any, batches: Any, rows: int, again: int) -> dict[str, Any]:
        return {
            "column": self.watermark.column,
            "overlap": self.watermark.overlap,
            "since": shown_mark(mark_from_json(since)),
            "upto": shown_mark(mark_from_json(upto)),
            "upto_mark": upto,
            "new_rows": rows,
            "read_again": again,
            "batches": len(batches),
            "rows": sum(one.rows for one in batches),
        }

    def _about(self) -> dict[str, Any]:
        path = self.folder / ABOUT
        if not path.exists():
            return {"format": _FORMAT, "upto": None, "batches": []}
        try:
            about: dict[str, Any] = json.loads(path.read_text("utf-8"))
            if about["format"] != _FORMAT or not isinstance(about["batches"], list):
                raise ValueError("format")
            mark_from_json(about["upto"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SourceError(
                path, f"no journal of this version ({type(error).__name__})",
                f"Remove {self.folder}: the source is read anew then.",
            ) from error  # fmt: skip
        return about

    def _sweep(self, named: set[str]) -> None:
        """Removes what a killed run has left."""
        for path in self.folder.iterdir():
            if path.is_dir() and path.name not in named:
                shutil.rmtree(path)


def journals(root: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Folder and record of every journal under the root."""
    for path in sorted(root.glob(f"*/{ABOUT}")):
        with contextlib.suppress(OSError, ValueError):
            yield path.parent, json.loads(path.read_text("utf-8"))


def renew_digests(root: Path, changed: Collection[Path]) -> None:
    """Returns when the records fit batches that rows were taken out of: the files that changed."""
    for folder, about in journals(root):
        own = [
            one
            for one in about["batches"]
            if any(p.parent == folder / one["name"] for p in changed)
        ]
        for one in own:
            batch = folder / one["name"]
            one["digest"], one["rows"] = digest_of(batch), rows_in(batch)
        if own:
            _write(folder / ABOUT, about)


def remove_journal(folder: Path) -> bool:
    """Whether the journal could be removed: no run is using it. Its source is read anew then."""
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not _locked(handle):
            return False
        (folder / ABOUT).unlink(missing_ok=True)  # first: without it the rest is nothing
        shutil.rmtree(folder)
        return True
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _batch(folder: Path, told: Mapping[str, Any]) -> Batch:
    return Batch(str(folder / told["name"]), told["digest"], told["rows"])


def _key(news: News, deidentifier: Masker | None) -> str:
    """The name of the journal: another query, mapping, format or masking begins another one."""
    path = Path(news.source)
    query: Any = None
    if news.is_query and path.exists():
        url, text, parameters = read_query(path, secrets=False)
        query = (url, text, sorted((k, str(v)) for k, v in parameters.items() if k != "since"))
    asked = [os.path.abspath(news.source), news.column, news.mapping, news.format, query]
    if deidentifier is not None:
        asked.append(deidentifier.id)
    return hashlib.sha256(repr(tuple(asked)).encode()).hexdigest()[:24]


def _write(path: Path, about: Mapping[str, Any]) -> None:
    beside = path.with_name(f".{path.name}.tmp")
    with open(beside, "w", encoding="utf-8") as file:
        file.write(json.dumps(about, indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
