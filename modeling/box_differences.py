"""Whether one set of boxes beats another: both judged on the same samples of the patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .box_counts import TRUE, BoxCounts, BoxScoreError
from .box_scores import (
    FIGURES,
    MACRO,
    by_level,
    figures_from_totals,
    interval_bounds,
    plain,
    sample_figures,
)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class BoxDifference:
    """One set of boxes minus another on the same truth: shapes and figures as `BoxScores`."""

    findings: tuple[str, ...]
    difference: Floats
    low: Floats
    high: Floats
    share_better: Floats  # of samples with the difference above 0 (Acc), below 0 (AFP)

    def to_json(self) -> dict[str, Any]:
        """By overlap, threshold, finding (and macro) and figure: difference, interval, share."""
        parts = np.stack([self.difference, self.low, self.high, self.share_better], axis=-1)
        return by_level(parts, (*self.findings, MACRO), _name_differences)


def paired_difference(
    one: BoxCounts,
    other: BoxCounts,
    *,
    bootstrap: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> BoxDifference:
    """`one` minus `other`, figure by figure, both judged on the same samples of the patients.

    BoxScoreError when they were counted against different true boxes or in different rows.
    """
    patients = sorted({*one.patients, *other.patients})
    cells = [_align(counts, patients) for counts in (one, other)]
    same = one.findings == other.findings and one.rows == other.rows
    if not same or not np.array_equal(cells[0][..., TRUE], cells[1][..., TRUE]):
        raise BoxScoreError(
            "two counts of different truth, findings or rows",
            "the same for both",
            "Count both against one box list with the same `rows`.",
        )
    values = [figures_from_totals(counts.totals) for counts in (one, other)]
    samples = [sample_figures(part, bootstrap, seed) for part in cells]  # one seed: same patients
    apart = samples[0] - samples[1]
    low, high = interval_bounds(apart, confidence)
    better = np.stack([apart[..., 0] > 0, apart[..., 1] < 0, apart[..., 2] < 0], axis=-1)
    share = better.mean(0) if bootstrap else np.full(values[0].shape, np.nan)
    return BoxDifference(one.findings, values[0] - values[1], low, high, share)


def _align(counts: BoxCounts, patients: Sequence[str]) -> Floats:
    """The cells under these patients, nought for those that had neither boxes nor truth."""
    aligned = np.zeros((len(patients), *counts.cells.shape[1:]))
    place = {name: number for number, name in enumerate(patients)}
    aligned[[place[name] for name in counts.patients]] = counts.cells
    return aligned


def _name_differences(cell: Floats) -> dict[str, Any]:
    return {
        figure: {
            "difference": plain(parts[0]),
            "interval": plain(parts[1:3]),
            "share_better": plain(parts[3]),
        }
        for figure, parts in zip(FIGURES, cell, strict=True)
    }
