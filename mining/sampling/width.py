"""The smallest sample that makes every finding's precision known to a wished interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from mining.audit.intervals import wilson
from mining.audit.weights import SMALLEST
from mining.sampling.design import Cell, Plan, SampleError, Stratum, allocate, strata_of

_Floats = npt.NDArray[np.float64]
_STRATA = (5, 10, 20, 40, 80, 160)  # tried in turn
_ROUNDS = 300
_SEEK = 0.5  # reports without a positive label, to find what was missed, per report with one


def plan_for_width(
    cells: Mapping[str, Iterable[Cell]],
    positive: Mapping[str, frozenset[str]],
    width: float,
    *,
    expected: float = 0.9,
) -> Plan:
    """The smallest plan with 95 % intervals of precision this wide or narrower, for every finding.

    `expected` is the precision that is reckoned with. Strata of positive labels are drawn from so
    that no finding gets more than it needs (Bethel, Survey Methodology 15, 1989); from the others
    come half as many reports, which show what the labels miss. SampleError for an impossible width.
    """
    if not 0 < width < 1:
        raise SampleError(f"width {width}", "Give the whole width of the interval, as 0.1.")
    needed = _cases_for(width, expected)
    plans = (_plan(strata_of(cells, most), positive, needed) for most in _STRATA)
    return min(plans, key=lambda plan: (plan.size, len(plan.strata)))


def _plan(strata: Sequence[Stratum], positive: Mapping[str, frozenset[str]], needed: int) -> Plan:
    labels = np.array(
        [[sum(r in own for r in s.report_ids) for s in strata] for own in positive.values()]
    ).reshape(len(positive), len(strata)).astype(np.float64)  # fmt: skip
    bold = np.flatnonzero(labels.any(axis=0))
    quiet = [n for n in range(len(strata)) if n not in set(bold.tolist())]
    drawn = np.zeros(len(strata), dtype=np.int64)
    if len(bold):
        sizes = np.array([len(strata[n]) for n in bold], dtype=np.float64)
        drawn[bold] = _least_draws(sizes, labels[:, bold], needed)
    others = [strata[n] for n in quiet]
    least = sum(min(SMALLEST, len(one)) for one in others)
    if others:
        drawn[quiet] = allocate(others, max(least, round(_SEEK * int(drawn.sum()))))
    return Plan(tuple(strata), tuple(drawn.tolist()))


def _least_draws(sizes: _Floats, labels: _Floats, needed: int) -> npt.NDArray[np.int64]:
    """About the fewest draws per stratum that leave every finding enough.

    `labels` are the positive ones, (findings, strata). A finding has enough when its total, as
    estimated, varies no more than that of `needed` cases drawn at random: the sum over strata of
    labels · (size − drawn) / drawn is at most its square over `needed`. Each finding's multiplier
    grows until it has.
    """
    least = np.minimum(sizes, SMALLEST)
    own = labels[labels.any(axis=1)]
    allowed = own.sum(axis=1) ** 2 / needed
    weights = np.ones(len(own))
    for _ in range(_ROUNDS):
        drawn = np.clip(np.sqrt(sizes * (weights @ own)), least, sizes)
        varies = (own * (sizes - drawn) / drawn).sum(axis=1)
        weights *= np.clip(varies / allowed, 0.1, 10) ** 0.5
    drawn = np.clip(np.ceil(drawn), least, sizes)
    while ((own * (sizes - drawn) / drawn).sum(axis=1) > allowed).any():
        drawn = np.minimum(np.ceil(drawn * 1.02), sizes)
    return np.asarray(drawn, dtype=np.int64)


def _cases_for(width: float, expected: float) -> int:
    """How many cases make a Wilson interval this narrow at the expected share.

    >>> _cases_for(0.1, 0.9)
    141
    """
    low, high = 1, 1 << 24
    while low < high:
        middle = (low + high) // 2
        bounds = wilson(round(expected * middle), middle)
        narrow = bounds is not None and bounds[1] - bounds[0] <= width
        low, high = (low, middle) if narrow else (middle + 1, high)
    return low
