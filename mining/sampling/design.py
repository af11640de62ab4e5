"""The design of a sample: strata by finding, verdict and rule, and how many reports of each."""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mining.audit.intervals import wilson
from mining.audit.weights import SMALLEST

Cell = tuple[str, ...]  # finding, state, rule; coarser cells are shorter, () is the rest
_EXPONENT = 0.5  # of a stratum's size: between equal draws (0) and proportional ones (1)
NOTHING: Cell = ("nothing mentioned",)


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
    """At most `most` strata, each report in one: in that of its rarest cell.

    `cells` gives each report's (finding, state, rule)s. Where that makes too many strata, the
    smallest is joined to what it has in common with others: (finding, state), then the finding,
    then the rest. The order of strata is fixed by their cells.

    >>> strata_of({"a": [("Mass", "present", "r")], "b": []}, 2)[0].name
    'Mass, present, r'
    """
    known = {report: list(own) or [NOTHING] for report, own in cells.items()}
    counts = Counter(cell for own in known.values() for cell in set(own))
    members: dict[Cell, list[str]] = defaultdict(list)
    for report, own in known.items():
        members[min(own, key=lambda cell: (counts[cell], cell))].append(report)
    _merge(members, max(most, 1))
    return [Stratum(cell, tuple(sorted(members[cell]))) for cell in sorted(members)]


def _merge(members: dict[Cell, list[str]], most: int) -> None:
    waiting = [(len(own), cell) for cell, own in members.items()]
    heapq.heapify(waiting)
    while len(members) > most:
        size, cell = heapq.heappop(waiting)
        if len(members.get(cell, ())) != size or not cell:
            continue  # it has grown since, and stands in the heap anew; the rest has no parent
        parent = cell[:-1]
        members[parent] = [*members.get(parent, ()), *members.pop(cell)]
        heapq.heappush(waiting, (len(members[parent]), parent))


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
        shares = {n: len(strata[n]) ** _EXPONENT for n in open_strata}
        unit = left / sum(shares.values())
        left = 0.0
        for n in sorted(open_strata):
            drawn[n] += unit * shares[n]
            over = drawn[n] - len(strata[n])
            if over >= 0:
                drawn[n], left = float(len(strata[n])), left + over
                open_strata.discard(n)
    return _rounded(drawn, size)


def _rounded(drawn: Sequence[float], size: int) -> list[int]:
    """Whole numbers that add up to `size`, the largest fractions rounded up."""
    whole = [math.floor(n + 1e-9) for n in drawn]
    order = sorted(range(len(drawn)), key=lambda n: (whole[n] - drawn[n], n))
    for n in order[: size - sum(whole)]:
        whole[n] += 1
    return whole


def effective_sizes(
    strata: Sequence[Stratum], drawn: Sequence[int], positive: Mapping[str, frozenset[str]]
) -> dict[str, float]:
    """By finding: how many reports of a simple random sample its positive labels are worth.

    `positive` names the reports that are labelled with each finding. Kish's formula over the
    strata's weights: what oversampling costs is counted in.
    """
    weights = np.array([len(s) / n for s, n in zip(strata, drawn, strict=True)])
    sizes = {}
    for finding, reports in positive.items():
        shares = _shares(strata, reports)
        expected = shares * np.array(drawn)
        square = float(np.sum(weights**2 * expected))
        sizes[finding] = float(np.sum(weights * expected)) ** 2 / square if square else 0.0
    return sizes


def _shares(strata: Sequence[Stratum], reports: frozenset[str]) -> npt.NDArray[np.float64]:
    hits = [sum(report in reports for report in stratum.report_ids) for stratum in strata]
    sizes = np.array([len(stratum) for stratum in strata], dtype=np.float64)
    return np.asarray(np.array(hits) / sizes)


def size_for_width(
    cells: Mapping[str, Iterable[Cell]],
    positive: Mapping[str, frozenset[str]],
    width: float,
    *,
    expected: float = 0.9,
) -> tuple[int, tuple[str, ...]]:
    """The least size at which every finding's precision gets a 95 % interval this wide or narrower.

    `expected` is the precision that is reckoned with. Also the findings that are too rare for it
    even when all reports are drawn: they do not count. SampleError for an impossible width.
    """
    if not 0 < width < 1:
        raise SampleError(f"width {width}", "Give the whole width of the interval, as 0.1.")
    needed = _cases_for(width, expected)
    rare = tuple(f for f, reports in positive.items() if len(reports) < needed)
    wanted = {f: reports for f, reports in positive.items() if f not in rare}
    low, high = SMALLEST, len(cells)
    while low < high:
        middle = (low + high) // 2
        strata = strata_of(cells, middle // SMALLEST)
        drawn = allocate(strata, middle, smallest=SMALLEST)
        enough = all(n >= needed for n in effective_sizes(strata, drawn, wanted).values())
        low, high = (low, middle) if enough else (middle + 1, high)
    return low, rare


def _cases_for(width: float, expected: float) -> int:
    """How many cases make a Wilson interval this narrow at the expected share.

    >>> _cases_for(0.1, 0.9)
    141
    """
    low, high = 1, 1 << 24
    while low < high:
        middle = (low + high) // 2
        bounds = wilson(round(expected * middle), middle)
        narrow = bounds is not None and bounds[1] - bounds[0] <= width
        low, high = (low, middle) if narrow else (middle + 1, high)
    return low
