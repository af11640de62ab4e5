"""Boxes from heatmaps: a whole batch at once against a plain loop over the maps.

    python -m benchmarks.boxes [--images 500] [--repeats 5]

Both draw the paper's boxes from the same heatmaps of eight findings; the loop labels each map with
scipy.ndimage, the batch is `modeling.boxes.boxes_from_heatmaps`. The run fails when they differ.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from benchmarks.view import Figures, print_figures
from data_contracts import BOXES, CHESTXRAY8
from modeling.box_options import PAPER_THRESHOLDS, BoxOptions, resize
from modeling.boxes import boxes_from_heatmaps

Floats = npt.NDArray[np.float32]
Row = tuple[int, int, float, float, float, float, float]

IMAGE_SIDE = 1024
TARGET = 500  # images per second, eight findings, two cores
MAP_SIDES = (8, 16, 32)  # S of the paper


def make_heatmaps(images: int, side: int, *, seed: int = 0) -> Floats:
    """Smooth maps (images, 8, side, side) with a few hot spots each, like a network's."""
    noise = np.random.default_rng(seed).standard_normal((images, len(CHESTXRAY8), side, side))
    smooth: Floats = ndimage.gaussian_filter(noise, (0, 0, side / 10, side / 10)).astype(np.float32)
    return smooth


def draw_by_loop(heatmaps: Floats) -> list[Row]:
    """Image, finding, box and score of each region, map by map."""
    grid = max(BoxOptions().grid, heatmaps.shape[-1])
    scale = IMAGE_SIDE / grid
    rows: list[Row] = []
    for image, maps in enumerate(heatmaps):
        for finding, heat in enumerate(maps):
            fine = resize(heat, (grid, grid))
            level = (fine - fine.min()) * (255 / (fine.max() - fine.min()))
            for threshold in PAPER_THRESHOLDS:
                labels, _ = ndimage.label(level > threshold, np.ones((3, 3)))
                for label, (down, across) in enumerate(ndimage.find_objects(labels), start=1):
                    left, top = across.start * scale, down.start * scale
                    wide = (across.stop - across.start) * scale
                    high = (down.stop - down.start) * scale
                    peak = float(fine[down, across][labels[down, across] == label].max())
                    rows.append((image, finding, left, top, wide, high, peak))
    return rows


def draw_by_batch(heatmaps: Floats, workers: int) -> list[Row]:
    """The same by the batch."""
    ids = [str(number) for number in range(len(heatmaps))]
    table = boxes_from_heatmaps(
        heatmaps,
        image_ids=ids,
        findings=CHESTXRAY8,
        image_size=IMAGE_SIDE,
        options=BoxOptions(workers=workers),
    )
    finding = {name: number for number, name in enumerate(CHESTXRAY8)}
    return [
        (int(image), finding[name], *numbers)
        for image, name, *numbers in zip(
            *(table[column].to_pylist() for column in BOXES.columns[:7]), strict=True
        )
    ]


def images_per_second(
    ways: Sequence[Callable[[], object]], images: int, repeats: int
) -> list[float]:
    """The best of several rounds of all ways: what else the machine does only slows."""
    best = [float("inf")] * len(ways)
    for _ in range(repeats):
        for number, way in enumerate(ways):
            start = time.perf_counter()
            way()
            best[number] = min(best[number], time.perf_counter() - start)
    return [images / seconds for seconds in best]


def images_per_cpu_second(way: Callable[[], object], images: int, repeats: int) -> float:
    """The best of several rounds by this process's own time: what one core does, however busy."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        way()
        best = min(best, time.process_time() - start)
    return images / best


def measure(side: int, images: int, repeats: int) -> list[str]:
    """A row of the table. SystemExit when the two ways disagree."""
    heatmaps = make_heatmaps(images, side)
    ids = [str(number) for number in range(images)]
    looped = draw_by_loop(heatmaps)
    if not np.allclose(looped, draw_by_batch(heatmaps, 1)):
        raise SystemExit(f"S = {side}: the batch draws other boxes than the loop")

    def batch(workers: int) -> Callable[[], object]:
        options = BoxOptions(workers=workers)
        return lambda: boxes_from_heatmaps(
            heatmaps,
            image_ids=ids,
            findings=CHESTXRAY8,
            image_size=IMAGE_SIDE,
            options=options,
        )

    ways = [lambda: draw_by_loop(heatmaps), batch(1), batch(2)]
    loop, one, two = images_per_second(ways, images, repeats)
    own = images_per_cpu_second(ways[1], images, repeats)
    return [
        f"S = {side}",
        f"{len(looped) / images / len(CHESTXRAY8):.1f}",
        *(f"{rate:.0f}" for rate in (loop, one, two, own)),
        f"{max(one, two) / loop:.1f}",
        f"{max(one, two, own) / TARGET:.2f}",
    ]


def main() -> None:
    """Prints images per second of both ways, their ratio, and the ratio to the target."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    header = [
        "maps",
        "boxes/map",
        "loop",
        "batch",
        "2 threads",
        "per CPU s",
        "batch/loop",
        f"/{TARGET}",
    ]
    rows = [measure(side, arguments.images, arguments.repeats) for side in MAP_SIDES]
    notes = (
        "images per second, eight findings, thresholds 60 and 180; equal boxes checked",
        "per CPU s: the batch on one core, by the time that it was given",
    )
    print_figures([Figures("Boxes from heatmaps", header, rows, notes)])


if __name__ == "__main__":
    main()
