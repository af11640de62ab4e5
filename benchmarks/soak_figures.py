"""The nights of a soak as a table: is memory flat, is the cache bounded, was all whole?"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.view import Figures
from flows.cache_prune import read_size


@dataclass(frozen=True)
class Night:
    """What became of one night; memory and sizes in bytes.

    `cache` is what `cache prune` bounds, before it was pruned; `server` the database of Prefect's
    temporary server, beside it.
    """

    reports: int
    killed: bool
    short: bool
    seconds: float
    memory: int
    workers: int
    cache: int
    server: int
    version: int
    pruned: int | None = None

    def pruned_to(self, size: int) -> Night:
        """The night, after which the cache was pruned."""
        return replace(self, pruned=size)


def figures(nights: Sequence[Night], faults: Sequence[str], limit: str, seconds: float) -> Figures:
    """The table, with a note for every fault."""
    ended = [night for night in nights if not night.killed]
    pruned = [night.pruned for night in nights if night.pruned is not None]
    rows = [
        ["nights", f"{len(nights):,}", ""],
        ["killed at a random moment", f"{len(nights) - len(ended):,}", ""],
        ["of those, after their tables were published", f"{_late(nights):,}", ""],
        ["refused by the gate, half of the source missing", f"{_refused(nights):,}", ""],
        ["published label sets", f"{nights[-1].version:,}", ""],
        ["not whole", f"{len(faults):,}", ""],
        _quarters("reports", ended, "reports", 1),
        _quarters("memory of the process, MB", ended, "memory", 1e6),
        _quarters("memory of its largest child, MB", ended, "workers", 1e6),
        _quarters("seconds of a night", ended, "seconds", 1),
        _quarters("Prefect's database, MB", ended, "server", 1e6),
        ["cache after pruning, MB", *_range(pruned)],
        ["cache before pruning, at most, MB", f"{max(n.cache for n in nights) / 1e6:,.1f}", ""],
        ["cache limit, MB", f"{read_size(limit) / 1e6:,.1f}", ""],
    ]
    notes = [
        "Quarters: medians of the first and of the last quarter of the nights that ended.",
        f"{time.strftime('%Y-%m-%d')}, {seconds / 60:,.0f} minutes, {os.cpu_count()} cores of "
        f"{platform.machine()}, Python {platform.python_version()}; other work ran on the machine.",
        *faults,
    ]
    return Figures("Nights", ["what", "figure, or first quarter", "last quarter"], rows, notes)


def _late(nights: Sequence[Night]) -> int:
    before = [0, *(night.version for night in nights)]
    return sum(n.killed and n.version > old for n, old in zip(nights, before, strict=False))


def _refused(nights: Sequence[Night]) -> int:
    return sum(night.short and not night.killed for night in nights)


def _quarters(title: str, nights: Sequence[Night], name: str, unit: float) -> list[str]:
    quarter = max(1, len(nights) // 4)
    parts = nights[:quarter], nights[-quarter:]
    medians = [float(np.median([getattr(n, name) for n in part])) / unit for part in parts]
    return [title, *(f"{one:,.1f}" if unit > 1 or name == "seconds" else f"{one:,.0f}"
                     for one in medians)]  # fmt: skip


def _range(sizes: Sequence[int]) -> list[str]:
    if not sizes:
        return ["–", "–"]
    return [f"{sizes[0] / 1e6:,.1f}", f"{sizes[-1] / 1e6:,.1f}"]
