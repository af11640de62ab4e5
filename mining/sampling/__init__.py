"""Which reports to annotate next, the sheets to fill in, and how far annotators agree."""

from .agreement import Agreement, Dispute, agreements, consensus, disputes
from .cells import cells_of, positive_reports
from .design import Plan, SampleError, Stratum, allocate, strata_of
from .drawing import draw_sample
from .planning import plan_sample

__all__ = [
    "Agreement",
    "Dispute",
    "Plan",
    "SampleError",
    "Stratum",
    "agreements",
    "allocate",
    "cells_of",
    "consensus",
    "disputes",
    "draw_sample",
    "plan_sample",
    "positive_reports",
    "strata_of",
]
