"""How many reports of which strata: by a size, or by the width of interval that is wished."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mining.audit.weights import SMALLEST
from mining.sampling.design import Cell, Plan, SampleError, allocate, strata_of
from mining.sampling.width import plan_for_width

# Reports drawn per stratum, on average: what is over the least number goes to the large strata.
_PER_STRATUM = 2 * SMALLEST


def plan_sample(
    cells: Mapping[str, Iterable[Cell]],
    positive: Mapping[str, frozenset[str]],
    *,
    size: int | None = None,
    width: float | None = None,
) -> Plan:
    """The plan for a sample of `size` reports, or one for intervals of this `width`.

    SampleError unless one of them is given and possible.
    """
    if (size is None) == (width is None):
        raise SampleError("both a size and a width, or neither", "Give one of them.")
    if not cells:
        raise SampleError("no reports", "Give a label set that has some.")
    if width is not None:
        return plan_for_width(cells, positive, width)
    assert size is not None
    if size < 1:
        raise SampleError(f"size {size}", "Ask for at least one report.")
    strata = strata_of(cells, size // _PER_STRATUM)
    return Plan(tuple(strata), tuple(allocate(strata, size)))
