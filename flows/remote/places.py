"""Where a verb reads and writes: local paths as they are, addresses by way of a local copy."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from flows.remote.address import is_address, local_path

if TYPE_CHECKING:
    from flows.remote.address import Place
    from flows.remote.copies import Copy
    from flows.remote.sets import RemoteSet
    from flows.result import RunResult


def readable(name: str) -> Path:
    """The local path of a label set or a table, given its path or its address.

    At an address the newest whole set is meant where cxrmine has written there, else what lies
    there itself. Errors: RemoteError; so when a set's files are not as they were written.
    """
    path = local_path(name)
    return Path(path) if path is not None else _fetched(name)


def readable_name(name: str) -> str:
    """The same of what may be a word as well as a file: what is no address stays as it is."""
    return str(readable(name)) if is_address(name) else name


@dataclass(frozen=True)
class Output:
    """Where a run writes: a folder of this machine, and the place that it goes to afterwards."""

    folder: Path
    place: "Place | None" = None

    @property
    def shown(self) -> str:
        """Its name for people."""
        return str(self.folder) if self.place is None else self.place.shown

    def earlier(self) -> Path | None:
        """The folder of the run that this one replaces, or of a copy of it; None for none."""
        from flows.output import RUN_FILE

        if self.place is None:
            return self.folder if (self.folder / RUN_FILE).is_file() else None
        from flows.remote.sets import newest_set

        found = newest_set(self.place)
        return None if found is None else _copy_of(found).path

    def deliver(self, result: "RunResult") -> "RunResult":
        """The result, after its files are where they were asked for. Errors: RemoteError."""
        if self.place is None:
            return result
        from flows.environment import cache_root
        from flows.remote.known import remember_address
        from flows.remote.sets import SETS, put_set

        remember_address(cache_root(), self.place.shown)  # first: `forget` must know of half a set
        made = put_set(self.place, self.folder)
        return replace(result, out=f"{self.place.shown.rstrip('/')}/{SETS}/{made.name}")

    def deliver_report(self, written: Path) -> str:
        """The address of a report of the run, after it and what lies beside it are there.

        Errors: RemoteError.
        """
        if self.place is None:
            return written.as_uri()
        from flows.remote.sets import REPORTS, put_reports

        put_reports(self.place, written.parent)
        return f"{self.place.shown.rstrip('/')}/{REPORTS}/{written.name}"


@contextlib.contextmanager
def output_at(name: str) -> Iterator[Output]:
    """The output that a path or an address names; of an address, a private folder until delivered.

    Errors: RemoteError for a place that cannot be reached, or holds something else.
    """
    path = local_path(name)
    if path is not None:
        yield Output(Path(path))
        return
    from flows.environment import cache_root
    from flows.remote.address import open_place
    from flows.remote.sets import check_place
    from flows.store import Store
    from flows.work import work_folder

    place = open_place(name)
    check_place(place)
    store = Store(cache_root())
    with work_folder(store.root / "tmp", "output") as work:
        yield Output(work / "labels", place)


def _fetched(address: str) -> Path:
    from flows.remote.address import open_place
    from flows.remote.sets import newest_set

    place = open_place(address)
    found = newest_set(place)
    return (_copy(place) if found is None else _copy_of(found)).path


def _copy_of(found: "RemoteSet") -> "Copy":
    """The copy of a set. Errors: RemoteError when it has not the checksums of its run.json."""
    from flows.output import RUN_FILE
    from flows.remote.address import RemoteError

    copy = _copy(found.at)
    record = json.loads((copy.path / RUN_FILE).read_text())
    damaged = sorted(name for name, sha in record["files"].items() if copy.files.get(name) != sha)
    if damaged:
        raise RemoteError(
            f"{found.place.shown}: {found.name}", f"{damaged[0]} is not as it was written",
            "Run again: a new set takes its place.",
        )  # fmt: skip
    return copy


def _copy(place: "Place") -> "Copy":
    from flows.environment import cache_root
    from flows.remote.copies import fetch
    from flows.store import Store

    return fetch(place, Store(cache_root()))
