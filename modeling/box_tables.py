"""Scores of boxes in the layout of ChestX-ray8's Tables 4 and 7, beside the papers' figures."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from .box_counts import THRESHOLDS, TRUE
from .box_scores import MACRO, BoxScores

_TITLES = {"iobb": "T(IoBB), as Table 4", "iou": "T(IoU), as Table 7"}
_FIGURES = (("acc", "Acc"), ("afp", "AFP"), ("afp_own", "AFP-own"))
_SHORT = {
    "Atelectasis": "Atel",
    "Cardiomegaly": "Card",
    "Effusion": "Eff",
    "Infiltration": "Infi",
    "Nodule": "Nod",
    "Pneumonia": "Pna",
    "Pneumothorax": "Ptx",
}
_NOTE = (
    "AFP: the papers boxed a part of the rows only and do not say which; Acc compares, AFP barely."
)
_LABEL_WIDTH = 12  # "  CXR8 paper"
_NUMBER_WIDTH = 6  # "1.0203"
_LONG_NAME = 8


@dataclass(frozen=True)
class BoxReference:
    """A paper's figures: overlap -> threshold -> figure -> finding -> value."""

    title: str
    source: str
    figures: dict[str, dict[str, dict[str, dict[str, float]]]]

    def figure(self, overlap: str, level: float, figure: str, finding: str) -> float | None:
        """A figure, None where the paper has none; finding "macro" is the mean over the paper's."""
        row = self.figures.get(overlap, {}).get(f"{level:g}", {}).get(figure, {})
        if finding == MACRO:
            return sum(row.values()) / len(row) if row else None
        return row.get(finding)


@cache
def load_box_references() -> tuple[BoxReference, ...]:
    """The papers' figures in reference_boxes.toml, in its order."""
    text = resources.files("modeling").joinpath("reference_boxes.toml").read_text("utf-8")
    data: dict[str, Any] = tomllib.loads(text)
    findings = data.pop("findings")
    return tuple(
        BoxReference(
            title=paper.pop("title"),
            source=paper.pop("source"),
            figures={
                overlap: {
                    level: {
                        figure: dict(zip(findings, values, strict=True))
                        for figure, values in row.items()
                    }
                    for level, row in levels.items()
                }
                for overlap, levels in paper.items()
            },
        )
        for paper in data.values()
    )


def print_box_scores(
    scores: BoxScores,
    *,
    references: Sequence[BoxReference] | None = None,
    console: Console | None = None,
) -> None:
    """Nothing: prints the tables of IoBB and IoU, the means with intervals, and what was counted.

    Fits 100 columns with readable names and 80 with short ones; in fewer, the findings stand in
    blocks one below the other.
    """
    console = console or Console()
    papers = load_box_references() if references is None else references
    for line in describe_counts(scores):
        console.print(line, highlight=False, markup=False)
    for overlap in THRESHOLDS:
        console.print()
        for table in score_tables(scores, overlap, references=papers, width=console.width):
            console.print(table)
    console.print()
    console.print(macro_table(scores))
    if papers:
        console.print(_NOTE, highlight=False)
    for paper in papers:
        console.print(f"{paper.title}: {paper.source}", highlight=False, markup=False)


def describe_ranking(ranking: dict[str, Any]) -> list[str]:
    """Mean average precision and the pointing game, a line each."""
    if ranking["average_precision"] is None:
        return ["no average precision and no pointing game: boxes without a score"]
    cells = ", ".join(
        f"{_number(row[MACRO])} at IoU {level}"
        for level, row in ranking["average_precision"].items()
    )
    pointing = _number(ranking["pointing_game"][MACRO])
    return [
        f"mean average precision: {cells}",
        f"pointing game, by the centre of the best box: {pointing}",
    ]


def describe_counts(scores: BoxScores) -> list[str]:
    """Which rows got boxes, and how many of what was counted, a line each."""
    counts = scores.counts
    true = int(counts.totals[0, :, TRUE].sum())
    other, outside = counts.left_out["of_other_findings"], counts.left_out["outside_the_rows"]
    return [
        f"rows with boxes: {counts.rows}",
        f"{sum(counts.scored.values())} detected boxes scored against {true} true boxes on "
        f"{counts.images} images; {len(counts.patients)} patients",
        f"listed twice: {counts.repeated} true boxes, which count twice as in the papers",
        f"left out: {outside} boxes outside these rows, {other} of other findings",
    ]


