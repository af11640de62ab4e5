"""How detected and true boxes of the same image and finding overlap: IoBB and IoU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

OVERLAPS = ("iobb", "iou")


@dataclass(frozen=True)
class Overlaps:
    """Pairs of boxes with an image and a finding in common: positions and overlaps, (pairs,)."""

    detected: Ints
    true: Ints
    iobb: Floats
    iou: Floats

    def best(self, overlap: str, side: str, count: int) -> Floats:
        """The largest "iobb" or "iou" of each of the `count` "detected" or "true" boxes, or 0."""
        best = np.zeros(count)
        np.maximum.at(best, getattr(self, side), getattr(self, overlap))
        return best


def overlaps(boxes: pa.Table, truth: pa.Table) -> Overlaps:
    """The overlap of every detected box with every true box of its finding in its image.

    IoBB is the intersection over the area of the detected box, IoU over the union. Source: Wang et
    al., CVPR 2017, section 4.2.
    """
    codes = row_codes([boxes, truth])
    order = np.argsort(codes[1], kind="stable")
    low = np.searchsorted(codes[1][order], codes[0], side="left")
    counts = np.searchsorted(codes[1][order], codes[0], side="right") - low
    detected = np.repeat(np.arange(len(codes[0])), counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    true = order[np.repeat(low, counts) + within]
    d, t = corners(boxes)[detected], corners(truth)[true]
    sides = np.clip(np.minimum(d[:, 2:], t[:, 2:]) - np.maximum(d[:, :2], t[:, :2]), 0, None)
    shared, own, others = sides.prod(1), _areas(d), _areas(t)
    # Rounding must not make a box overlap more than wholly.
    iobb = np.minimum(np.divide(shared, own, out=np.zeros_like(shared), where=own > 0), 1)
    union = own + others - shared
    iou = np.minimum(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0), iobb)
    return Overlaps(detected, true, iobb, iou)


def corners(boxes: pa.Table) -> Floats:
    """Left, upper, right and lower edges of the boxes: (boxes, 4)."""
    x, y, w, h = (boxes[name].to_numpy() for name in ("x", "y", "w", "h"))
    return np.stack([x, y, x + w, y + h], axis=1)


def row_codes(tables: Sequence[pa.Table], *columns: str) -> list[Ints]:
    """A number for each row of the tables, equal where the columns (image and finding) are."""
    columns = columns or ("image_id", "finding")
    known: dict[tuple[Any, ...], int] = {}
    return [
        np.array(
            [
                known.setdefault(row, len(known))
                for row in zip(*(table[name].to_pylist() for name in columns), strict=True)
            ],
            np.int64,
        )
        for table in tables
    ]


def _areas(edges: Floats) -> Floats:
    areas: Floats = (edges[:, 2:] - edges[:, :2]).prod(1)
    return areas
