"""Areas under ROC and precision-recall curves, and how far chance moves them.

Known targets only: NaN = unknown. The bootstrap draws patients, not images: those of one patient
are alike, and intervals over images would be too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_CELLS = 1 << 22  # weights held at a time


@dataclass(frozen=True)
class Interval:
    """An estimate with its bootstrap interval; None where it cannot be had.

    `replicates` is how many samples of patients gave a value: one without a positive or without
    a negative gives none.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    replicates: int = 0

    def text(self) -> str:
        """As in a table.

        >>> Interval(0.71234, 0.65, 0.77).text(), Interval(None).text()
        ('.712 [.650, .770]', '–')
        """
        if self.value is None:
            return "–"
        if self.low is None or self.high is None:
            return short(self.value)
        return f"{short(self.value)} [{short(self.low)}, {short(self.high)}]"


def short(value: float | None, digits: int = 3) -> str:
    """A share without its leading zero, as the papers print it; – for None.

    >>> short(0.5), short(1.0), short(-0.25), short(None)
    ('.500', '1.000', '-.250', '–')
    """
    if value is None:
        return "–"
    return f"{value:.{digits}f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.{digits}f}"


def roc_auc(scores: npt.ArrayLike, targets: npt.ArrayLike) -> float | None:
    """The share of pairs of a positive and a negative that are in order; ties count half.

    None without a positive or without a negative. Scores of N images, targets in {0, 1, NaN}.

    >>> roc_auc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    0.75
    """
    ranked = _Ranked(np.asarray(scores, np.float64), np.asarray(targets, np.float64))
    value = float(ranked.auc(np.ones((1, len(ranked.rows))))[0])
    return None if np.isnan(value) else value


def macro(values: Sequence[float | None]) -> float | None:
    """The mean of the values that are there; None if there is none."""
    there = [value for value in values if value is not None]
    return sum(there) / len(there) if there else None


def patient_draws(patients: Sequence[object], replicates: int, seed: int) -> npt.NDArray[np.int32]:
    """How often each patient is drawn in each replicate: (replicates, patients).

    Patients in order of first appearance, as `patient_numbers` counts them.
    """
    count = int(patient_numbers(patients).max(initial=-1)) + 1
    draw = np.random.default_rng(seed).multinomial(
        count, np.full(count, 1 / max(count, 1)), size=replicates
    )
    return draw.astype(np.int32)


def patient_numbers(patients: Sequence[object]) -> npt.NDArray[np.int64]:
    """Each image's patient as a number; None is a patient of his own.

    >>> patient_numbers(["b", "a", "b", None]).tolist()
    [0, 1, 0, 2]
    """
    numbers: dict[object, int] = {}
    keys = [("?", row) if who is None else who for row, who in enumerate(patients)]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)


def bootstrap_auc(
    scores: Floats, targets: Floats, draws: npt.NDArray[np.int32], of_patient: npt.NDArray[np.int64]
) -> Floats:
    """The AUC of each finding in each replicate: (replicates, findings), NaN where none is."""
    out = np.full((len(draws), scores.shape[1]), np.nan)
    step = max(1, _CELLS // max(1, len(scores)))
    for column in range(scores.shape[1]):
        ranked = _Ranked(scores[:, column], targets[:, column])
        patients = of_patient[ranked.rows]
        for start in range(0, len(draws), step):
            out[start : start + step, column] = ranked.auc(draws[start : start + step, patients])
    return out


def interval(value: float | None, replicates: Floats, level: float = 0.95) -> Interval:
    """The value between the percentiles of its replicates."""
    known = replicates[~np.isnan(replicates)]
    if value is None or not len(known):
        return Interval(value)
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high), len(known))


def macro_replicates(replicates: Floats) -> Floats:
    """The mean over the findings of each replicate; NaN where one lacks that others have."""
    ever = ~np.isnan(replicates).all(axis=0)
    return replicates[:, ever].mean(axis=1) if ever.any() else np.full(len(replicates), np.nan)


class _Ranked:
    """One finding's known targets sorted by score, ready for many sets of weights."""

    def __init__(self, scores: Floats, targets: Floats) -> None:
        known = np.flatnonzero(~np.isnan(targets))
        order = known[np.argsort(scores[known], kind="stable")]
        self.rows = order  # places among the images
        self.positive = targets[order] == 1
        values = scores[order]
        # Where a new value begins: equal scores are one group, whose pairs count half.
        self.starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]]) if len(values) else []

    def auc(self, weights: npt.NDArray[np.generic]) -> Floats:
        """The AUC under each row of weights (R, len(rows))."""
        if not len(self.rows):
            return np.full(len(weights), np.nan)
        wide = weights.astype(np.float64)
        positive = np.add.reduceat(wide * self.positive, self.starts, axis=1)
        negative = np.add.reduceat(wide * ~self.positive, self.starts, axis=1)
        below = np.cumsum(negative, axis=1) - negative
        pairs = positive.sum(axis=1) * negative.sum(axis=1)
        ordered = (positive * (below + negative / 2)).sum(axis=1)
        return np.divide(ordered, pairs, out=np.full(len(wide), np.nan), where=pairs > 0)
