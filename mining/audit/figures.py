"""Figures of an audit from outcomes: pooled over some findings, or averaged over all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .intervals import (
    Counts,
    Floats,
    Interval,
    f1_from_counts,
    percentile_interval,
    ratio,
    resampled_counts,
    share_interval,
)
from .outcomes import FN, FP, TN, TP, UNSCORED, Codes, Outcomes


@dataclass(frozen=True)
class Score:
    """Figures of one finding, or of several pooled; None where there is no case to judge by.

    `n` counts the reports (pooled: report and finding pairs) that the gold judges. Precision and
    recall carry Wilson intervals, Clopper-Pearson under 30 cases; F1 the bootstrap over reports.
    Of a weighted audit the counts are estimates over all reports; `judged` is what they rest on.
    """

    tp: int
    fp: int
    fn: int
    tn: int
    precision: float | None
    recall: float | None
    f1: float | None
    precision_interval: Interval | None
    recall_interval: Interval | None
    f1_interval: Interval | None
    judged: int

    @property
    def n(self) -> int:
        """How many cases were judged."""
        return self.tp + self.fp + self.fn + self.tn

    def to_json(self) -> dict[str, Any]:
        """The figures under the names of the audit's JSON."""
        return {**vars(self), "n": self.n}


@dataclass(frozen=True)
class MacroScore:
    """Means over the findings that have the figure, with bootstrap intervals."""

    precision: float | None
    recall: float | None
    f1: float | None
    precision_interval: Interval | None
    recall_interval: Interval | None
    f1_interval: Interval | None
    findings: int  # that have an F1: mined or in the gold at least once

    def to_json(self) -> dict[str, Any]:
        """The figures under the names of the audit's JSON."""
        return dict(vars(self))


def sum_counts(outcomes: Outcomes) -> Counts:
    """TP, FP and FN of each column: (columns, 3)."""
    return np.stack([np.sum(outcomes.codes == code, axis=0) for code in (TP, FP, FN)], axis=-1)


def draw_samples(outcomes: Outcomes, bootstrap: int, seed: int) -> Floats:
    """Bootstrap sums of TP, FP and FN: (samples, columns, 3)."""
    width = len(outcomes.findings)
    distinct, times = distinct_rows(outcomes.codes)
    hits = np.stack([distinct == code for code in (TP, FP, FN)], axis=2)
    rows = hits.reshape(len(distinct), width * 3).astype(np.int64)
    parts = list(resampled_counts(rows, times, bootstrap=bootstrap, seed=seed))
    sums: Floats = np.concatenate([np.empty((0, width * 3)), *parts])
    return sums.reshape(-1, width, 3)


def distinct_rows(codes: Codes) -> tuple[Codes, Counts]:
    """The distinct rows of the outcomes in ascending order, and how often each comes.

    Rows are numbers to the base of the number of codes, which sort far faster than rows do.

    >>> rows, times = distinct_rows(np.array([[0, 3], [0, 1], [0, 3]], dtype=np.int8))
    >>> rows.tolist(), times.tolist()
    ([[0, 1], [0, 3]], [1, 2])
    """
    base = UNSCORED + 1
    keys, bound = np.zeros(len(codes), dtype=np.int64), 1
    for column in codes.T:
        if bound * base >= 2**62:  # too many columns for one number: count anew, in the same order
            seen, keys = np.unique(keys, return_inverse=True)
            bound = len(seen)
        keys, bound = keys * base + column, bound * base
    _, first, times = np.unique(keys, return_index=True, return_counts=True)
    return codes[first], times


def pooled_score(outcomes: Outcomes, columns: Sequence[int], samples: Floats) -> Score:
    """The figures of these columns of the outcomes pooled."""
    codes = outcomes.codes[:, list(columns)]
    tp, fp, fn, tn = (int(np.sum(codes == code)) for code in (TP, FP, FN, TN))
    pooled = samples[:, list(columns)].sum(axis=1)
    return Score(
        tp=tp,
        fp=fp,
        fn=fn,
        tn=tn,
        precision=_share(tp, tp + fp),
        recall=_share(tp, tp + fn),
        f1=_share(2 * tp, 2 * tp + fp + fn),
        precision_interval=share_interval(tp, tp + fp),
        recall_interval=share_interval(tp, tp + fn),
        f1_interval=percentile_interval(f1_from_counts(*pooled.T)),
        judged=int(np.sum(codes != UNSCORED)),
    )


def macro_score(outcomes: Outcomes, samples: Floats) -> MacroScore:
    """Unweighted means over the findings, `normal` (the last column) apart."""
    return macro_of(sum_counts(outcomes), samples)


def macro_of(counts: Counts | Floats, samples: Floats) -> MacroScore:
    """The means from TP, FP and FN of each column, (columns, 3), and bootstrap samples of them."""
    here, drawn = _figures(counts[np.newaxis, :-1]), _figures(samples[:, :-1])
    means = [float(_mean(values)[0]) for values in here]
    precision, recall, f1 = (None if math.isnan(mean) else mean for mean in means)
    intervals = [percentile_interval(_mean(values)) for values in drawn]
    return MacroScore(
        precision=precision,
        recall=recall,
        f1=f1,
        precision_interval=intervals[0],
        recall_interval=intervals[1],
        f1_interval=intervals[2],
        findings=int(np.sum(~np.isnan(here[2]))),
    )


def _figures(counts: Counts | Floats) -> tuple[Floats, Floats, Floats]:
    """Precision, recall and F1 of (…, findings, 3) counts of TP, FP and FN."""
    tp, fp, fn = counts[..., 0], counts[..., 1], counts[..., 2]
    return ratio(tp, tp + fp), ratio(tp, tp + fn), f1_from_counts(tp, fp, fn)


def _mean(values: Floats) -> Floats:
    """Means over the last axis without its nans; nan where there is nothing else."""
    return ratio(np.nansum(values, axis=-1), np.sum(~np.isnan(values), axis=-1))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
