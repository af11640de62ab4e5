"""How often the weighted audit's 95 % intervals hold the true figure, by how many are judged.

Populations of reports with known errors are drawn from again and again as `cxrmine sample` does,
and the intervals of `mining.audit.weights` are asked whether they hold the population's precision,
recall and F1.

    python -m benchmarks.coverage [--markdown docs/results/coverage.md]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mining.audit.intervals import f1_from_counts
from mining.audit.outcomes import FN, FP, TN, TP, Codes, Outcomes
from mining.audit.weights import (
    F1,
    PRECISION,
    RECALL,
    Design,
    draw_weighted,
    ratio_interval,
)

_PAGE = """# Coverage of the weighted audit's intervals

`python -m benchmarks.coverage --markdown docs/results/coverage.md`: {samples:,} samples per row, 95 % intervals, in percent;
populations stand in `benchmarks/coverage.py`. The last column is the mean width of the three intervals.

"""  # noqa: E501
FIGURES = ("precision", "recall", "F1")
SIZES = (5, 10, 15, 20, 30, 40, 60, 80)


@dataclass(frozen=True)
class Part:
    """A stratum of the population: its reports, whether labelled, the share that has the finding.

    An unlabelled report that has the finding is one that the labels miss.
    """

    reports: int
    labelled: bool
    there: float


# Shares as audits of OpenI find them: most labels are right, a rule or two is worse, and what the
# labels miss hides in hedges and in a large stratum that mentions nothing. The last three are the
# hard ones: errors so rare that a stratum's draw seldom holds any.
POPULATIONS: dict[str, tuple[Part, ...]] = {
    "even": (Part(500, True, 0.8), Part(500, True, 0.9), Part(500, False, 0.1),
             Part(500, False, 0.3)),
    "common": (Part(2000, True, 0.9), Part(500, True, 0.75), Part(800, False, 0.2),
               Part(3000, False, 0.05)),
    "hedged": (Part(600, True, 0.7), Part(300, True, 0.5), Part(900, False, 0.35),
               Part(2000, False, 0.04)),
    "small": (Part(150, True, 0.85), Part(90, True, 0.7), Part(200, False, 0.15),
              Part(400, False, 0.05)),
    "many rules": (*(Part(200, True, share) for share in (0.95, 0.9, 0.85, 0.7, 0.6)),
                   *(Part(600, False, share) for share in (0.2, 0.1, 0.05, 0.03))),
    "rare misses": (Part(800, True, 0.93), Part(60, True, 0.7), Part(300, False, 0.3),
                    Part(3000, False, 0.003), Part(4000, False, 0.002)),
    "good": (Part(2000, True, 0.95), Part(200, True, 0.85), Part(80, True, 0.6),
             Part(400, False, 0.2), Part(1500, False, 0.02), Part(6000, False, 0.001)),
    "near perfect": (Part(300, True, 0.97), Part(100, True, 0.9), Part(40, True, 0.8),
                     Part(200, False, 0.1), Part(5000, False, 0.0005)),
}  # fmt: skip
HARD = ("rare misses", "good", "near perfect")


@dataclass(frozen=True)
class Coverage:
    """Shares of samples whose interval holds the truth, and mean widths, by figure."""

    population: str
    judged: int  # per stratum
    held: tuple[float, ...]
    width: tuple[float, ...]


def outcomes_of(parts: Sequence[Part]) -> list[Codes]:
    """The outcome of every report, stratum by stratum."""
    found = []
    for part in parts:
        yes = np.arange(part.reports) < round(part.reports * part.there)
        codes = np.where(yes, TP, FP) if part.labelled else np.where(yes, FN, TN)
        found.append(codes.astype(np.int8))
    return found


def measure(
    name: str, judged: int, *, samples: int, bootstrap: int = 200, seed: int = 0
) -> Coverage:
    """The coverage when `judged` reports of each stratum are drawn, over this many samples."""
    population = outcomes_of(POPULATIONS[name])
    truths = _figures(np.concatenate(population))
    generator = np.random.default_rng(seed)
    held, width = np.zeros(len(FIGURES)), np.zeros(len(FIGURES))
    for number in range(samples):
        codes, design = _draw(population, judged, generator)
        for place, interval in enumerate(_intervals(codes, design, bootstrap, number)):
            low, high = interval or (0.0, 1.0)  # no case: nothing is claimed
            held[place] += low <= truths[place] <= high
            width[place] += high - low
    return Coverage(name, judged, tuple(held / samples), tuple(width / samples))


def _draw(
    population: Sequence[Codes], judged: int, generator: np.random.Generator
) -> tuple[Codes, Design]:
    counts = np.array([min(judged, len(part)) for part in population])
    sizes = np.array([len(part) for part in population])
    drawn = [
        generator.choice(part, count, replace=False)
        for part, count in zip(population, counts, strict=True)
    ]
    strata = np.repeat(np.arange(len(population)), counts)
    names = tuple(map(str, range(len(population))))
    return np.concatenate(drawn)[:, None], Design(strata, sizes, counts, names, (), 0)


def _intervals(
    codes: Codes, design: Design, bootstrap: int, seed: int
) -> Iterator[tuple[float, float] | None]:
    yield ratio_interval(codes, PRECISION, design)
    yield ratio_interval(codes, RECALL, design)
    flags = np.ones(len(codes), dtype=np.bool_)
    ids = np.arange(len(codes)).astype(object)
    outcomes = Outcomes(ids, ("finding",), np.zeros_like(codes), codes, flags, flags)
    drawn = draw_weighted(outcomes, design, bootstrap, seed)[:, 0]
    yield ratio_interval(codes, F1, design, drawn=f1_from_counts(*drawn.T))


def _figures(codes: Codes) -> npt.NDArray[np.float64]:
    tp, fp, fn = (float(np.sum(codes == code)) for code in (TP, FP, FN))
    return np.array([tp / (tp + fp), tp / (tp + fn), 2 * tp / (2 * tp + fp + fn)])


def table(rows: Sequence[Coverage]) -> str:
    """Coverage and width by population and number judged, as a Markdown table."""
    lines = ["| population | judged per stratum | " + " | ".join(FIGURES) + " | widths |"]
    lines.append("|---|---:|---:|---:|---:|---|")
    for row in rows:
        held = " | ".join(f"{100 * share:.1f}" for share in row.held)
        widths = ", ".join(f"{width:.2f}" for width in row.width)
        lines.append(f"| {row.population} | {row.judged} | {held} | {widths} |")
    return "\n".join(lines)


def by_size(rows: Sequence[Coverage]) -> str:
    """Mean coverage and its extremes over populations, by number judged."""
    lines = ["| judged per stratum | populations | " + " | ".join(FIGURES) + " |"]
    lines.append("|---:|---|---:|---:|---:|")
    for size in sorted({row.judged for row in rows}):
        for title, hard in (("errors to be found", False), ("errors very rare", True)):
            own = [r.held for r in rows if r.judged == size and (r.population in HARD) == hard]
            if own:
                held = 100 * np.array(own)
                cells = (f"{c.mean():.1f} ({c.min():.1f}–{c.max():.1f})" for c in held.T)
                lines.append(f"| {size} | {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints both tables, and writes them to a page where one is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--markdown", type=Path, help="write the tables to this page as well")
    asked = parser.parse_args(arguments)
    rows = [measure(name, size, samples=asked.samples) for name in POPULATIONS for size in SIZES]
    page = f"{table(rows)}\n\n{by_size(rows)}\n"
    print(page, end="")
    if asked.markdown:
        asked.markdown.write_text(_PAGE.format(samples=asked.samples) + page, encoding="utf-8")


if __name__ == "__main__":
    main()
