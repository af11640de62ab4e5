"""Boxes from heatmaps, as the paper draws them: one per isolated region above each threshold."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from data_contracts import BOXES

from .box_choice import Columns, choose_boxes
from .box_options import PAPER_THRESHOLDS, BoxOptions, resize, upsampling_matrix
from .box_regions import find_regions
from .cells import placing_matrix

Floats = npt.NDArray[np.float32]

# One size for all images, or a (width, height) for each: (N, 2).
ImageSize = int | tuple[float, float] | npt.NDArray[Any] | Sequence[tuple[float, float]]

_CHUNK_CELLS = 1 << 19  # up-sampled cells held at a time: what the caches of a core hold


class Box(NamedTuple):
    """A box in pixels of the original image, the heat it rests on, and the threshold it is from."""

    x: float
    y: float
    w: float
    h: float
    score: float
    threshold: float


class HeatmapError(ValueError):
    """Heatmaps cannot be read: what was `found`, what was `expected`."""

    def __init__(self, found: str, expected: str, to_do: str) -> None:
        self.found, self.expected, self.to_do = found, expected, to_do
        super().__init__(f"heatmaps: found {found}, expected {expected}. {to_do}")


def boxes_from_heatmap(
    heatmap: Any,
    *,
    image_size: int | tuple[float, float],
    thresholds: Sequence[float] = PAPER_THRESHOLDS,
    options: BoxOptions | None = None,
    centres: Sequence[float] | None = None,
) -> list[Box]:
    """The boxes of one heatmap (H, W), numpy or torch; threshold by threshold, from the top down.

    The map is up-sampled once, bilinearly, to `options.grid` cells a side (`BoxOptions.grid`), then
    taken to [0, 255] by its least and largest value, cut at each threshold apart, and every
    connected region of values above the threshold gives the smallest box around it, in pixels of
    the original image: `image_size` is its side or (width, height). Edges are as fine as a cell of
    the grid; `BoxOptions(grid=1024)` is the paper to the pixel. The score is the region's peak (or
    mean) of the raw heat. A constant map has no least and largest value apart, and gives no box.
    `centres`: where the rows (= columns) of a square map lie, as shares of the image's side, if not
    in the middles of even parts (`modeling.cells`).

    Source: Wang et al., CVPR 2017, section 4.2. HeatmapError for another shape, a value that is no
    finite number or other centres, BoxOptionError for thresholds outside [0, 255).

    >>> heat = np.zeros((4, 4)); heat[1:3, 2] = 1
    >>> for box in boxes_from_heatmap(heat, image_size=400):
    ...     print([round(value) for value in box[:4]], round(box.threshold))
    [175, 75, 150, 250] 60
    [221, 121, 58, 158] 180
    """
    chosen = options or BoxOptions()
    if tuple(thresholds) != PAPER_THRESHOLDS:  # given here: they go before those of the options
        chosen = replace(chosen, thresholds=tuple(map(float, thresholds)))
    maps = _as_array(heatmap)
    if maps.ndim != 2:
        raise HeatmapError(
            f"shape {tuple(maps.shape)}", "(height, width)", "Use boxes_from_heatmaps for a batch."
        )
    columns = _draw(maps[None, None], ("",), _sizes(image_size, 1), chosen, centres)
    return [
        Box(*map(float, row)) for row in zip(*(columns[name] for name in Box._fields), strict=True)
    ]


def boxes_from_heatmaps(
    heatmaps: Any,
    *,
    image_ids: Sequence[str],
    findings: Sequence[str],
    image_size: ImageSize,
    options: BoxOptions | None = None,
    source: str | None = None,
    centres: Sequence[float] | None = None,
) -> pa.Table:
    """The `boxes` table of heatmaps (N, C, H, W): by image, finding, threshold, from the top down.

    The same boxes as `boxes_from_heatmap` draws map by map. `image_size` is one side, one (width,
    height), or (N, 2); `source` goes into the table, a checkpoint's id say. torch tensors are
    up-sampled on their own device. Errors as there, and HeatmapError when N or C are not the
    numbers of images and findings.
    """
    options = options or BoxOptions()
    maps = _as_array(heatmaps)
    if maps.ndim != 4 or maps.shape[:2] != (len(image_ids), len(findings)):
        raise HeatmapError(
            f"shape {tuple(maps.shape)}",
            f"({len(image_ids)} images, {len(findings)} findings, height, width)",
            "Give one id per image and one name per finding, in the heatmaps' order.",
        )
    sizes = _sizes(image_size, len(image_ids))
    step = max(1, _CHUNK_CELLS // (max(1, len(findings)) * _grid(maps, options) ** 2))
    starts = range(0, len(image_ids), step)

    def draw(start: int) -> Columns:
        piece = slice(start, start + step)
        columns = _draw(maps[piece], findings, sizes[piece], options, centres)
        return columns | {"image": columns["image"] + start}

    if options.workers == 1:  # handing over to a thread costs more than a small batch
        pieces = list(map(draw, starts))
    else:
        with ThreadPoolExecutor(options.workers) as pool:  # numpy lets other threads run meanwhile
            pieces = list(pool.map(draw, starts))
    columns = {
        name: np.concatenate([piece[name] for piece in pieces]) if pieces else np.zeros(0)
        for name in ("image", "finding", *Box._fields)
    }
    return _table(columns, image_ids, findings, source)


def peak_points(
    heatmaps: Any, *, image_size: ImageSize, centres: Sequence[float] | None = None
) -> npt.NDArray[np.float64]:
    """Where each map (N, C, H, W) is hottest: (N, C, 2), x and y in pixels of the original image.

    For the pointing game: the centre of the hottest cell, the first in reading order of equals.
    `centres` as for `boxes_from_heatmap`.
    """
    maps = _as_array(heatmaps)
    flat = np.asarray(_to_numpy(maps)).reshape(*maps.shape[:2], -1)
    y, x = np.divmod(flat.argmax(-1), maps.shape[-1])
    size = _sizes(image_size, maps.shape[0])[:, None, :]
    if centres is None:
        places = (np.stack([x, y], -1) + 0.5) / (maps.shape[-1], maps.shape[-2])
    else:
        places = np.asarray(_checked(centres, maps.shape[2:]))[np.stack([x, y], -1)]
    points: npt.NDArray[np.float64] = places * size
    return points


def _draw(
    maps: Any,
    findings: Sequence[str],
    sizes: npt.NDArray[np.float64],
    options: BoxOptions,
    centres: Sequence[float] | None,
) -> Columns:
    """Boxes as columns `image`, `finding` (both as positions) and those of `Box`."""
    heat = _upsample(maps, _grid(maps, options), centres)
    images, count = heat.shape[:2]
    flat = heat.reshape(-1, *heat.shape[2:])  # (N * C, grid, grid)
    values = _with_priors(flat, findings, options)
    low, span = _range(values)
    levels = np.tile(options.thresholds_of(findings), (images, 1))
    pieces = []
    for column in levels.T:
        # The same as to take every map to [0, 255] and cut it at the threshold.
        regions = find_regions(
            values,
            np.where(span > 0, low + column / 255 * span, np.float32(np.inf)),
            heat=flat,
            connectivity=options.connectivity,
            statistic=options.score,
        )
        scale = sizes[regions.map // count] / (heat.shape[3], heat.shape[2])
        pieces.append(
            {
                "image": regions.map // count,
                "finding": regions.map % count,
                "x": regions.x0 * scale[:, 0],
                "y": regions.y0 * scale[:, 1],
                "w": (regions.x1 - regions.x0) * scale[:, 0],
                "h": (regions.y1 - regions.y0) * scale[:, 1],
                "score": regions.heat,
                "threshold": column[regions.map],
            }
        )
    columns = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    order = np.lexsort((columns["finding"], columns["image"]))  # stable: thresholds stay in order
    return choose_boxes({name: values[order] for name, values in columns.items()}, sizes, options)


def _grid(maps: Any, options: BoxOptions) -> int:
    """Cells a side of the working grid: never coarser than the maps are."""
    return int(max(options.grid, *maps.shape[2:]))


def _as_array(heatmaps: Any) -> Any:
    """The heatmaps as a numpy array, or as the torch tensor they are, in single precision."""
    tensor = hasattr(heatmaps, "detach")
    maps = heatmaps.detach().float() if tensor else np.asarray(heatmaps, np.float32)
    if not np.isfinite(_to_numpy(maps)).all():
        raise HeatmapError(
            "a value that is no finite number", "finite heat", "Look for NaN in the network."
        )
    return maps


def _to_numpy(maps: Any) -> Floats:
    result: Floats = maps.cpu().numpy() if hasattr(maps, "detach") else maps
    return result


def _upsample(maps: Any, grid: int, centres: Sequence[float] | None) -> Floats:
    """The maps (N, C, H, W) on a grid x grid, computed where they are."""
    if centres is None:
        down, across = (upsampling_matrix(size, grid) for size in maps.shape[2:])
    else:
        down = across = placing_matrix(_checked(centres, maps.shape[2:]), grid)
    if hasattr(maps, "detach"):
        heat = maps.new_tensor(down) @ maps @ maps.new_tensor(across).T
    else:
        heat = np.matmul(down, maps) @ across.T
    return _to_numpy(heat)


def _checked(centres: Sequence[float], shape: tuple[int, ...]) -> Sequence[float]:
    """The centres, one for each row and column, rising."""
    if tuple(shape) != (len(centres),) * 2 or any(np.diff(centres) <= 0):
        raise HeatmapError(
            f"{len(centres)} centres of a map {tuple(shape)}",
            "one for each row and column, rising",
            "Give those of the network that made the map, or none.",
        )
    return centres


def _with_priors(maps: Floats, findings: Sequence[str], options: BoxOptions) -> Floats:
    """The maps (N * C, H, W), of findings with a prior those in [0, 1] times it."""
    if not options.priors.keys() & set(findings):
        return maps
    weighed = maps.copy()
    for position, name in enumerate(findings):
        if name in options.priors:
            own = weighed[position :: len(findings)]
            low, span = (part[:, None, None] for part in _range(own))
            own -= low
            own /= np.where(span > 0, span, np.inf)
            own *= resize(options.priors[name], maps.shape[1:])
    return weighed


def _range(maps: Floats) -> tuple[Floats, Floats]:
    """The least value of each map (M, H, W) and how far the largest is above; 0 if constant."""
    low, high = maps.min((1, 2)), maps.max((1, 2))
    # What the interpolation's rounding leaves of a constant map is no heat.
    flat = high - low <= 1e-6 * np.maximum(np.abs(low), np.abs(high))
    return low, np.where(flat, np.float32(0), high - low)


def _sizes(image_size: ImageSize, images: int) -> npt.NDArray[np.float64]:
    """Width and height of each image: (N, 2)."""
    sizes = np.asarray(image_size, np.float64)
    if sizes.shape not in ((), (2,), (images, 2)) or not (sizes > 0).all():
        raise HeatmapError(
            f"image size {image_size!r}" if sizes.size < 5 else f"image sizes of {sizes.shape}",
            f"a side, a (width, height), or {images} of them, all above 0",
            "Give the size of the original image, in whose pixels boxes are wanted.",
        )
    return np.broadcast_to(sizes.reshape(-1, 2) if sizes.ndim else sizes, (images, 2))


def _table(
    columns: Columns, image_ids: Sequence[str], findings: Sequence[str], source: str | None
) -> pa.Table:
    count = len(columns["x"])
    texts = {
        name: pa.array(values, pa.string()).take(pa.array(columns[key].astype(np.int64)))
        for name, key, values in (
            ("image_id", "image", image_ids),
            ("finding", "finding", findings),
        )
    }
    numbers = {name: pa.array(columns[name].astype(np.float64)) for name in Box._fields[:5]}
    sources = pa.array([source] * count, pa.string())
    return pa.table({**texts, **numbers, "source": sources}).cast(BOXES.schema)
