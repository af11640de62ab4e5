"""Acc, AFP and AFP-own of boxes per finding and threshold, with intervals over patients."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from data_contracts import CHESTXRAY8

from .box_counts import (
    FALSE,
    FALSE_OWN,
    HITS,
    LEVELS,
    TRUE,
    BoxCounts,
    Rows,
    count_boxes,
)
from .box_overlaps import OVERLAPS
from .nih import patient_of

Floats = npt.NDArray[np.float64]

FIGURES = ("acc", "afp", "afp_own")
MACRO = "macro"


@dataclass(frozen=True)
class BoxScores:
    """Figures of a set of boxes: (levels, findings + 1, 3), the last finding being the mean.

    A figure is Acc, AFP or AFP-own; `low` and `high` bound its bootstrap interval. nan where there
    is nothing to judge by.
    """

    counts: BoxCounts
    values: Floats
    low: Floats
    high: Floats
    confidence: float
    bootstrap: int

    def figure(self, overlap: str, level: float, finding: str, figure: str = "acc") -> float:
        """One figure, as figure("iobb", 0.1, "Mass", "afp"); finding "macro" is the mean."""
        names = (*self.counts.findings, MACRO)
        return float(
            self.values[LEVELS.index((overlap, level)), names.index(finding), FIGURES.index(figure)]
        )

    def to_json(self) -> dict[str, Any]:
        """The figures by overlap, threshold and finding; then macro, intervals and counts."""
        findings = self.counts.findings
        intervals = np.stack([self.low, self.high], axis=-1)
        macro = by_level(self.values[:, -1:], (MACRO,), name_figures)
        return {
            **by_level(self.values, findings, name_figures),
            "macro": {
                overlap: {level: row[MACRO] for level, row in levels.items()}
                for overlap, levels in macro.items()
            },
            "intervals": by_level(intervals, (*findings, MACRO), name_figures),
            "counts": self._counts(),
        }

    def _counts(self) -> dict[str, Any]:
        true = self.counts.totals[0, :, TRUE].astype(int).tolist()
        return {
            "rows": self.counts.rows,
            "images": self.counts.images,
            "patients": len(self.counts.patients),
            "true": dict(zip(self.counts.findings, true, strict=True)),
            "true_total": sum(true),
            "true_listed_twice": self.counts.repeated,
            "detected": self.counts.scored,
            "left_out": self.counts.left_out,
            "bootstrap": self.bootstrap,
            "confidence": self.confidence,
        }


def score_boxes(
    boxes: pa.Table,
    truth: pa.Table,
    *,
    rows: Rows = "all",
    findings: Sequence[str] = CHESTXRAY8,
    patient: Callable[[str], str] = patient_of,
    bootstrap: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> BoxScores:
    """Acc, AFP and AFP-own of `boxes` against `truth`, both under the contract of boxes.

    Acc: share of the finding's true boxes that are hit. AFP: false boxes of the finding in the rows
    over all true boxes (984 in NIH's list). AFP-own: those of them on images annotated with the
    finding, over the same. Hits, false boxes and `rows`: see `count_boxes`. macro is the mean over
    the findings that have true boxes. Intervals are percentiles over `bootstrap` samples of the
    patients, images of whom stay together. Source: Wang et al., CVPR 2017, Tables 4 and 7.
    """
    counts = count_boxes(boxes, truth, rows=rows, findings=findings, patient=patient)
    return scores_from_counts(counts, bootstrap=bootstrap, confidence=confidence, seed=seed)


def scores_from_counts(
    counts: BoxCounts, *, bootstrap: int = 1000, confidence: float = 0.95, seed: int = 0
) -> BoxScores:
    """The figures of counted boxes, with intervals."""
    low, high = interval_bounds(sample_figures(counts.cells, bootstrap, seed), confidence)
    values = figures_from_totals(counts.totals)
    return BoxScores(counts, values, low, high, confidence, bootstrap)


def figures_from_totals(totals: Floats) -> Floats:
    """Acc, AFP and AFP-own from counts: (…, findings, 4) gives (…, findings + 1, 3), mean last.

    >>> figures_from_totals(np.array([[3, 4, 2, 1], [0, 0, 2, 0]], float)).tolist()
    [[0.75, 0.5, 0.25], [nan, 0.5, 0.0], [0.75, 0.5, 0.25]]
    """
    true = totals[..., TRUE]
    every = true.sum(-1, keepdims=True)
    figures = np.stack(
        [
            _ratio(totals[..., HITS], true),
            _ratio(totals[..., FALSE], every),
            _ratio(totals[..., FALSE_OWN], every),
        ],
        axis=-1,
    )
    judged = (true > 0)[..., None]
    mean = _ratio(np.where(judged, figures, 0).sum(-2), judged.sum(-2))
    return np.concatenate([figures, mean[..., None, :]], axis=-2)


def sample_figures(cells: Floats, bootstrap: int, seed: int) -> Floats:
    """The figures of bootstrap samples of the patients: (samples, levels, findings + 1, 3).

    Patients are drawn with replacement, each with all images; one seed draws the same patients
    for any cells of as many patients.
    """
    patients = len(cells)
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(patients, np.full(patients, 1 / patients), size=bootstrap)
    sums = drawn.astype(np.float64) @ cells.reshape(patients, -1)
    return figures_from_totals(sums.reshape(bootstrap, *cells.shape[1:]))


def interval_bounds(samples: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Lower and upper percentile over the samples; those without a figure are passed over."""
    if not len(samples):
        nothing = np.full(samples.shape[1:], np.nan)
        return nothing, nothing
    tail = (1 - confidence) / 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # nan throughout stays nan
        low, high = np.nanquantile(samples, [tail, 1 - tail], axis=0)
    return low, high


def by_level(
    values: Floats, findings: Sequence[str], name: Callable[[Floats], Any]
) -> dict[str, Any]:
    """Overlap -> threshold -> finding -> what `name` makes of the values there."""
    tree: dict[str, Any] = {overlap: {} for overlap in OVERLAPS}
    for (overlap, level), row in zip(LEVELS, values, strict=True):
        cells = zip(findings, row, strict=False)  # the mean may follow, unnamed
        tree[overlap][f"{level:g}"] = {finding: name(cell) for finding, cell in cells}
    return tree


def plain(value: Any) -> Any:
    """A float, or None for nan; of an array, a list.

    >>> plain(np.array([0.5, np.nan]))
    [0.5, None]
    """
    if np.ndim(value):
        return [plain(item) for item in value]
    return None if np.isnan(value) else float(value)


def name_figures(cell: Floats) -> dict[str, Any]:
    """The three figures by name."""
    return {figure: plain(value) for figure, value in zip(FIGURES, cell, strict=True)}


def _ratio(part: Floats, whole: Floats) -> Floats:
    part, whole = np.broadcast_arrays(part, whole)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
