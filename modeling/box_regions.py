"""The isolated regions above thresholds of many maps at once: their extent, peak and mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Regions:
    """Regions as columns: which map, the half-open extent in cells, cells, peak or mean heat."""

    map: Ints
    x0: Ints
    y0: Ints
    x1: Ints
    y1: Ints
    cells: Ints
    heat: Floats

    def __len__(self) -> int:
        return len(self.map)


def find_regions(
    values: Floats,
    cuts: npt.NDArray[Any],
    *,
    heat: Floats | None = None,
    connectivity: int = 8,
    statistic: Literal["peak", "mean"] = "peak",
) -> Regions:
    """The connected regions of the cells above each map's cut, map by map, from the top down.

    `values` are (M, H, W), `cuts` (M,); the statistic of a region is taken from `heat` (default:
    the values). `connectivity` 8 joins cells that touch at a corner, 4 only those that share a
    side. The regions are those of `scipy.ndimage.label` map by map, but found from runs of cells in
    rows: the work grows with the outlines and not with the areas, and no Python runs per map.

    ValueError when the shapes differ or the connectivity is neither 4 nor 8.
    """
    heat = values if heat is None else heat
    if values.shape != heat.shape or values.ndim != 3 or cuts.shape != values.shape[:1]:
        raise ValueError(
            f"values {values.shape}, heat {heat.shape}, cuts {cuts.shape}: expected twice "
            "(maps, height, width), and (maps,)."
        )
    if connectivity not in (4, 8):
        raise ValueError(f"connectivity {connectivity}: expected 4 or 8.")
    _, height, width = values.shape
    starts, ends = _runs(values, cuts)
    if not len(starts):
        nothing, cold = np.zeros(0, np.int64), np.zeros(0, np.float32)
        return Regions(nothing, nothing, nothing, nothing, nothing, nothing, cold)
    row = starts // (width + 1)
    region = _join(starts, ends, row, height, width + 1, corners=connectivity == 8)
    # Runs of a region side by side, regions in the order of their first run.
    order = np.argsort(region, kind="stable")
    first = np.flatnonzero(np.diff(region[order], prepend=-1))
    offset = row * (width + 1) + 1  # of the row's first cell: rows begin with a blank cell
    lengths = ends - starts
    cells = np.add.reduceat(lengths[order], first)
    fold = np.maximum if statistic == "peak" else np.add
    of_runs = _fold_heat(heat, starts - row - 1, lengths, fold)
    of_regions = fold.reduceat(of_runs[order], first)
    return Regions(
        map=row[order][first] // height,
        x0=np.minimum.reduceat((starts - offset)[order], first),
        y0=np.minimum.reduceat((row % height)[order], first),
        x1=np.maximum.reduceat((ends - offset)[order], first),
        y1=np.maximum.reduceat((row % height)[order], first) + 1,
        cells=cells,
        heat=of_regions if statistic == "peak" else (of_regions / cells).astype(np.float32),
    )


def _runs(values: Floats, cuts: npt.NDArray[Any]) -> tuple[Ints, Ints]:
    """Start and end of every run of cells above, counted with a blank cell before each row."""
    maps, height, width = values.shape
    padded = np.zeros(maps * height * (width + 1) + 1, np.bool_)
    cells = padded[:-1].reshape(maps, height, width + 1)[:, :, 1:]
    np.greater(values, cuts[:, None, None], out=cells)
    edges = np.flatnonzero(padded[1:] != padded[:-1]) + 1
    return edges[0::2], edges[1::2]


def _join(starts: Ints, ends: Ints, row: Ints, height: int, step: int, *, corners: bool) -> Ints:
    """The number of the region of each run: runs that touch in adjacent rows share one."""
    # Run i moved down a row touches the runs low[i] … high[i] - 1. The blank before each row keeps
    # runs at the ends of a row from touching their neighbours in the row after.
    reach = 0 if corners else 1
    low = np.searchsorted(ends, starts + step + reach, side="left")
    high = np.searchsorted(starts, ends + step - reach, side="right")
    last_row = row % height == height - 1
    counts = np.where(last_row, 0, np.maximum(high - low, 0))
    bounds = np.concatenate(([0], np.cumsum(counts)))
    below = np.arange(bounds[-1]) + np.repeat(low - bounds[:-1], counts)
    graph = csr_matrix(
        (np.ones(len(below), np.int8), below, bounds), shape=(len(starts), len(starts))
    )
    _, region = connected_components(graph, directed=False)
    # Numbered by first run, whatever the library's order.
    _, first, inverse = np.unique(region, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def _fold_heat(heat: Floats, starts: Ints, lengths: Ints, fold: np.ufunc) -> npt.NDArray[Any]:
    """The peak or sum of the heat of each run; `starts` count the cells of `heat` laid flat."""
    # What lies between two runs is folded as well, and left out: cheaper than to gather the runs.
    bounds = np.stack([starts, starts + lengths], axis=1).reshape(-1)
    flat = heat.reshape(-1)
    kind = np.float64 if fold is np.add else heat.dtype
    if bounds[-1] == len(flat):
        bounds = bounds[:-1]
    folded: npt.NDArray[Any] = fold.reduceat(flat, bounds, dtype=kind)[::2]
    return folded
