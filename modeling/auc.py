"""Areas under ROC and precision-recall curves, and how far chance moves them.

Known targets only: NaN = unknown. The bootstrap draws patients, not images: those of one patient
are alike, and intervals over images would be too narrow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


def roc_auc(
    scores: npt.ArrayLike, targets: npt.ArrayLike, strata: Sequence[object] | None = None
) -> float | None:
    """The share of pairs of a positive and a negative that are in order; ties count half.

    Scores of N images, targets in {0, 1, NaN}; with `strata` only pairs within a stratum count.
    None where there is no pair.

    >>> roc_auc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    0.75
    """
    values, wanted = _column(scores), _column(targets)
    return _number(bootstrap_auc(values, wanted, *_once(len(values)), strata=strata))


def average_precision(scores: npt.ArrayLike, targets: npt.ArrayLike) -> float | None:
    """The mean precision at the positives, equal scores called together; None without any.

    >>> average_precision([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    0.8333333333333333
    """
    values, wanted = _column(scores), _column(targets)
    if not (wanted == 0).any():
        return None
    return _number(bootstrap_ap(values, wanted, *_once(len(values))))


def _column(values: npt.ArrayLike) -> Floats:
    return np.asarray(values, np.float64).reshape(-1, 1)


def _number(values: Floats) -> float | None:
    return None if np.isnan(values[0, 0]) else float(values[0, 0])


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
    scores: Floats,
    targets: Floats,
    draws: npt.NDArray[np.int32],
    of_patient: npt.NDArray[np.int64],
    *,
    strata: Sequence[object] | None = None,
) -> Floats:
    """The AUC of each finding in each replicate: (replicates, findings), NaN where none is.

    With `strata` (one per image) only pairs within a stratum count.
    """
    return _replicate(scores, targets, draws, of_patient, _parts(strata, len(scores)), _auc)


def bootstrap_ap(
    scores: Floats, targets: Floats, draws: npt.NDArray[np.int32], of_patient: npt.NDArray[np.int64]
) -> Floats:
    """The average precision of each finding in each replicate, as `bootstrap_auc`."""
    return _replicate(scores, targets, draws, of_patient, _parts(None, len(scores)), _precision)


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

    def __init__(self, scores: Floats, targets: Floats, among: npt.NDArray[np.int64]) -> None:
        known = among[~np.isnan(targets[among])]
        self.rows = known[np.argsort(scores[known], kind="stable")]  # places among the images
        self.positive = targets[self.rows] == 1
        values = scores[self.rows]
        # Where a new value begins: equal scores are one group, whose pairs count half.
        self.starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])

    def sides(self, weights: npt.NDArray[np.generic]) -> tuple[Floats, Floats]:
        """The weight of positives and of negatives at each value, ascending: (R, values) each."""
        wide = weights.astype(np.float64)
        positive: Floats = np.add.reduceat(wide * self.positive, self.starts, axis=1)
        negative: Floats = np.add.reduceat(wide * ~self.positive, self.starts, axis=1)
        return positive, negative


_Figure = Callable[[Floats, Floats], tuple[Floats, Floats]]


def _auc(positive: Floats, negative: Floats) -> tuple[Floats, Floats]:
    """How many pairs are in order, and how many there are."""
    below = np.cumsum(negative, axis=1) - negative
    ordered = (positive * (below + negative / 2)).sum(axis=1)
    return ordered, positive.sum(axis=1) * negative.sum(axis=1)


def _precision(positive: Floats, negative: Floats) -> tuple[Floats, Floats]:
    """The precisions summed over the positives, and how many there are."""
    right = np.cumsum(positive[:, ::-1], axis=1)
    called = right + np.cumsum(negative[:, ::-1], axis=1)
    precision = np.divide(right, called, out=np.zeros_like(right), where=called > 0)
    return (precision * positive[:, ::-1]).sum(axis=1), positive.sum(axis=1)


def _replicate(
    scores: Floats,
    targets: Floats,
    draws: npt.NDArray[np.int32],
    of_patient: npt.NDArray[np.int64],
    parts: list[npt.NDArray[np.int64]],
    figure: _Figure,
) -> Floats:
    above = np.zeros((len(draws), scores.shape[1]))
    below = np.zeros_like(above)
    step = max(1, _CELLS // max(1, len(scores)))
    for column in range(scores.shape[1]):
        for part in parts:
            ranked = _Ranked(scores[:, column], targets[:, column], part)
            patients = of_patient[ranked.rows]
            for start in range(0, len(draws) if len(patients) else 0, step):
                piece = slice(start, start + step)
                one, other = figure(*ranked.sides(draws[piece, patients]))
                above[piece, column] += one
                below[piece, column] += other
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def _parts(strata: Sequence[object] | None, count: int) -> list[npt.NDArray[np.int64]]:
    """The images of each stratum."""
    if strata is None:
        return [np.arange(count)]
    rows: dict[object, list[int]] = {}
    for row, name in enumerate(strata):
        rows.setdefault(name, []).append(row)
    return [np.array(found) for found in rows.values()]


def _once(rows: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """The one draw in which each image comes once."""
    return np.ones((1, rows), np.int32), np.arange(rows)
