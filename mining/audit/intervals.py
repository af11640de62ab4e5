"""Confidence intervals of audit figures: Wilson, Clopper-Pearson, bootstrap over reports."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import stats

Interval = tuple[float, float]
Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SMALL_SAMPLE = 30  # below this many cases Wilson's coverage dips under the nominal one
_DRAWN_CELLS = 4_000_000  # resampled counts held at a time: 32 MB, whatever the number of reports


def wilson(hits: int, total: int, *, confidence: float = 0.95) -> Interval | None:
    """The Wilson score interval of a share; None when there are no cases.

    Source: Wilson, JASA 22 (1927). ValueError when hits are not in 0 … total.

    >>> tuple(round(bound, 3) for bound in wilson(8, 10))
    (0.49, 0.943)
    """
    if not _has_cases(hits, total):
        return None
    z = float(stats.norm.ppf((1 + confidence) / 2))
    share, weight = hits / total, z * z / total
    centre = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(share * (1 - share) / total + weight / (4 * total))
    # At 0 and at 1 the bound is the share itself; rounding must not push it past.
    low = 0.0 if hits == 0 else max(0.0, centre - half)
    high = 1.0 if hits == total else min(1.0, centre + half)
    return low, high


def clopper_pearson(hits: int, total: int, *, confidence: float = 0.95) -> Interval | None:
    """The exact (Clopper-Pearson) interval of a share; None when there are no cases.

    Source: Clopper and Pearson, Biometrika 26 (1934). ValueError when hits are not in 0 … total.

    >>> tuple(round(bound, 3) for bound in clopper_pearson(8, 10))
    (0.444, 0.975)
    """
    if not _has_cases(hits, total):
        return None
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else float(stats.beta.ppf(tail, hits, total - hits + 1))
    high = 1.0 if hits == total else float(stats.beta.ppf(1 - tail, hits + 1, total - hits))
    return low, high


def share_interval(hits: int, total: int, *, confidence: float = 0.95) -> Interval | None:
    """The interval an audit prints: Clopper-Pearson under 30 cases, Wilson from there on."""
    method = clopper_pearson if total < SMALL_SAMPLE else wilson
    return method(hits, total, confidence=confidence)


def _has_cases(hits: int, total: int) -> bool:
    if not 0 <= hits <= total:
        raise ValueError(f"share of {hits} in {total}: hits must lie in 0 … total")
    return total > 0


def resampled_counts(
    distinct: Counts, times: Counts, *, bootstrap: int, seed: int
) -> Iterator[Floats]:
    """Column sums over bootstrap samples of the reports: (samples, columns), in several chunks.

    `distinct` has one row per distinct report and one column per thing counted, `times` says how
    many reports look like it. Such reports are interchangeable, so drawing reports with replacement
    is one multinomial draw over the distinct rows: the same distribution at a cost that does not
    grow with the reports. The findings of a report stay together, as they are not independent.
    """
    total = int(times.sum())
    if total == 0 or bootstrap < 1:
        return
    generator = np.random.default_rng(seed)
    step = max(1, _DRAWN_CELLS // len(distinct))
    weights = distinct.astype(np.float64)  # sums stay exact below 2**53, and BLAS multiplies
    for start in range(0, bootstrap, step):
        size = min(step, bootstrap - start)
        yield generator.multinomial(total, times / total, size=size) @ weights


def percentile_interval(samples: Floats, *, confidence: float = 0.95) -> Interval | None:
    """The percentile interval of bootstrap samples; None when no sample has a defined figure.

    Samples without a figure (nan: no case drawn) are left out, as the figure itself would be.
    """
    defined = samples[~np.isnan(samples)]
    if len(defined) == 0:
        return None
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(defined, [tail, 100 - tail])
    return float(low), float(high)


def ratio(part: Counts | Floats, whole: Counts | Floats) -> Floats:
    """part / whole as floats, nan where the whole is nought.

    >>> ratio(np.array([1, 0]), np.array([2, 0])).tolist()
    [0.5, nan]
    """
    result = np.full(np.shape(whole), np.nan)
    return np.divide(part, whole, out=result, where=np.asarray(whole) != 0)


def f1_from_counts(tp: Counts | Floats, fp: Counts | Floats, fn: Counts | Floats) -> Floats:
    """F1 = 2 tp / (2 tp + fp + fn), element by element; nan where nothing was there or found.

    >>> f1_from_counts(np.array([3]), np.array([1]), np.array([1])).tolist()
    [0.75]
    """
    return ratio(2 * tp, 2 * tp + fp + fn)
