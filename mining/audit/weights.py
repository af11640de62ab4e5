"""Estimates from a stratified sample: ratios of weighted sums, with intervals that know the design.

Precision, recall and F1 over all reports are ratios of totals, each estimated by the weighted sum
over the sample (Cochran, Sampling Techniques, 6.11). Their intervals are Wilson's at the effective
sample size (Korn and Graubard 1998; Dean and Pagano 2015); that of F1 is a bootstrap within strata
(Rao, Wu and Yue 1992).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import stats

from .figures import MacroScore, Score, macro_of
from .intervals import Floats, Interval, f1_from_counts
from .outcomes import FN, FP, TN, TP, UNSCORED, AuditError, Codes, Outcomes

SMALLEST = 20  # judged reports of a stratum: below, intervals can be narrower than they say
_CELLS = 4_000_000  # bootstrap weights held at a time
_EDGE = 0.005
# Labels of either kind that are added to those judged in a stratum: among positive labels; among
# the others where some were missed; where none was, as misses are far rarer than wrong positives.
# Found by simulation (benchmarks/coverage.py).
_FOUND, _MISSED, _NONE_MISSED = 0.5, 1.0, 0.02


@dataclass(frozen=True)
class Figure:
    """A ratio of two totals: what each outcome adds to its part and to its whole."""

    part: Mapping[int, float]
    whole: Mapping[int, float]


PRECISION = Figure({TP: 1.0}, {TP: 1.0, FP: 1.0})
RECALL = Figure({TP: 1.0}, {TP: 1.0, FN: 1.0})
F1 = Figure({TP: 2.0}, {TP: 2.0, FP: 1.0, FN: 1.0})


@dataclass(frozen=True)
class Design:
    """How the scored reports were drawn: each one's stratum, and each stratum's size.

    `weights` are stratum size / judged reports of the stratum, so that reports that were drawn and
    not judged are stood for by the others of their stratum. `silent` strata have no judged report:
    the estimate says nothing of them.
    """

    strata: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    judged: npt.NDArray[np.int64]
    names: tuple[str, ...]
    silent: tuple[str, ...]
    silent_reports: int

    @property
    def weights(self) -> Floats:
        """How many reports each scored report stands for."""
        return np.asarray((self.sizes / self.judged)[self.strata])

    @property
    def smallest(self) -> int:
        """The fewest judged reports of a stratum that was not judged whole."""
        part = self.judged[self.judged < self.sizes]
        return int(part.min()) if len(part) else int(self.judged.min())


def design_of(sample: pa.Table, outcomes: Outcomes) -> tuple[Design, Outcomes]:
    """The design of the scored reports that are in the sample, and their outcomes.

    AuditError when none is: the sample belongs to other reports.
    """
    rows = {row["report_id"]: row for row in sample.to_pylist()}
    drawn = np.array([report in rows for report in outcomes.report_ids], dtype=np.bool_)
    if not drawn.any():
        raise AuditError(
            "sample",
            f"none of the {len(rows)} reports drawn is judged and labelled",
            "Give the sample that the judged reports were drawn by.",
        )
    scored = outcomes.where(drawn)
    named = [rows[report]["stratum"] for report in scored.report_ids]
    sizes = {row["stratum"]: row["stratum_size"] for row in rows.values()}
    names = sorted(set(named))
    number = {name: n for n, name in enumerate(names)}
    strata = np.array([number[name] for name in named], dtype=np.int64)
    silent = tuple(sorted(set(sizes) - set(names)))
    return Design(
        strata=strata,
        sizes=np.array([sizes[name] for name in names], dtype=np.int64),
        judged=np.bincount(strata, minlength=len(names)).astype(np.int64),
        names=tuple(names),
        silent=silent,
        silent_reports=sum(sizes[name] for name in silent),
    ), scored


def weighted_score(
    outcomes: Outcomes, columns: Sequence[int], design: Design, samples: Floats
) -> Score:
    """The figures of these columns pooled, for all reports that the sample was drawn from.

    Its counts are estimates, rounded; `samples` come from `draw_weighted`.
    """
    codes = outcomes.codes[:, list(columns)]
    tp, fp, fn, tn = (float(design.weights @ np.sum(codes == c, axis=1)) for c in (TP, FP, FN, TN))
    pooled = samples[:, list(columns)].sum(axis=1)
    spread = f1_from_counts(*pooled.T)
    f1 = _ratio(2 * tp, 2 * tp + fp + fn)
    return Score(
        tp=round(tp),
        fp=round(fp),
        fn=round(fn),
        tn=round(tn),
        precision=_ratio(tp, tp + fp),
        recall=_ratio(tp, tp + fn),
        f1=f1,
        precision_interval=ratio_interval(codes, PRECISION, design),
        recall_interval=ratio_interval(codes, RECALL, design),
        f1_interval=None if f1 is None else ratio_interval(codes, F1, design, drawn=spread),
        judged=int(np.sum(codes != UNSCORED)),
    )


def weighted_macro(outcomes: Outcomes, design: Design, samples: Floats) -> MacroScore:
    """Unweighted means over the findings of their estimated figures."""
    hits = _hits(outcomes)
    totals = (design.weights @ hits.reshape(len(hits), -1)).reshape(hits.shape[1:])
    return macro_of(totals, samples)


def ratio_interval(
    codes: Codes,
    figure: Figure,
    design: Design,
    *,
    drawn: Floats | None = None,
    confidence: float = 0.95,
) -> Interval | None:
    """The interval of a figure over these columns pooled; None where there is no case.

    Wilson's at the number of cases of a simple random sample that would be as informative:
    share · (1 − share) / variance. The variance is the linearised one with the correction for
    finite strata, or that of the bootstrap samples `drawn`; to it comes what the sample was too
    small to show (`_unseen`).
    """
    part, whole = (_values(codes, worth) for worth in (figure.part, figure.whole))
    total = float(design.weights @ whole)
    if total == 0:
        return None
    share = float(design.weights @ part) / total
    if drawn is None:
        seen = _linearised(part - share * whole, design) / total**2
    else:
        seen = float(np.nanvar(drawn)) if not np.all(np.isnan(drawn)) else 0.0
    variance = seen + _unseen(codes, figure, share, design) / total**2
    if variance <= 0:
        return share, share  # every report that counts was judged
    # At 0 and at 1 a share has no spread of its own: Wilson's centre stands in for it.
    anchor = min(max(share, _EDGE), 1 - _EDGE)
    return _wilson(share, anchor * (1 - anchor) / variance, confidence)


def draw_weighted(outcomes: Outcomes, design: Design, bootstrap: int, seed: int) -> Floats:
    """Bootstrap totals of TP, FP and FN: (samples, columns, 3), drawn within the strata."""
    hits = _hits(outcomes)
    flat = hits.reshape(len(hits), -1)
    parts = [weights @ flat for weights in _replicates(design, bootstrap, seed)]
    sums: Floats = np.concatenate([np.empty((0, flat.shape[1])), *parts])
    return sums.reshape(-1, *hits.shape[1:])


def _hits(outcomes: Outcomes) -> Floats:
    """(reports, columns, 3): whether each is a TP, FP or FN."""
    codes = outcomes.codes
    hits: Floats = np.stack([codes == code for code in (TP, FP, FN)], axis=2).astype(np.float64)
    return hits


def _replicates(design: Design, bootstrap: int, seed: int) -> Iterator[Floats]:
    """(samples, reports) weights of bootstrap samples, some at a time."""
    generator = np.random.default_rng(seed)
    weights, count = design.weights, len(design.strata)
    step = max(1, _CELLS // count)
    for start in range(0, bootstrap, step):
        size = min(step, bootstrap - start)
        made = np.tile(weights, (size, 1))
        for number, (judged, total) in enumerate(zip(design.judged, design.sizes, strict=True)):
            if judged < 2 or judged == total:
                continue  # judged whole: nothing varies; once: nothing to draw from
            rows = np.flatnonzero(design.strata == number)
            times = generator.multinomial(judged - 1, np.full(judged, 1 / judged), size=size)
            spread = math.sqrt(1 - judged / total)
            made[:, rows] *= 1 + spread * (times * judged / (judged - 1) - 1)
        yield made


def _values(codes: Codes, worth: Mapping[int, float]) -> Floats:
    """What each report adds to a total: the worth of its outcomes, summed over the columns."""
    return sum(
        (value * np.sum(codes == code, axis=1) for code, value in worth.items()),
        start=np.zeros(len(codes)),
    )


def _linearised(residual: Floats, design: Design) -> float:
    """The variance of the total of these residuals."""
    counts = design.judged.astype(np.float64)
    means = np.bincount(design.strata, residual, len(counts)) / counts
    squares = np.bincount(design.strata, (residual - means[design.strata]) ** 2, len(counts))
    several = counts > 1
    spread = np.zeros_like(counts)
    spread[several] = squares[several] / (counts[several] - 1)
    alone = ~several & (counts < design.sizes)  # shows no spread: take its own residual
    spread[alone] = means[alone] ** 2
    return _of_totals(spread, design)


def _unseen(codes: Codes, figure: Figure, share: float, design: Design) -> float:
    """The variance that errors would add which are too rare for the sample to show.

    Twenty right labels of twenty do not mean that none of the stratum is wrong. Among the labels
    that are positive, and those that are not, each stratum's share of true ones is taken as if some
    more had been judged of either kind (as Wilson's interval does), and its variance beyond the
    observed one is added.
    """
    width = len(design.sizes)
    extra = np.zeros(width)
    for yes, no in ((TP, FP), (FN, TN)):
        step = _residual(figure, yes, share) - _residual(figure, no, share)
        for column in codes.T:
            hits = np.bincount(design.strata[column == yes], minlength=width).astype(np.float64)
            cases = hits + np.bincount(design.strata[column == no], minlength=width)
            there = cases > 0
            missed = np.where(hits > 0, _MISSED, _NONE_MISSED)
            added = missed if yes == FN else np.full(width, _FOUND)
            observed = np.divide(hits, cases, out=np.zeros(width), where=there)
            shrunk = (hits + added) / (cases + 2 * added)
            more = np.maximum(shrunk * (1 - shrunk) - observed * (1 - observed), 0)
            extra += np.where(there, cases / design.judged * more, 0) * step**2
    return _of_totals(extra, design)


def _residual(figure: Figure, code: int, share: float) -> float:
    return figure.part.get(code, 0.0) - share * figure.whole.get(code, 0.0)


def _of_totals(spread: Floats, design: Design) -> float:
    """The variance of a stratified total from the variances within the strata."""
    left_out = 1 - design.judged / design.sizes
    return float(np.sum(design.sizes**2 * left_out * spread / design.judged))


def _wilson(share: float, size: float, confidence: float) -> Interval:
    z = float(stats.norm.ppf((1 + confidence) / 2))
    weight = z * z / size
    centre = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(share * (1 - share) / size + weight / (4 * size))
    low = 0.0 if share == 0 else max(0.0, centre - half)
    high = 1.0 if share == 1 else min(1.0, centre + half)
    return low, high


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
