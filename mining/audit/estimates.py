"""Figures of scored reports: as they were judged, or weighted by the sample they were drawn by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from .figures import MacroScore, Score, draw_samples, macro_score, pooled_score
from .outcomes import Outcomes
from .weights import Design, design_of, draw_weighted, weighted_macro, weighted_score


@dataclass(frozen=True)
class Estimates:
    """The reports that figures rest on, and the figures; `design` where they were drawn."""

    scored: Outcomes
    score: Callable[[Sequence[int]], Score]
    macro: MacroScore
    design: Design | None


def estimate(
    outcomes: Outcomes, sample: pa.Table | None, *, bootstrap: int, seed: int
) -> Estimates:
    """The figures of these outcomes; with a `sample` those of all reports it was drawn from.

    AuditError when no report of the sample is among the outcomes.
    """
    if sample is None:
        drawn = draw_samples(outcomes, bootstrap, seed)
        return Estimates(
            outcomes, lambda columns: pooled_score(outcomes, columns, drawn),
            macro_score(outcomes, drawn), None,
        )  # fmt: skip
    design, scored = design_of(sample, outcomes)
    spread = draw_weighted(scored, design, bootstrap, seed)
    return Estimates(
        scored, lambda columns: weighted_score(scored, columns, design, spread),
        weighted_macro(scored, design, spread), design,
    )  # fmt: skip
