"""Pruning the cache: by age and by size, the longest unused first, never what a run may use."""

import os
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.cache_report import Stored, stored
from flows.cache_use import gate, used_by_others
from flows.reading import JOURNALS
from flows.store import Store
from flows.work import work_folder
from mining.ingest.journal import ABOUT, journals, remove_journal

_SIZES = {"": 1, "b": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_AGES = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


class LimitError(ValueError):
    """A limit that cannot be read: `found`, and what was `expected`."""

    def __init__(self, found: str, expected: str) -> None:
        self.found, self.expected = found, expected
        super().__init__(f"found {found!r}, expected {expected}")


@dataclass(frozen=True)
class Pruned:
    """What went, what stayed though a limit asked for it, and the bytes that are left."""

    removed: tuple[Stored, ...]
    in_use: tuple[Stored, ...]
    left: int


def prune(
    store: Store,
    *,
    max_bytes: int | None = None,
    max_age: float | None = None,
    look_only: bool = False,
) -> Pruned:
    """What was removed: all that was unused for `max_age` seconds, then the longest unused until
    no more than `max_bytes` are left. With `look_only` nothing is.

    What a running process has used since it began stays, and so do its temporary files. A folder
    goes in one step, so that a reader finds it whole or not at all.
    """
    everything = sorted(stored(store), key=lambda one: (one.used, one.key))
    chosen = choose(everything, time.time(), max_bytes=max_bytes, max_age=max_age)
    removed: list[Stored] = []
    in_use: list[Stored] = []
    with work_folder(store.root / "tmp", "prune") as work:
        for number, one in enumerate(chosen):
            aside = work / str(number)
            gone = _taken_away(store, one.folder, aside, look_only=look_only)
            (removed if gone else in_use).append(one)
    left = sum(one.size for one in everything) - sum(one.size for one in removed)
    return Pruned(tuple(removed), tuple(in_use), left)


def choose(
    everything: Sequence[Stored], now: float, *, max_bytes: int | None, max_age: float | None
) -> list[Stored]:
    """What the limits ask to remove, the longest unused first."""
    total = sum(one.size for one in everything)
    chosen = []
    for one in sorted(everything, key=lambda one: (one.used, one.key)):
        too_old = max_age is not None and now - one.used > max_age
        too_much = max_bytes is not None and total > max_bytes
        if too_old or too_much:
            chosen.append(one)
            total -= one.size
    return chosen


def remove_unused(store: Store, folders: Sequence[Path]) -> list[Path]:
    """Those of the folders that are gone now; what another process may use stays."""
    with work_folder(store.root / "tmp", "prune") as work:
        return [
            folder
            for number, folder in enumerate(folders)
            if _taken_away(store, folder, work / str(number))
        ]


def prune_journals(root: Path, max_age: float, *, look_only: bool = False) -> list[Path]:
    """The journals of watermarks that no run has succeeded with for so many seconds; gone now.

    With `look_only` none is. One that a run is using stays.
    """
    old = [
        folder
        for folder, _ in journals(root / JOURNALS)
        if time.time() - (folder / ABOUT).stat().st_mtime > max_age
    ]
    return old if look_only else [folder for folder in old if remove_journal(folder)]


def _taken_away(store: Store, folder: Path, aside: Path, *, look_only: bool = False) -> bool:
    """Whether a folder could go, which it has unless this is only to look; whole, in one step."""
    with gate(store.root, alone=True):
        if used_by_others(store.root, folder):
            return False
        if not look_only and folder.is_dir():
            os.rename(folder, aside)
    shutil.rmtree(aside, ignore_errors=True)
    return True


def read_size(text: str) -> int:
    """Bytes.

    >>> read_size("20GB"), read_size("1.5 m"), read_size("700")
    (20000000000, 1500000, 700)

    Errors: LimitError.
    """
    match = re.fullmatch(r"([\d.]+)\s*([kmgt]?)b?", text.strip().lower())
    if not match:
        raise LimitError(text, "a size as 500MB or 20GB")
    return int(_number(match[1], text) * _SIZES[match[2]])


def read_age(text: str) -> float:
    """Seconds.

    >>> read_age("30d"), read_age("12h")
    (2592000.0, 43200.0)

    Errors: LimitError.
    """
    match = re.fullmatch(r"([\d.]+)\s*([mhdw])", text.strip().lower())
    if not match:
        raise LimitError(text, "an age as 12h, 30d or 8w")
    return _number(match[1], text) * _AGES[match[2]]


def _number(digits: str, text: str) -> float:
    try:
        return float(digits)
    except ValueError:
        raise LimitError(text, "a number in front of the unit") from None
