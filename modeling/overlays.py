"""Pictures of what a network sees: heat in colour over the image, predicted and true boxes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from modeling.cells import place_evenly
from modeling.heatmaps import normalise
from modeling.image_reading import read_image

# Left, top, width, height in pixels of the original image.
Place = Sequence[float]
# Where the cells of a heatmap lie, as shares of the image's side; None: in even parts.
Centres = Sequence[float] | None

PREDICTED, TRUE = "#ffb000", "#36d6ff"  # told apart without seeing colour by the dashes as well
# Dark violet over red to pale yellow: lightness rises all the way, as in matplotlib's inferno.
_COLOURS = (
    (22, 11, 57),
    (87, 16, 110),
    (154, 39, 101),
    (213, 72, 66),
    (245, 125, 21),
    (252, 230, 120),
)
_MOST_OPAQUE = 0.62
_FINE = 96  # cells a side that a map is brought to where its own do not lie evenly
_FAINT = 40  # of 255: what is below shows the bare image


def palette() -> npt.NDArray[np.uint8]:
    """Red, green, blue and opacity of the heats 0 … 255: (256, 4)."""
    stops = np.linspace(0, 255, len(_COLOURS))
    heat = np.arange(256)
    colours = [np.interp(heat, stops, channel) for channel in zip(*_COLOURS, strict=True)]
    rise = np.clip((heat - _FAINT) / (160 - _FAINT), 0, 1)
    table = np.stack([*colours, 255 * _MOST_OPAQUE * rise], axis=1)
    rounded: npt.NDArray[np.uint8] = np.rint(table).astype(np.uint8)
    return rounded


def heat_layer(
    heatmap: npt.NDArray[Any], size: tuple[int, int], centres: Centres = None
) -> Image.Image:
    """The heat as a transparent layer (mode RGBA) of this width and height.

    The map is taken to 0 … 255 by its least and largest value, as for boxes, after it has been
    up-sampled. `centres` as for `boxes_from_heatmap`.
    """
    smooth = Image.fromarray(place_evenly(heatmap, centres, _FINE)).resize(
        size, Image.Resampling.BILINEAR
    )
    return Image.fromarray(palette()[normalise(np.asarray(smooth))])


def heat_png(heatmap: npt.NDArray[Any], side: int = 96, *, centres: Centres = None) -> bytes:
    """The heat as a small PNG with a palette, for a page that scales it: 2 to 5 KB."""
    smooth = Image.fromarray(place_evenly(heatmap, centres, _FINE)).resize(
        (side, side), Image.Resampling.BILINEAR
    )
    colours = palette()
    # Steps of four: nobody sees them, and the file is half as long.
    picture = Image.fromarray(normalise(np.asarray(smooth)) & 0xFC, "P")
    picture.putpalette(colours[:, :3].tobytes())
    stream = io.BytesIO()
    picture.save(stream, "PNG", transparency=colours[:, 3].tobytes(), optimize=True)
    return stream.getvalue()


def hatch_png(blocked: npt.NDArray[np.bool_], side: int = 96, *, centres: Centres = None) -> bytes:
    """The blocked cells (S, S) as a small PNG: dark with light stripes, the rest transparent."""
    placed = place_evenly(blocked.astype(np.float32), centres, _FINE)
    shown = np.asarray(Image.fromarray(placed).resize((side, side), Image.Resampling.NEAREST))
    y, x = np.indices((side, side))
    levels = np.where(shown >= 0.5, 1 + ((x + y) % 8 < 3), 0).astype(np.uint8)
    picture = Image.fromarray(levels, "P")
    picture.putpalette([0, 0, 0, 8, 12, 16, 190, 205, 220])
    stream = io.BytesIO()
    picture.save(stream, "PNG", transparency=bytes([0, 150, 130]), optimize=True)
    return stream.getvalue()


def draw_overlay(
    image: Image.Image,
    *,
    heatmap: npt.NDArray[Any] | None = None,
    boxes: Sequence[Place] = (),
    truth: Sequence[Place] = (),
    original: tuple[int, int] | None = None,
    side: int = 768,
    centres: Centres = None,
) -> Image.Image:
    """The image (mode RGB, its longer side `side`) with heat, predicted and true boxes.

    Boxes are in pixels of the original, whose width and height are `original` (default: the
    image's). Predicted ones are solid, true ones dashed.
    """
    width, height = original or image.size
    scale = side / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = image.convert("L").resize(size, Image.Resampling.LANCZOS).convert("RGBA")
    if heatmap is not None:
        picture = Image.alpha_composite(picture, heat_layer(heatmap, size, centres))
    pen = ImageDraw.Draw(picture)
    line = max(2, side // 256)
    for place in truth:
        _dashed(pen, _corners(place, scale), TRUE, line)
    for place in boxes:
        pen.rectangle(_corners(place, scale), outline=PREDICTED, width=line)
    return picture.convert("RGB")


def overlay_file(path: str | Path, out: str | Path, **parts: Any) -> None:
    """Writes the overlay of an image file as PNG; `parts` as for `draw_overlay`.

    ImageError when the file is no readable image.
    """
    draw_overlay(read_image(path).image, **parts).save(out, "PNG")


def _corners(place: Place, scale: float) -> tuple[float, float, float, float]:
    x, y, w, h = place[:4]
    return x * scale, y * scale, (x + w) * scale, (y + h) * scale


def _dashed(
    pen: ImageDraw.ImageDraw, edges: tuple[float, float, float, float], colour: str, line: int
) -> None:
    left, top, right, bottom = edges
    dash = 4.0 * line
    for y in (top, bottom):
        for x in np.arange(left, right, 2 * dash):
            pen.line((x, y, min(x + dash, right), y), fill=colour, width=line)
    for x in (left, right):
        for y in np.arange(top, bottom, 2 * dash):
            pen.line((x, y, x, min(y + dash, bottom)), fill=colour, width=line)
