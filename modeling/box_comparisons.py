"""A result beside boxes that know less: fixed per finding, shuffled between images, untrained.

Boxes that never look at an image beat published tables, so no figure stands alone: what counts is
the paired difference to each of these, Acc and AFP together, at equal numbers of boxes per row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import BOXES, CHESTXRAY8

from .box_baselines import (
    boxes_per_row,
    cross_validated_fixed_boxes,
    equal_numbers,
    shuffle_boxes,
)
from .box_counts import LEVELS, BoxCounts, Rows, boxes_in_rows, count_boxes
from .box_differences import BoxDifference, paired_difference
from .box_overlaps import OVERLAPS, row_codes
from .box_scores import MACRO, BoxScores, by_level, figures_from_totals, name_figures
from .nih import patient_of

FIXED, SHUFFLED, UNTRAINED = "fixed", "shuffled", "untrained"
SIDE = 1024.0  # of the square that all boxes are brought to: NIH's originals
_FOLDS = 5
_DRAWS = 5  # ways to deal patients into folds, or boxes to other images, whose counts are averaged

Patient = Callable[[str], str]
NULL = "null result: no difference shown"


@dataclass(frozen=True)
class Comparison:
    """Two sets of boxes on the same truth, cut to equal numbers per row; `boxes` are left of each.

    `difference` is the first minus the other, on the same samples of the patients.
    """

    name: str
    boxes: float
    ours: BoxCounts
    theirs: BoxCounts
    difference: BoxDifference

    def said(self, overlap: str, level: float) -> str:
        """What the means over the findings say at one threshold, in words."""
        place = LEVELS.index((overlap, level))
        bounds = self.difference.low[place, -1], self.difference.high[place, -1]
        return verdict(*((float(bounds[0][figure]), float(bounds[1][figure])) for figure in (0, 1)))

    def macro(self, overlap: str, level: float) -> tuple[tuple[float, float], tuple[float, float]]:
        """Mean Acc and AFP of ours, and of theirs."""
        place = LEVELS.index((overlap, level))
        values = [figures_from_totals(counts.totals)[place, -1] for counts in self._both]
        return (values[0][0], values[0][1]), (values[1][0], values[1][1])

    def to_json(self) -> dict[str, Any]:
        """Boxes, the figures of both, their difference, and what is said of it; by threshold."""
        names = (*self.ours.findings, MACRO)
        ours, theirs = (
            by_level(figures_from_totals(counts.totals), names, name_figures)
            for counts in self._both
        )
        said: dict[str, dict[str, str]] = {overlap: {} for overlap in OVERLAPS}
        for overlap, level in LEVELS:
            said[overlap][f"{level:g}"] = self.said(overlap, level)
        return {
            "boxes": self.boxes,
            "ours": ours,
            "baseline": theirs,
            "difference": self.difference.to_json(),
            "said": said,
        }

    @property
    def _both(self) -> tuple[BoxCounts, BoxCounts]:
        return self.ours, self.theirs


def compare_boxes(
    found: pa.Table,
    truth: pa.Table,
    *,
    rows: Rows = "all",
    others: Mapping[str, pa.Table] | None = None,
    findings: Sequence[str] = CHESTXRAY8,
    patient: Patient = patient_of,
    bootstrap: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> list[Comparison]:
    """`found` beside the fixed boxes and the shuffled ones, and beside `others` by their names.

    All boxes are in pixels of a square of `SIDE` (see `to_square`). "fixed": median boxes per
    finding and lung side from other folds of the patients. "shuffled": each row gets the boxes of
    another image of the same finding, rows with a true box among themselves and the others among
    themselves. Both are drawn several times and their counts averaged. A baseline that cannot be
    made of so few patients is left out. Errors: BoxScoreError.
    """
    found, _ = boxes_in_rows(found, truth, rows, findings)
    truth = truth.filter(pc.field("finding").isin(pa.array(findings, pa.string())))
    made: dict[str, list[pa.Table]] = {
        FIXED: _fixed(found, truth, patient, seed),
        SHUFFLED: [shuffled_rows(found, truth, seed + n, patient) for n in range(_DRAWS)],
    }
    for name, table in (others or {}).items():
        made[name] = [boxes_in_rows(table, truth, rows, findings)[0]]

    def count(boxes: pa.Table) -> BoxCounts:
        return count_boxes(boxes, truth, rows=rows, findings=findings, patient=patient)

    comparisons = []
    for name, tables in made.items():
        pairs = [equal_numbers(found, table) for table in tables]
        if not pairs or not pairs[0][1].num_rows:
            continue
        ours, theirs = (_mean([count(pair[side]) for pair in pairs]) for side in (0, 1))
        difference = paired_difference(
            ours, theirs, bootstrap=bootstrap, confidence=confidence, seed=seed
        )
        left = float(np.mean([pair[0].num_rows for pair in pairs]))
        comparisons.append(Comparison(name, left, ours, theirs, difference))
    return comparisons


def shuffled_rows(
    found: pa.Table, truth: pa.Table, seed: int, patient: Patient = patient_of
) -> pa.Table:
    """The boxes dealt to other images of the same finding (`shuffle_boxes`).

    Rows with a true box pass theirs on among themselves, as the others do: a map of an image that
    shows the finding is a stronger rival than one of an image that does not.
    """
    at, true = row_codes([found, truth])
    annotated = np.isin(at, true)
    parts = [found.filter(pa.array(part)) for part in (annotated, ~annotated)]
    return pa.concat_tables([shuffle_boxes(part, seed=seed, patient=patient) for part in parts])


def to_square(boxes: pa.Table, sizes: Mapping[str, tuple[float, float]]) -> pa.Table:
    """The boxes as if every image were a square of `SIDE`: overlaps stay, places compare.

    `sizes` is the width and height of each image. KeyError for one that is not there.
    """
    table = boxes.select(BOXES.columns)
    scale = np.array([sizes[name] for name in table["image_id"].to_pylist()], float).reshape(-1, 2)
    for name, side in (("x", 0), ("w", 0), ("y", 1), ("h", 1)):
        place = table.schema.get_field_index(name)
        values = table[name].to_numpy() * SIDE / scale[:, side]
        table = table.set_column(place, table.schema.field(place), pa.array(values, pa.float64()))
    return table


def compared_json(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """The comparisons by name."""
    return {comparison.name: comparison.to_json() for comparison in comparisons}


def scored_at(scores: BoxScores, overlap: str, level: float) -> tuple[float, float]:
    """Mean Acc and AFP of all boxes."""
    acc, afp = (scores.figure(overlap, level, MACRO, figure) for figure in ("acc", "afp"))
    return acc, afp


def verdict(acc: tuple[float, float], afp: tuple[float, float]) -> str:
    """What the intervals of the differences in Acc and AFP say together.

    >>> verdict((0.02, 0.1), (-0.1, -0.01)), verdict((-0.1, 0.1), (-0.1, 0.1))
    ('better: more hits, fewer false boxes', 'null result: no difference shown')
    >>> verdict((0.02, 0.1), (0.01, 0.1)), verdict((-0.2, -0.1), (0.0, 0.0))
    ('mixed: more hits, more false boxes', 'worse: fewer hits')
    """
    if not all(np.isfinite((*acc, *afp))):
        return "no interval"
    words = []
    gain = 0
    for (low, high), more, fewer, sign in (
        (acc, "more hits", "fewer hits", 1),
        (afp, "more false boxes", "fewer false boxes", -1),
    ):
        if low > 0 or high < 0:
            words.append(more if low > 0 else fewer)
            gain |= 1 if (low > 0) == (sign > 0) else 2
    if not words:
        return NULL
    return f"{('', 'better', 'worse', 'mixed')[gain]}: {', '.join(words)}"


def _fixed(found: pa.Table, truth: pa.Table, patient: Patient, seed: int) -> list[pa.Table]:
    """Fixed boxes for the rows of `found`, from other folds; none for a single patient."""
    images = {*found["image_id"].to_pylist(), *truth["image_id"].to_pylist()}
    folds = min(_FOLDS, len({patient(image) for image in images}))
    if folds < 2:
        return []
    return [
        cross_validated_fixed_boxes(
            truth, boxes_per_row(found), folds=folds, seed=seed + n, patient=patient,
            width=SIDE, height=SIDE,
        )
        for n in range(_DRAWS)
    ]  # fmt: skip


def _mean(counts: Sequence[BoxCounts]) -> BoxCounts:
    """The counts averaged, patient by patient."""
    patients = sorted({name for one in counts for name in one.patients})
    place = {name: number for number, name in enumerate(patients)}
    cells = np.zeros((len(patients), *counts[0].cells.shape[1:]))
    for one in counts:
        cells[[place[name] for name in one.patients]] += one.cells / len(counts)
    return replace(counts[0], patients=tuple(patients), cells=cells)
