"""Where the cells of heatmaps lie in the image: each at what the network sees from it.

Paddings move the cells of most backbones off the middles of S even parts: those of ResNet-50 are
centred half a cell (15.5 pixels) to the upper left of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def placing_matrix(centres: Sequence[float], grid: int) -> Floats:
    """The (grid, S) matrix that takes S cells to `grid` even parts of the image.

    `centres` rise, as shares of the image's side. Linear between two of them, and beyond the
    outermost what is there, as in bilinear interpolation, which this is for even centres.

    >>> placing_matrix((0.25, 0.75), 4).tolist()
    [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    """
    wanted = (np.arange(grid) + 0.5) / grid
    rows = [np.interp(wanted, np.asarray(centres, float), cell) for cell in np.eye(len(centres))]
    return np.stack(rows, axis=1).astype(np.float32)


def place_evenly(heatmap: npt.NDArray[Any], centres: Sequence[float] | None, grid: int) -> Floats:
    """The map (S, S) on grid × grid even parts of the image; as it is where no centres are known.

    For pictures, which lay a map evenly over the image.
    """
    heat = np.asarray(heatmap, np.float32)
    if centres is None or heat.shape != (len(centres),) * 2:
        return heat
    matrix = placing_matrix(centres, max(grid, len(centres)))
    placed: Floats = matrix @ heat @ matrix.T
    return placed
