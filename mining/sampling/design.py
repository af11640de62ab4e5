"""The design of a sample: strata by finding, verdict and rule, and how many reports of each."""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mining.audit.weights import SMALLEST

Cell = tuple[str, ...]  # finding, state, rule; coarser cells are shorter, () is the rest
_EXPONENT = 0.5  # of a stratum's size: between equal draws (0) and proportional ones (1)
_ANY = "any finding"
NOTHING: Cell = ("nothing mentioned",)
_BOLD = {"present": 9.0, "uncertain": 4.0, "unparsed": 4.0}


class SampleError(ValueError):
    """A sample cannot be drawn as asked: what was `found` and what `to_do`."""

    def __init__(self, found: str, to_do: str) -> None:
        self.found, self.to_do = found, to_do
        super().__init__(f"sample: {found}. {to_do}")


@dataclass(frozen=True)
class Stratum:
    """A set of reports that are drawn from together."""

    cell: Cell
    report_ids: tuple[str, ...]

    @property
    def name(self) -> str:
        """The cell in words.

        >>> Stratum(("Mass", "present"), ()).name
        'Mass, present'
        """
        return ", ".join(self.cell) if self.cell else "the rest"

    def __len__(self) -> int:
        return len(self.report_ids)


def strata_of(cells: Mapping[str, Iterable[Cell]], most: int) -> list[Stratum]:
    """At most `most` strata, each report in one: by its boldest claim, the rarest of these.

    `cells` gives each report's (finding, state, rule)s. Present goes before uncertain and unparsed,
    and these before absent, so that every positive label is in a stratum of positive labels. Where
    that makes too many strata, the smallest is joined to what it has in common with others:
    (finding, state), then the state, then the rest; those of bold claims last. The order of strata
    is fixed by their cells.

    >>> strata_of({"a": [("Mass", "present", "r")], "b": []}, 2)[0].name
    'Mass, present, r'
    """
    known = {report: list(own) or [NOTHING] for report, own in cells.items()}
    counts = Counter(cell for own in known.values() for cell in set(own))
    members: dict[Cell, list[str]] = defaultdict(list)
    for report, own in known.items():
        members[min(own, key=lambda cell: (-_boldness(cell), counts[cell], cell))].append(report)
    _merge(members, max(most, 1))
    return [Stratum(cell, tuple(sorted(members[cell]))) for cell in sorted(members)]


def _boldness(cell: Cell) -> float:
    """How much an error in a report of this cell tells: positive labels are few and most read."""
    return _BOLD.get(cell[1], 1.0) if len(cell) > 1 else 1.0


def _merge(members: dict[Cell, list[str]], most: int) -> None:
    def weigh(cell: Cell) -> tuple[float, int, Cell]:
        return len(members[cell]) * _boldness(cell), -len(cell), cell

    waiting = [weigh(cell) for cell in members]
    heapq.heapify(waiting)
    while len(members) > most:
        size, _, cell = heapq.heappop(waiting)
        if cell not in members or weigh(cell)[0] != size or not cell:
            continue  # it has grown since, and stands in the heap anew; the rest has no parent
        parent = _parent(cell)
        members[parent] = [*members.get(parent, ()), *members.pop(cell)]
        heapq.heappush(waiting, weigh(parent))


def _parent(cell: Cell) -> Cell:
    """What a cell has in common with others.

    >>> _parent(("Mass", "present", "r")), _parent(("Mass", "present"))
    (('Mass', 'present'), ('any finding', 'present'))
    """
    if len(cell) == 3:
        return cell[:2]
    return (_ANY, cell[1]) if len(cell) == 2 and cell[0] != _ANY else ()


def allocate(strata: Sequence[Stratum], size: int, *, smallest: int = SMALLEST) -> list[int]:
    """How many reports to draw of each stratum: about `size` in all, rare strata oversampled.

    Draws grow with the square root of a stratum's size; each stratum gives `smallest`, or all it
    has. SampleError when `size` is not enough for that.
    """
    total = sum(map(len, strata))
    size = min(size, total)
    least = [min(smallest, len(stratum)) for stratum in strata]
    if sum(least) > size:
        raise SampleError(
            f"{size} reports for {len(strata)} strata of at least {smallest} each",
            f"Ask for {sum(least)} or more, or for fewer strata.",
        )
    drawn = [float(n) for n in least]
    open_strata = {n for n, stratum in enumerate(strata) if len(stratum) > least[n]}
    left = float(size - sum(least))
    while open_strata and left > 1e-9:
        shares = {n: _pull(strata[n]) for n in open_strata}
        unit = left / sum(shares.values())
        left = 0.0
        for n in sorted(open_strata):
            drawn[n] += unit * shares[n]
            over = drawn[n] - len(strata[n])
            if over >= 0:
                drawn[n], left = float(len(strata[n])), left + over
                open_strata.discard(n)
    return _rounded(drawn, size)


def _pull(stratum: Stratum) -> float:
    return float((len(stratum) * _boldness(stratum.cell)) ** _EXPONENT)


def _rounded(drawn: Sequence[float], size: int) -> list[int]:
    """Whole numbers that add up to `size`, the largest fractions rounded up."""
    whole = [math.floor(n + 1e-9) for n in drawn]
    order = sorted(range(len(drawn)), key=lambda n: (whole[n] - drawn[n], n))
    for n in order[: size - sum(whole)]:
        whole[n] += 1
    return whole


@dataclass(frozen=True)
class Plan:
    """Strata and how many reports to draw of each."""

    strata: tuple[Stratum, ...]
    drawn: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many reports are drawn."""
        return sum(self.drawn)


def effective_sizes(plan: Plan, positive: Mapping[str, frozenset[str]]) -> dict[str, float]:
    """By finding: how many reports of a simple random sample its positive labels are worth.

    `positive` names the reports that are labelled with each finding. What unequal weights cost is
    counted in (Kish), and that a stratum which is drawn whole leaves nothing open: infinite where
    all of a finding's positive labels are drawn.
    """
    sizes = np.array([len(stratum) for stratum in plan.strata], dtype=np.float64)
    drawn = np.array(plan.drawn, dtype=np.float64)
    worth = {}
    for finding, reports in positive.items():
        hits = [sum(report in reports for report in s.report_ids) for s in plan.strata]
        labels = np.array(hits, dtype=np.float64)
        open_ = float(np.sum(labels * (sizes - drawn) / drawn))
        worth[finding] = float(labels.sum()) ** 2 / open_ if open_ else math.inf
    return worth
