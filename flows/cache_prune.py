"""Pruning the cache: by age and by size, the longest unused first, never what a run may use."""

import os
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass

from flows.cache_report import Stored, stored
from flows.cache_use import gate, running
from flows.store import Store
from flows.work import work_folder

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
    removed, in_use = [], []
    with work_folder(store.root / "tmp", "prune") as work:
        for number, one in enumerate(chosen):
            with gate(store.root, alone=True):
                if _needed(store, one):
                    in_use.append(one)
                    continue
                if not look_only and one.folder.is_dir():
                    os.rename(one.folder, work / str(number))
            removed.append(one)
            shutil.rmtree(work / str(number), ignore_errors=True)
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


def _needed(store: Store, one: Stored) -> bool:
    """Whether a running process may use it. Asked behind the gate: nobody touches it meanwhile."""
    first = min(running(store.root), default=None)
    if first is None:
        return False
    marks = [path.stat().st_mtime for path in one.folder.glob("*.json")]
    return max(marks, default=0.0) >= first


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