def score_tables(
    scores: BoxScores,
    overlap: str,
    *,
    references: Sequence[BoxReference] = (),
    width: int = 100,
) -> list[Table]:
    """The figures at "iobb" or "iou", papers' below ours, in as many tables as `width` asks for."""
    names = [*scores.counts.findings, MACRO]
    headers = _headers(names, width)
    blocks = _blocks([max(len(header), _NUMBER_WIDTH) + 1 for header in headers], width)
    tables = []
    for block in blocks:
        table = _empty(_TITLES[overlap])
        table.add_column("", no_wrap=True, min_width=_LABEL_WIDTH)
        for place in block:
            table.add_column(headers[place], justify="right", no_wrap=True)
        chosen = [names[place] for place in block]
        for label, cells, last in _rows(scores, overlap, chosen, references):
            table.add_row(label, *cells, end_section=last)
        tables.append(table)
    return tables


def macro_table(scores: BoxScores) -> Table:
    """The means over the findings with their bootstrap intervals."""
    table = _empty(
        f"macro, with {scores.confidence:.0%} intervals over patients"
        if scores.bootstrap
        else "macro, no intervals asked for"
    )
    for name in ("T", *(label for _, label in _FIGURES)):
        table.add_column(name, justify="left" if name == "T" else "right", no_wrap=True)
    number = 0
    for overlap, levels in THRESHOLDS.items():
        for level in levels:
            values, low, high = (
                part[number, -1].tolist() for part in (scores.values, scores.low, scores.high)
            )
            cells = [_with_interval(*cell) for cell in zip(values, low, high, strict=True)]
            name = {"iobb": "IoBB", "iou": "IoU"}[overlap]
            table.add_row(f"{name} {level:g}", *cells, end_section=level == levels[-1])
            number += 1
    return table


def _rows(
    scores: BoxScores, overlap: str, names: Sequence[str], references: Sequence[BoxReference]
) -> Iterator[tuple[str, list[str], bool]]:
    """Label, cells, and whether a threshold's rows end here."""
    for level in THRESHOLDS[overlap]:
        rows = []
        for figure, label in _FIGURES:
            first = f"{level:g} {label}" if figure == "acc" else f"{'':4}{label}"
            ours = [_number(scores.figure(overlap, level, name, figure)) for name in names]
            rows.append((f"{first:<{_LABEL_WIDTH}}", ours))
            for paper in references:
                theirs = [paper.figure(overlap, level, figure, name) for name in names]
                if any(value is not None for value in theirs):
                    rows.append((f"  {paper.title}", [_number(value) for value in theirs]))
        for number, (label, cells) in enumerate(rows, start=1):
            yield label, cells, number == len(rows)


def _headers(names: Sequence[str], width: int) -> list[str]:
    """Readable names where they fit, else short ones."""
    long = [name if len(name) <= _LONG_NAME else f"{name[: _LONG_NAME - 1]}." for name in names]
    needed = _LABEL_WIDTH + sum(max(len(name), _NUMBER_WIDTH) + 1 for name in long)
    if needed <= width:
        return long
    return [_SHORT.get(name, name[:_NUMBER_WIDTH]) for name in names]


def _blocks(widths: Sequence[int], width: int) -> list[list[int]]:
    """Columns in blocks that fit.

    >>> _blocks([7] * 5, 30)
    [[0, 1], [2, 3], [4]]
    """
    blocks: list[list[int]] = [[]]
    room = width - _LABEL_WIDTH
    for place, needed in enumerate(widths):
        if blocks[-1] and sum(widths[other] for other in blocks[-1]) + needed > room:
            blocks.append([])
        blocks[-1].append(place)
    return blocks


def _empty(title: str) -> Table:
    return Table(
        title=title,
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=0,
        show_edge=False,
    )


def _number(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.4f}"


def _with_interval(value: float, low: float, high: float) -> str:
    if math.isnan(low):
        return _number(value)
    return f"{value:.3f} ({low:.2f} to {high:.2f})"
