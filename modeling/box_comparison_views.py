"""Comparisons with baselines for people: rows for a page, and tables for the console."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from .box_comparisons import FIXED, NULL, SHUFFLED, UNTRAINED
from .box_scores import MACRO

# The thresholds at which people compare; the JSON file has all.
SHOWN = (
    ("iobb", "0.1"), ("iobb", "0.25"), ("iobb", "0.5"),
    ("iou", "0.1"), ("iou", "0.3"), ("iou", "0.5"),
)  # fmt: skip
NAMES: Mapping[str, str] = {
    FIXED: "fixed box per finding and side",
    SHUFFLED: "maps of other images",
    UNTRAINED: "the network untrained",
}
_SHORT = {long: short for short, long in NAMES.items()}
_WIDE = 120  # columns in which everything has room
SCORE_ONLY = "true boxes used for nothing but the score"
TUNED = "thresholds tuned on the true boxes of other folds"
_OVERLAPS = {"iobb": "IoBB", "iou": "IoU"}

Pair = tuple[float | None, float | None]


@dataclass(frozen=True)
class ComparedRow:
    """One threshold and baseline: mean (Acc, AFP) of ours and theirs at equal numbers of boxes.

    `acc` and `afp` are the differences with their intervals, `said` what they say together.
    """

    threshold: str
    baseline: str
    boxes: float
    ours: Pair
    theirs: Pair
    acc: str
    afp: str
    said: str

    @property
    def kind(self) -> str:
        """better, worse, mixed or null.

        >>> ComparedRow("", "", 1, (1, 1), (1, 1), "", "", "worse: fewer hits").kind
        'worse'
        """
        word = self.said.partition(":")[0]
        return word if word in ("better", "worse", "mixed") else "null"


def compared_rows(baselines: Mapping[str, Any]) -> list[ComparedRow]:
    """The rows of `baselines` of a file of scores, threshold by threshold."""
    return [
        ComparedRow(
            threshold=f"{_OVERLAPS[overlap]} {float(level):g}",
            baseline=NAMES.get(name, name),
            boxes=one["boxes"],
            ours=_pair(one["ours"][overlap][level]),
            theirs=_pair(one["baseline"][overlap][level]),
            acc=_difference(one["difference"][overlap][level][MACRO]["acc"]),
            afp=_difference(one["difference"][overlap][level][MACRO]["afp"]),
            said=one["said"][overlap][level],
        )
        for overlap, level in SHOWN
        for name, one in baselines.items()
    ]


def parts_of(figures: Mapping[str, Any]) -> Iterator[tuple[str, list[ComparedRow]]]:
    """The two rows of results that a file of scores may hold, each with its comparisons."""
    if figures.get("baselines"):
        yield SCORE_ONLY, compared_rows(figures["baselines"])
    if (figures.get("tuned") or {}).get("baselines"):
        yield TUNED, compared_rows(figures["tuned"]["baselines"])


def summary(rows: Sequence[ComparedRow]) -> list[str]:
    """What the rows come to, a line per baseline.

    >>> row = ComparedRow("IoU 0.1", "b", 1, (1, 1), (1, 1), "", "", "null result: …")
    >>> summary([row])
    ['b: null result at 1 of 1 thresholds']
    """
    lines = []
    for name in dict.fromkeys(row.baseline for row in rows):
        kinds = [row.kind for row in rows if row.baseline == name]
        parts = [
            f"{'null result' if kind == 'null' else kind} at {kinds.count(kind)}"
            for kind in ("better", "mixed", "null", "worse")
            if kind in kinds
        ]
        lines.append(f"{name}: {', '.join(parts)} of {len(kinds)} thresholds")
    return lines


def print_comparisons(figures: Mapping[str, Any], console: Console | None = None) -> None:
    """Nothing: prints each part as a table, and below it what it comes to."""
    console = console or Console()
    for title, rows in parts_of(figures):
        console.print()
        console.print(_table(title, rows, narrow=console.width < _WIDE))
        for line in summary(rows):
            console.print(line, highlight=False, markup=False)
    if figures.get("baselines"):
        console.print(
            "Macro figures at equal numbers of boxes per row; differences are paired, their "
            "95 % intervals over patients, with no correction for how many there are.",
            highlight=False,
        )


def _table(title: str, rows: Sequence[ComparedRow], *, narrow: bool) -> Table:
    """The rows; a narrow one leaves out what the others imply, and is short of words."""
    table = Table(
        title=f"Beside boxes that know less; {title}",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )  # fmt: skip
    table.add_column("T", no_wrap=True)
    table.add_column("beside" if narrow else "baseline")
    for name in ("ours",) if narrow else ("ours", "its"):
        table.add_column(f"{name} Acc/AFP", justify="right", no_wrap=True)
    for name in ("Acc", "AFP"):
        table.add_column(f"Δ{name}", justify="right", no_wrap=True)
    table.add_column("")
    before = rows[0].threshold if rows else ""
    for row in rows:
        if row.threshold != before:
            table.add_section()
        before = row.threshold
        if narrow:
            who = _SHORT.get(row.baseline, row.baseline)
            table.add_row(row.threshold, who, _both(row.ours), row.acc, row.afp, row.kind)
            continue
        said = "null result" if row.said == NULL else row.said
        table.add_row(
            row.threshold, row.baseline, _both(row.ours), _both(row.theirs), row.acc, row.afp, said
        )
    return table


def _pair(cell: Mapping[str, Mapping[str, float | None]]) -> Pair:
    return cell[MACRO]["acc"], cell[MACRO]["afp"]


def _both(pair: Pair) -> str:
    return "/".join("–" if value is None else f"{value:.2f}" for value in pair)


def _difference(cell: Mapping[str, Any]) -> str:
    """The difference with its interval.

    >>> _difference({"difference": 0.1234, "interval": [-0.05, 0.3]})
    '+.12 (−.05, +.30)'
    """
    low, high = cell["interval"]
    if cell["difference"] is None:
        return "–"
    if low is None:
        return _signed(cell["difference"])
    return f"{_signed(cell['difference'])} ({_signed(low)}, {_signed(high)})"


def _signed(value: float) -> str:
    text = f"{abs(value):.2f}".removeprefix("0")
    return f"{'−' if value < 0 else '+'}{text}"
