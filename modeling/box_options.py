"""How boxes are drawn: the paper's way by default, and what goes beyond it, each off unless set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Floats = npt.NDArray[np.float32]

# Wang et al., CVPR 2017, section 4.2: maps in [0, 255], cut at 60 and at 180.
PAPER_THRESHOLDS = (60.0, 180.0)

# Centre and half axes of both lungs and of the heart, as shares of the image.
_ELLIPSES = ((0.29, 0.46, 0.18, 0.36), (0.71, 0.46, 0.18, 0.36), (0.54, 0.62, 0.2, 0.2))


class BoxOptionError(ValueError):
    """An option of boxes cannot be so: the `option`, its `value`, and what is `expected`."""

    def __init__(self, option: str, value: object, expected: str) -> None:
        self.option, self.value, self.expected = option, value, expected
        super().__init__(f"option {option} of boxes: found {value!r}, expected {expected}.")


@dataclass(frozen=True)
class BoxOptions:
    """How boxes are drawn from heatmaps.

    The first five describe the paper's method where it leaves a choice; the rest go beyond it and
    are off. Source: Wang et al., CVPR 2017, section 4.2.
    """

    thresholds: tuple[float, ...] = PAPER_THRESHOLDS  # each alone gives one box per region
    grid: int = 96  # cells a side that a map is up-sampled to, if it has fewer; 1024 is exact, slow
    connectivity: Literal[4, 8] = 8  # 8: cells that touch at a corner are one region
    score: Literal["peak", "mean"] = "peak"  # of the raw heat in the region
    workers: int = 1  # threads of the batch version

    finding_thresholds: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    min_area: float = 0.0  # of the box, as a share of the image; smaller boxes are left out
    max_area: float = 1.0  # likewise larger ones
    nms: float | None = None  # of boxes with more IoU than this the one with less score goes
    most: int | None = None  # boxes per image and finding, best score first
    # Finding -> map of any size, multiplied into the normalised heat (see `position_prior`).
    priors: Mapping[str, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for option, thresholds in (
            ("thresholds", self.thresholds),
            *((f"finding_thresholds[{name}]", t) for name, t in self.finding_thresholds.items()),
        ):
            if not thresholds or not all(0 <= value < 255 for value in thresholds):
                raise BoxOptionError(option, thresholds, "numbers from 0 to below 255")
        if self.connectivity not in (4, 8):
            raise BoxOptionError("connectivity", self.connectivity, "4 or 8")
        if self.score not in ("peak", "mean"):
            raise BoxOptionError("score", self.score, "peak or mean")
        if not 0 <= self.min_area <= self.max_area <= 1:
            raise BoxOptionError(
                "min_area, max_area", (self.min_area, self.max_area), "0 <= min <= max <= 1"
            )
        if self.nms is not None and not 0 <= self.nms <= 1:
            raise BoxOptionError("nms", self.nms, "an IoU from 0 to 1")
        for option in ("grid", "workers", "most"):
            value = getattr(self, option)
            if value is not None and value < 1:
                raise BoxOptionError(option, value, "at least 1")

    def thresholds_of(self, findings: Sequence[str]) -> Floats:
        """The thresholds of each finding: (findings, most thresholds), infinity where fewer."""
        rows = [self.finding_thresholds.get(name, self.thresholds) for name in findings]
        table = np.full((len(rows), max(map(len, rows), default=1)), np.inf, np.float32)
        for row, values in zip(table, rows, strict=True):
            row[: len(values)] = values
        return table


def upsampling_matrix(size: int, grid: int) -> Floats:
    """The (grid, size) matrix of bilinear interpolation, as torch's with align_corners=False.

    >>> upsampling_matrix(2, 4).tolist()
    [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    """
    place = np.clip((np.arange(grid) + 0.5) * size / grid - 0.5, 0, size - 1)
    low = np.minimum(place.astype(int), max(size - 2, 0))
    matrix = np.zeros((grid, size))
    np.add.at(matrix, (np.arange(grid), low), 1 - (place - low))
    np.add.at(matrix, (np.arange(grid), np.minimum(low + 1, size - 1)), place - low)
    return matrix.astype(np.float32)


def resize(maps: npt.NDArray[Any], grid: tuple[int, ...]) -> Floats:
    """The maps (…, H, W) interpolated to (…, *grid)."""
    down = upsampling_matrix(maps.shape[-2], grid[0])
    across = upsampling_matrix(maps.shape[-1], grid[1])
    result: Floats = down @ np.asarray(maps, np.float32) @ across.T
    return result


def merge_scales(scales: Sequence[npt.NDArray[Any]]) -> Floats:
    """One heatmap from those of several scales: (N, C, S, S) each, S the largest of them.

    Each map is taken to [0, 1], the maps are averaged, and the average of the raw ranges is given
    back, so that scores still differ between images. ValueError for none or for other N, C.
    """
    if not scales or len({scale.shape[:-2] for scale in scales}) != 1:
        shapes = [scale.shape for scale in scales]
        raise ValueError(f"heatmaps of scales: found {shapes}, expected one or more (N, C, S, S).")
    size = max(scale.shape[-2:] for scale in scales)
    resized = np.stack([resize(scale, size) for scale in scales])
    low = resized.min((-2, -1), keepdims=True)
    span = resized.max((-2, -1), keepdims=True) - low
    flat = np.divide(resized - low, span, out=np.zeros_like(resized), where=span > 0)
    merged: Floats = low.mean(0) + flat.mean(0) * span.mean(0)
    return merged


def position_prior(
    boxes: pa.Table,
    *,
    image_size: tuple[float, float] = (1024, 1024),
    size: int = 32,
    floor: float = 0.1,
    pooled: bool = False,
) -> dict[str, Floats]:
    """Where boxes of each finding lie: finding -> (size, size) map from `floor` to 1.

    A cell's value is the share of boxes over it, divided by the largest. `pooled` gives every
    finding the map of all boxes, which is near the lung fields and the heart. Learn it from tuning
    folds only: it looks at boxes, so results with it belong in the row of tuned results.
    """
    edges = np.linspace(0, 1, size + 1)
    findings = np.asarray(boxes["finding"].to_pylist(), object)
    covers = []
    for start, length, side in (("x", "w", image_size[0]), ("y", "h", image_size[1])):
        low = boxes[start].to_numpy()[:, None] / side
        high = low + boxes[length].to_numpy()[:, None] / side
        overlap = np.minimum(high, edges[1:]) - np.maximum(low, edges[:-1])
        covers.append(np.clip(overlap * size, 0, 1))
    maps = {}
    for name in dict.fromkeys(findings.tolist()):
        own = np.ones(len(findings), bool) if pooled else findings == name
        cover = np.einsum("bx,by->yx", covers[0][own], covers[1][own])
        maps[name] = np.maximum(cover / max(cover.max(), 1e-12), floor).astype(np.float32)
    return maps


def thorax_prior(size: int = 32, *, floor: float = 0.1) -> Floats:
    """Where lungs and heart lie in a frontal image that shows the chest: (size, size), floor to 1.

    1 in two ellipses for the lungs and one for the heart, laid out by anatomy and not learnt from
    any image or box: results with it need no tuning folds. Down to `floor` within a tenth of the
    image around them. Rows are y, from the top.

    >>> thorax_prior(8)[3].astype(float).round(1).tolist()
    [0.6, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.6]
    """
    middle = (np.arange(size) + 0.5) / size
    reach = np.full((size, size), np.inf)
    for x, y, across, down in _ELLIPSES:
        far = np.hypot((middle[None, :] - x) / across, (middle[:, None] - y) / down)
        reach = np.minimum(reach, (far - 1) * min(across, down))
    return np.clip(1 - (1 - floor) * reach / 0.1, floor, 1).astype(np.float32)
