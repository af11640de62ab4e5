"""Which of the drawn boxes stay: area limits, non-maximum suppression, the best few."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .box_options import BoxOptions

# Boxes as columns: `image` and `finding` as positions, x, y, w, h, score, threshold.
Columns = dict[str, npt.NDArray[Any]]


def choose_boxes(columns: Columns, sizes: npt.NDArray[np.float64], options: BoxOptions) -> Columns:
    """The boxes that the area limits, non-maximum suppression and `most` leave."""
    share = columns["w"] * columns["h"] / sizes[columns["image"]].prod(1)
    if options.min_area > 0 or options.max_area < 1:
        inside = (share >= options.min_area) & (share <= options.max_area)
        columns = {name: values[inside] for name, values in columns.items()}
    groups = columns["image"] * (columns["finding"].max(initial=0) + 1) + columns["finding"]
    if options.nms is not None:
        kept = _suppress(columns, groups, options.nms)
        groups, columns = groups[kept], {name: values[kept] for name, values in columns.items()}
    if options.most is not None:
        order = np.lexsort((-columns["score"], groups))
        rank = np.empty(len(groups), np.int64)
        rank[order] = np.arange(len(groups)) - np.searchsorted(groups[order], groups[order])
        columns = {name: values[rank < options.most] for name, values in columns.items()}
    return columns


def _suppress(columns: Columns, groups: npt.NDArray[Any], limit: float) -> npt.NDArray[np.int64]:
    """The positions, ascending, of the boxes that survive within their group."""
    import torch
    from torchvision.ops import batched_nms  # type: ignore[import-untyped]

    x, y = columns["x"], columns["y"]
    corners = np.stack([x, y, x + columns["w"], y + columns["h"]], 1)
    kept = batched_nms(
        torch.from_numpy(corners),
        torch.from_numpy(columns["score"].astype(np.float64)),
        torch.from_numpy(groups.astype(np.int64)),
        limit,
    )
    return np.sort(kept.numpy())
