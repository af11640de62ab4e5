"""What the parts of a phantom are made of: soft edges, smooth noise, bones seen from the side."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import zoom
from scipy.special import expit

Field = npt.NDArray[np.float32]
Generator = np.random.Generator

_EDGE = 0.007


def soft_step(distance: Field, edge: float = _EDGE) -> Field:
    """1 where the distance is above 0, 0 where it is below, smooth in between."""
    return np.asarray(expit(distance / np.float32(edge)), np.float32)


def noise(rng: Generator, size: int, grain: float) -> Field:
    """Smooth noise of about unit deviation; `grain` is the length of a bump."""
    cells = max(3, round(1 / grain) + 3)
    if cells >= size:
        return rng.standard_normal((size, size), np.float32)
    coarse = rng.standard_normal((cells, cells), np.float32)
    fine = zoom(coarse, size / (cells - 2), order=3 if size <= 512 else 1)
    start = rng.integers(0, fine.shape[0] - size + 1, 2)
    cut = fine[start[0] : start[0] + size, start[1] : start[1] + size]
    return np.asarray(cut / 0.75, np.float32)


def ribs(phase: Field, half: float) -> Field:
    """Ribs at every whole phase: brighter at both edges, where the cortex is."""
    return tube((phase - np.round(phase)) / np.float32(half))


def tube(across: Field) -> Field:
    """A bone seen from the side: 1 at its edges (|across| = 1), less in the middle, 0 outside."""
    return np.asarray(
        expit((1 - np.abs(across)) / 0.12) * (0.55 + 0.45 * np.minimum(across**2, 1)), np.float32
    )
