"""Which reports to annotate next: strata, how many of each, and what each one stands for."""

from .design import SampleError, Stratum, allocate, size_for_width, strata_of
from .drawing import draw_sample

__all__ = ["SampleError", "Stratum", "allocate", "draw_sample", "size_for_width", "strata_of"]
