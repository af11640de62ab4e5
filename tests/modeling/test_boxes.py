"""Boxes from heatmaps: the paper's method, its batch, and what goes beyond it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from data_contracts import BOXES, check_rows
from modeling.box_options import (
    BoxOptionError,
    BoxOptions,
    merge_scales,
    position_prior,
    resize,
    thorax_prior,
    upsampling_matrix,
)
from modeling.box_regions import find_regions
from modeling.boxes import HeatmapError, boxes_from_heatmap, boxes_from_heatmaps, peak_points
from tests.modeling.box_cases import boxes

MASKS = arrays(np.bool_, st.tuples(*[st.integers(1, 7)] * 3))
HEAT = arrays(
    np.float32,
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.just(5), st.just(5)),
    elements=st.integers(-8, 8).map(float),
)


def blob(size: int, *cells: tuple[slice, slice, float]) -> np.ndarray:
    heat = np.zeros((size, size), np.float32)
    for rows, columns, value in cells:
        heat[rows, columns] = value
    return heat


def labelled(mask: np.ndarray, heat: np.ndarray, connectivity: int) -> list[tuple[float, ...]]:
    """The same regions by scipy.ndimage.label, map by map."""
    found = []
    for number, (cells, values) in enumerate(zip(mask, heat, strict=True)):
        structure = np.ones((3, 3)) if connectivity == 8 else None
        labels, _ = ndimage.label(cells, structure)
        for label, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
            own = labels == label
            extent = (columns.start, rows.start, columns.stop, rows.stop)
            found.append((number, *extent, own.sum(), values[own].max(), values[own].mean()))
    return found


@pytest.mark.parametrize("connectivity", [4, 8])
@given(mask=MASKS, seed=st.integers(0, 99))
def test_regions_are_those_of_ndimage_label(mask: np.ndarray, seed: int, connectivity: int) -> None:
    heat = np.random.default_rng(seed).random(mask.shape).astype(np.float32)
    values, cuts = mask.astype(np.float32), np.full(len(mask), 0.5)
    peak = find_regions(values, cuts, heat=heat, connectivity=connectivity)
    mean = find_regions(values, cuts, heat=heat, connectivity=connectivity, statistic="mean")
    found = list(
        zip(
            *(getattr(peak, name) for name in ("map", "x0", "y0", "x1", "y1", "cells", "heat")),
            mean.heat,
            strict=True,
        )
    )
    expected = labelled(mask, heat, connectivity)
    assert len(found) == len(expected)
    assert np.allclose(np.reshape(found, (-1, 8)), np.reshape(expected, (-1, 8)))


@given(heat=HEAT, workers=st.integers(1, 3))
def test_batch_gives_what_each_map_gives_alone(heat: np.ndarray, workers: int) -> None:
    images, findings = heat.shape[:2]
    table = boxes_from_heatmaps(
        heat,
        image_ids=[f"i{n}" for n in range(images)],
        findings=[f"f{n}" for n in range(findings)],
        image_size=(640, 480),
        options=BoxOptions(grid=20, workers=workers),
    )
    alone = [
        (f"i{i}", f"f{f}", *box[:5])
        for i in range(images)
        for f in range(findings)
        for box in boxes_from_heatmap(
            heat[i, f], image_size=(640, 480), options=BoxOptions(grid=20)
        )
    ]
    columns = (table[name].to_pylist() for name in BOXES.columns[:7])
    assert list(zip(*columns, strict=True)) == alone


@given(heat=HEAT)
def test_boxes_keep_their_contract_and_lie_in_the_image(heat: np.ndarray) -> None:
    ids = [str(n) for n in range(heat.shape[0])]
    names = [f"f{n}" for n in range(heat.shape[1])]
    table = boxes_from_heatmaps(heat, image_ids=ids, findings=names, image_size=(300, 200))
    assert check_rows(table, BOXES, stage="test").rejects.num_rows == 0
    right = table["x"].to_numpy() + table["w"].to_numpy()
    lower = table["y"].to_numpy() + table["h"].to_numpy()
    assert (right <= 300 + 1e-9).all() and (lower <= 200 + 1e-9).all()


@given(heat=HEAT, factor=st.integers(1, 9), offset=st.integers(-5, 5))
def test_boxes_do_not_depend_on_scale_and_offset_of_the_heat(
    heat: np.ndarray, factor: int, offset: int
) -> None:
    options = BoxOptions(grid=20)  # small denominators: no value lies within rounding of a cut
    one, other = (
        [
            (*map(round, box[:4]), box.threshold)
            for box in boxes_from_heatmap(h, image_size=1000, options=options)
        ]
        for h in (heat[0, 0], heat[0, 0] * factor * 0.5 + offset)
    )
    assert one == other


def test_each_isolated_region_has_a_box_at_each_threshold() -> None:
    heat = blob(32, (slice(4, 8), slice(4, 8), 1.0), (slice(20, 24), slice(16, 28), 0.5))
    found = boxes_from_heatmap(heat, image_size=1024)
    assert [box.threshold for box in found] == [60, 60, 180]
    strong, weak, strongest = found
    # Cells are 32 pixels; a cut at 60/255 lies a quarter of a cell outside, at 180/255 inside.
    assert np.allclose(strong[:4], (128, 128, 128, 128), atol=22)
    assert np.allclose(weak[:4], (512, 640, 384, 128), atol=22)
    assert strongest.w < 128 < strong.w
    assert (strong.score, weak.score) == (1.0, 0.5)


def test_finer_grids_come_near_the_exact_box() -> None:
    heat = blob(8, (slice(2, 5), slice(3, 6), 1.0))
    exact = boxes_from_heatmap(heat, image_size=1024, options=BoxOptions(grid=1024))
    coarse = boxes_from_heatmap(heat, image_size=1024)
    assert len(exact) == len(coarse) == 2
    assert np.abs(np.array(exact)[:, :4] - np.array(coarse)[:, :4]).max() <= 2 * 1024 / 96


def test_upsampling_is_torch_bilinear() -> None:
    torch = pytest.importorskip("torch")
    maps = np.random.default_rng(0).random((2, 3, 7, 5)).astype(np.float32)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(maps), (21, 16), mode="bilinear", align_corners=False
    )
    assert np.allclose(resize(maps, (21, 16)), expected.numpy(), atol=1e-6)


def test_tensor_gives_the_boxes_of_the_array() -> None:
    torch = pytest.importorskip("torch")
    heat = np.random.default_rng(1).random((8, 8)).astype(np.float32)
    tensor = torch.from_numpy(heat).requires_grad_()
    assert boxes_from_heatmap(tensor, image_size=512) == boxes_from_heatmap(heat, image_size=512)


@pytest.mark.parametrize("value", [0.0, 3.7, -1e9])
def test_constant_map_has_no_box(value: float) -> None:
    assert boxes_from_heatmap(np.full((16, 16), value), image_size=1024) == []


def test_no_images_give_an_empty_table() -> None:
    table = boxes_from_heatmaps(
        np.zeros((0, 2, 4, 4)), image_ids=[], findings=["Mass", "Nodule"], image_size=8
    )
    assert table.num_rows == 0 and table.schema == BOXES.schema


def test_each_image_has_its_own_size() -> None:
    heat = np.tile(blob(4, (slice(0, 4), slice(2, 4), 1.0)), (2, 1, 1, 1))
    table = boxes_from_heatmaps(
        heat,
        image_ids=["a", "b"],
        findings=["Mass"],
        image_size=[(100, 50), (200, 500)],
        options=BoxOptions(thresholds=(180,)),
    )
    assert table["h"].to_pylist() == [50, 500]
    assert table["x"].to_pylist()[1] == 2 * table["x"].to_pylist()[0]


@pytest.mark.parametrize(
    ("heat", "size", "word"),
    [
        (np.zeros((2, 2, 2)), 10, "boxes_from_heatmaps"),
        (np.array([[0, np.nan]]), 10, "finite"),
        (np.eye(3), 0, "above 0"),
        (np.eye(3), (1, 2, 3), "width"),
    ],
)
def test_error_says_what_was_expected(heat: np.ndarray, size: object, word: str) -> None:
    with pytest.raises(HeatmapError, match=word):
        boxes_from_heatmap(heat, image_size=size)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [
        {"thresholds": ()},
        {"thresholds": (256,)},
        {"finding_thresholds": {"Mass": (-1,)}},
        {"connectivity": 6},
        {"score": "sum"},
        {"min_area": 0.5, "max_area": 0.2},
        {"nms": 2},
        {"most": 0},
    ],
    ids=str,
)
def test_option_out_of_range_is_named(options: dict[str, object]) -> None:
    with pytest.raises(BoxOptionError, match=next(iter(options))):
        BoxOptions(**options)  # type: ignore[arg-type]


def draw(heat: np.ndarray, **options: object) -> list[tuple[float, ...]]:
    return boxes_from_heatmap(
        heat,
        image_size=320,
        thresholds=options.pop("thresholds", (60,)),  # type: ignore[arg-type]
        options=BoxOptions(grid=32, **options),  # type: ignore[arg-type]
    )


TWO = blob(32, (slice(0, 16), slice(0, 16), 1.0), (slice(24, 28), slice(24, 28), 0.9))


def test_thresholds_come_from_the_options_unless_given_beside_them() -> None:
    options = BoxOptions(thresholds=(100,))
    by_option = boxes_from_heatmap(TWO, image_size=320, options=options)
    given = boxes_from_heatmap(TWO, image_size=320, thresholds=(200,), options=options)
    assert {box.threshold for box in by_option} == {100}
    assert {box.threshold for box in given} == {200}


def test_area_limits_leave_boxes_of_the_right_size() -> None:
    assert [box[2] for box in draw(TWO)] == [160, 40]
    assert [box[2] for box in draw(TWO, min_area=0.1)] == [160]
    assert [box[2] for box in draw(TWO, max_area=0.1)] == [40]


def test_most_keeps_the_best_scores() -> None:
    assert [round(box[4], 1) for box in draw(TWO, most=1)] == [1.0]


def test_suppression_drops_the_lesser_of_two_that_overlap() -> None:
    both = draw(TWO, thresholds=(60, 180))
    assert len(both) == 4
    assert len(draw(TWO, thresholds=(60, 180), nms=0.5)) == 2


def test_findings_may_have_thresholds_of_their_own() -> None:
    heat = np.tile(TWO, (1, 2, 1, 1))
    options = BoxOptions(grid=32, finding_thresholds={"Nodule": (240,)})
    table = boxes_from_heatmaps(
        heat, image_ids=["a"], findings=["Mass", "Nodule"], image_size=320, options=options
    )
    assert table["finding"].to_pylist() == ["Mass"] * 4 + ["Nodule"]


def test_mean_score_is_the_mean_of_the_region() -> None:
    heat = blob(32, (slice(0, 1), slice(0, 2), 1.0), (slice(0, 1), slice(0, 1), 0.5))
    assert [box[4] for box in draw(heat, score="mean")] == [0.75]


def test_prior_draws_boxes_to_where_the_finding_lies() -> None:
    heat = blob(32, (slice(4, 8), slice(4, 8), 1.0), (slice(24, 28), slice(24, 28), 0.9))
    truth = boxes(("a", "Mass", 230, 230, 60, 60), ("b", "Nodule", 0, 0, 100, 100))
    prior = position_prior(truth, image_size=(320, 320))
    table = boxes_from_heatmaps(
        heat[None, None],
        image_ids=["a"],
        findings=["Mass"],
        image_size=320,
        options=BoxOptions(grid=32, priors=prior),
    )
    assert table.num_rows == 2 and min(table["x"].to_pylist()) >= 230
    assert table["score"].to_pylist() == pytest.approx([0.9, 0.9])  # of the raw heat


def test_position_prior_is_the_share_of_boxes_over_a_cell() -> None:
    truth = boxes(
        ("a", "Mass", 0, 0, 50, 100), ("b", "Mass", 0, 0, 50, 50), ("c", "Nodule", 50, 50, 50, 50)
    )
    prior = position_prior(truth, image_size=(100, 100), size=2, floor=0.0)
    assert prior["Mass"].tolist() == [[1.0, 0.0], [0.5, 0.0]]
    pooled = position_prior(truth, image_size=(100, 100), size=2, floor=0.0, pooled=True)
    assert pooled["Mass"].tolist() == pooled["Nodule"].tolist() == [[1.0, 0.0], [0.5, 0.5]]


def test_merged_scales_keep_what_both_see() -> None:
    fine = blob(8, (slice(0, 2), slice(0, 2), 1.0), (slice(6, 8), slice(6, 8), 1.0))[None, None]
    coarse = blob(4, (slice(0, 1), slice(0, 1), 3.0))[None, None]
    merged = merge_scales([fine, coarse])[0, 0]
    assert merged.shape == (8, 8)
    assert merged[0, 0] == merged.max() == pytest.approx(2.0)  # mean of the ranges 1 and 3
    assert merged[7, 7] == pytest.approx(1.0)


@given(size=st.integers(1, 9), grid=st.integers(1, 40))
def test_upsampling_weighs_to_one(size: int, grid: int) -> None:
    matrix = upsampling_matrix(size, grid)
    assert np.allclose(matrix.sum(1), 1, atol=1e-6) and (matrix >= 0).all()


def test_peak_is_the_centre_of_the_hottest_cell() -> None:
    heat = blob(4, (slice(1, 2), slice(3, 4), 1.0))[None, None]
    assert peak_points(heat, image_size=(400, 200)).tolist() == [[[350, 75]]]


def test_thorax_prior_is_high_over_lungs_and_heart_and_low_at_the_margin() -> None:
    prior = thorax_prior(64, floor=0.2)
    assert prior.min() == np.float32(0.2) and prior.max() == 1
    assert (prior[28, [18, 45]] == 1).all() and prior[40, 34] == 1
    assert (prior[[0, 0, 63, 63], [0, 63, 0, 63]] == np.float32(0.2)).all()
    assert (np.abs(np.diff(prior, axis=1)) < 0.2).all()


def test_thorax_prior_keeps_boxes_off_a_corner_that_is_hotter_than_the_lungs() -> None:
    heat = np.zeros((1, 1, 16, 16))
    heat[0, 0, :2, :2], heat[0, 0, 7:9, 4:6] = 1.0, 0.6
    drawn = [
        boxes_from_heatmaps(
            heat, image_ids=["a"], findings=["Mass"], image_size=160,
            options=BoxOptions(thresholds=(180.0,), priors=priors),
        )
        for priors in ({}, {"Mass": thorax_prior()})
    ]  # fmt: skip
    assert [table["y"][0].as_py() < 20 for table in drawn] == [True, False]
    assert [table.num_rows for table in drawn] == [1, 1]
