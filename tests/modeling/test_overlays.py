"""Overlays: heat that never hides cold places, boxes where they belong."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from modeling.image_reading import ImageError
from modeling.overlays import (
    PREDICTED,
    TRUE,
    draw_overlay,
    heat_layer,
    heat_png,
    overlay_file,
    palette,
)

GREY = Image.new("L", (100, 50), 90)


def heat() -> np.ndarray:
    values = np.zeros((4, 4), np.float32)
    values[1, 2] = 3
    return values


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[place : place + 2], 16) for place in (1, 3, 5))


def test_hotter_is_lighter_and_no_less_opaque() -> None:
    colours = palette().astype(float)
    lightness = colours[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) >= -1).all() and lightness[-1] > lightness[0] + 150
    assert (np.diff(colours[:, 3]) >= 0).all()


def test_cold_places_show_the_bare_image() -> None:
    picture = np.asarray(draw_overlay(GREY, heatmap=heat(), side=100))
    assert (picture[-1, 0] == 90).all()
    assert (picture[18, 62] != 90).any()


def test_the_layer_is_as_large_as_the_image_and_hottest_where_the_map_is() -> None:
    layer = np.asarray(heat_layer(heat(), (80, 40)))
    assert layer.shape == (40, 80, 4)
    row, column = np.unravel_index(layer[..., 3].argmax(), (40, 80))
    assert (row // 10, column // 20) == (1, 2)


def test_the_small_png_shows_the_same_heat() -> None:
    small = Image.open(io.BytesIO(heat_png(heat(), 40))).convert("RGBA")
    large = heat_layer(heat(), (40, 40))
    difference = np.asarray(small).astype(int) - np.asarray(large)
    assert np.abs(difference[..., 3]).max() <= 8  # steps of four
    assert len(heat_png(heat())) < 8000


def test_a_constant_map_is_no_heat() -> None:
    assert not np.asarray(heat_layer(np.ones((4, 4)), (8, 8)))[..., 3].any()


def test_boxes_are_drawn_in_pixels_of_the_original() -> None:
    picture = np.asarray(
        draw_overlay(GREY, boxes=[(250, 125, 500, 250)], original=(1000, 500), side=400)
    )
    assert picture.shape == (200, 400, 3)
    edges = (picture == rgb(PREDICTED)).all(2)
    rows, columns = np.nonzero(edges)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (50, 150, 100, 300)
    assert not edges[60:140, 110:290].any()


def test_true_boxes_are_dashed() -> None:
    picture = np.asarray(draw_overlay(GREY, truth=[(10, 10, 80, 30)], side=400))
    upper = (picture[40, 40:360] == rgb(TRUE)).all(1)
    assert upper.any() and not upper.all()


def test_an_overlay_is_a_png_file(tmp_path: Path) -> None:
    GREY.save(tmp_path / "in.png")
    overlay_file(tmp_path / "in.png", tmp_path / "out.png", heatmap=heat(), side=64)
    with Image.open(tmp_path / "out.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (64, 32))


def test_a_file_that_is_no_image_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="missing file"):
        overlay_file(tmp_path / "none.png", tmp_path / "out.png")
