"""Which of several versions of a report is labelled, and what becomes of the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from data_contracts import ReportStatus


class Fate(IntEnum):
    """What becomes of a version."""

    KEPT = 0
    SUPERSEDED = 1
    DUPLICATE = 2
    FILTERED = 3
    CONFLICT = 4


@dataclass(frozen=True, slots=True)
class Version:
    """What decides between versions; `received` in any unit. Null status is read as final.

    `arrival` says when the source gave it to us, where that is known: more is later.
    """

    text_sha256: str
    version: int | None = None
    received: int | None = None
    status: str | None = None
    arrival: int = 0

    @property
    def rank(self) -> int:
        """How far the status has come."""
        return _RANKS[ReportStatus(self.status or ReportStatus.FINAL)]


_RANKS = {status: rank for rank, status in enumerate(ReportStatus)}
_PRELIMINARY = _RANKS[ReportStatus.PRELIMINARY]
_CANCELLED = _RANKS[ReportStatus.CANCELLED]

# What orders versions, the strongest first. Each counts only if every version still in question
# has it.
_ORDERS: tuple[Callable[[Version], int | None], ...] = (
    lambda version: version.version,
    lambda version: version.received,
    lambda version: version.arrival,
    lambda version: version.rank,
)


def resolve(versions: Sequence[Version]) -> list[Fate]:
    """The fate of each version of one report, given in the order of the source.

    The newest final or amended version is kept and the older ones are superseded; a preliminary
    one is kept only if there is nothing else. If the newest is a cancellation, nothing is kept
    and it is filtered. The same version twice is a duplicate. Different texts that nothing puts
    in an order are conflicts, all of them.

    >>> resolve([Version("a", 1), Version("b", 2)])
    [<Fate.SUPERSEDED: 1>, <Fate.KEPT: 0>]
    """
    fates = [Fate.SUPERSEDED] * len(versions)
    first: dict[tuple[object, ...], int] = {}
    for index, one in enumerate(versions):
        same = (one.text_sha256, one.version, one.received, one.rank, one.arrival)
        if first.setdefault(same, index) != index:
            fates[index] = Fate.DUPLICATE
    standing = list(first.values())
    settled = [index for index in standing if versions[index].rank != _PRELIMINARY]
    newest = _newest(versions, settled or standing)
    if versions[newest[0]].rank == _CANCELLED:
        for index in newest:
            fates[index] = Fate.FILTERED
    elif len({versions[index].text_sha256 for index in newest}) == 1:
        fates[newest[0]] = Fate.KEPT
        for index in newest[1:]:
            fates[index] = Fate.DUPLICATE
    else:
        for index in newest:
            fates[index] = Fate.CONFLICT
    return fates


def _newest(versions: Sequence[Version], indices: list[int]) -> list[int]:
    """Those that nothing tells to be older than another."""
    for order in _ORDERS:
        keys = {index: key for index in indices if (key := order(versions[index])) is not None}
        if len(keys) == len(indices):
            top = max(keys.values())
            indices = [index for index in indices if keys[index] == top]
    return indices
