"""Whether a score of 0.3 means three in ten: reliability, expected error, Brier score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Bin:
    """The images whose score is in [low, high): how many, their mean score, their share of 1."""

    low: float
    high: float
    count: int
    score: float | None
    rate: float | None


@dataclass(frozen=True)
class Calibration:
    """`ece` is the mean of |score − rate| over the bins, by their images; `brier` (score − y)²."""

    bins: tuple[Bin, ...]
    ece: float
    brier: float


def calibration(
    scores: npt.NDArray[np.float64], targets: npt.NDArray[np.float64], bins: int = 10
) -> Calibration | None:
    """The calibration of scores (N,) for targets in {0, 1, NaN}; None where none is known.

    Bins of equal width, the last one with 1.0 in it.

    >>> calibration(np.array([0.25, 0.25, 0.75, 0.75]), np.array([0, 1, 1, 1.0]), 2).ece
    0.25
    """
    known = ~np.isnan(targets)
    if not known.any():
        return None
    values, wanted = scores[known], targets[known]
    places = np.minimum((values * bins).astype(np.int64), bins - 1)
    counts = np.bincount(places, minlength=bins)
    score = np.bincount(places, values, bins)
    rate = np.bincount(places, wanted, bins)
    found = tuple(
        Bin(
            n / bins,
            (n + 1) / bins,
            int(counts[n]),
            float(score[n] / counts[n]) if counts[n] else None,
            float(rate[n] / counts[n]) if counts[n] else None,
        )
        for n in range(bins)
    )
    return Calibration(
        found,
        float(np.abs(score - rate).sum() / len(values)),
        float(np.square(values - wanted).mean()),
    )
