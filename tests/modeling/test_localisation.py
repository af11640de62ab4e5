"""From a checkpoint and images to predictions, heatmaps and boxes."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import torch

from data_contracts import BOXES, CHESTXRAY8, IMAGES, PREDICTIONS, check_rows, read_table
from modeling.boxes import boxes_from_heatmaps
from modeling.checkpoints import CheckpointError, load_network
from modeling.heatmaps import Heatmaps
from modeling.localisation import (
    LocalisationError,
    draw_boxes,
    look_at,
    pick_device,
    rows_of,
    with_original_size,
)
from modeling.pixel_cache import build_cache
from tests.modeling.sight import small_checkpoint, small_phantoms

IDS = ("a.png", "b.png", "c.png")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    return read_table(small_phantoms(tmp_path_factory.mktemp("phantoms") / "set").images, IMAGES)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint") / "one"
    small_checkpoint(folder)
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def blobs() -> tuple[Heatmaps, pa.Table]:
    """Three images of 100 × 50 pixels, two findings; a hot cell each."""
    values = np.random.default_rng(0).random((3, 2, 4, 4), np.float32) * 0.1
    for n in range(3):
        values[n, 0, n, 1] = values[n, 1, 2, n] = 1
    rows = [{"image_id": key, "path": key, "width": 100, "height": 50} for key in IDS]
    table = pa.Table.from_pylist(rows, schema=IMAGES.schema)
    return Heatmaps(values, IDS, ("Mass", "Nodule"), "cam", "abc"), table


def test_scores_and_heatmaps_are_the_networks(
    images: pa.Table, checkpoint: Path, tmp_path: Path, cache: Path
) -> None:
    sight = look_at(checkpoint, images, tmp_path / "out", cache=cache, batch=4)
    network, card = load_network(checkpoint)
    pixels = build_cache(images, size=64, root=cache)
    with torch.inference_mode():
        output = network(torch.from_numpy(pixels.read(range(len(pixels)))).unsqueeze(1))
    np.testing.assert_allclose(sight.heatmaps.values, output.heatmaps, rtol=1e-4, atol=1e-6)
    scores = np.array(sight.predictions["score"].to_pylist()).reshape(-1, 8)
    np.testing.assert_allclose(scores, torch.sigmoid(output.logits), rtol=1e-5)
    assert set(sight.predictions["checkpoint_id"].to_pylist()) == {card.checkpoint_id}
    assert not check_rows(sight.predictions, PREDICTIONS, stage="test").rejects.num_rows


@pytest.mark.parametrize("method", ["cam", "gradcam++"])
def test_images_at_a_time_change_nothing(
    images: pa.Table, checkpoint: Path, tmp_path: Path, cache: Path, method: str
) -> None:
    if method == "gradcam++":
        pytest.importorskip("captum")
    one = look_at(checkpoint, images, tmp_path / "1", cache=cache, batch=1, method=method)
    all_ = look_at(checkpoint, images, tmp_path / "6", cache=cache, batch=6, method=method)
    np.testing.assert_allclose(one.heatmaps.values, all_.heatmaps.values, rtol=1e-3, atol=1e-6)


def test_an_unreadable_image_is_a_reject_and_the_others_are_seen(
    images: pa.Table, checkpoint: Path, tmp_path: Path, cache: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    row = {"image_id": "broken.png", "path": str(broken), "width": 64, "height": 64}
    table = pa.concat_tables([images, pa.Table.from_pylist([row], schema=IMAGES.schema)])
    sight = look_at(checkpoint, table, tmp_path / "out", cache=cache)
    assert sight.rejects["key"].to_pylist() == ["broken.png"]
    assert sight.heatmaps.image_ids == tuple(images["image_id"].to_pylist())
    assert sight.predictions.num_rows == images.num_rows * 8


def test_progress_is_told(images: pa.Table, checkpoint: Path, tmp_path: Path, cache: Path) -> None:
    told: list[tuple[int, int]] = []
    look_at(
        checkpoint, images, tmp_path / "out", cache=cache, batch=4,
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert told == [(4, 6), (6, 6)]


def test_no_checkpoint_is_told_before_anything_is_written(images: pa.Table, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        look_at(tmp_path / "none", images, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_boxes_are_those_of_the_heatmaps() -> None:
    heatmaps, images = blobs()
    drawn = draw_boxes(heatmaps, images)
    expected = boxes_from_heatmaps(
        heatmaps.values, image_ids=IDS, findings=["Mass", "Nodule"], image_size=(100, 50),
        source="abc",
    )  # fmt: skip
    assert drawn.equals(expected)
    assert not check_rows(drawn, BOXES, stage="test").rejects.num_rows


def test_only_wanted_rows_get_boxes() -> None:
    heatmaps, images = blobs()
    whole = draw_boxes(heatmaps, images)
    drawn = draw_boxes(heatmaps, images, rows={"a.png", ("c.png", "Nodule")})
    assert rows_of(drawn) == {("a.png", "Mass"), ("a.png", "Nodule"), ("c.png", "Nodule")}
    kept = [row for row in whole.to_pylist() if (row["image_id"], row["finding"]) in rows_of(drawn)]
    assert drawn.to_pylist() == kept


def test_findings_that_score_little_get_no_box() -> None:
    heatmaps, images = blobs()
    rows = [
        {"image_id": key, "finding": finding, "score": score, "checkpoint_id": "abc"}
        for key in IDS
        for finding, score in (("Mass", 0.5), ("Nodule", 0.49))
    ]
    predictions = pa.Table.from_pylist(rows, schema=PREDICTIONS.schema)
    drawn = draw_boxes(heatmaps, images, min_score=0.5, predictions=predictions)
    assert rows_of(drawn) == {(key, "Mass") for key in IDS}


def test_a_least_score_needs_scores() -> None:
    with pytest.raises(LocalisationError, match="predictions"):
        draw_boxes(*blobs(), min_score=0.1)


def test_boxes_are_in_pixels_of_the_original() -> None:
    heatmaps, images = blobs()
    small = draw_boxes(heatmaps, images)
    large = draw_boxes(heatmaps, with_original_size(images, (1000, 500)))
    for name in "xywh":
        np.testing.assert_allclose(large[name].to_numpy(), 10 * small[name].to_numpy())


def test_the_order_of_the_images_table_does_not_matter() -> None:
    heatmaps, images = blobs()
    images = with_original_size(images, (100, 100))
    assert draw_boxes(heatmaps, images.take([2, 0, 1])).equals(draw_boxes(heatmaps, images))


def test_an_image_without_a_row_is_told() -> None:
    heatmaps, images = blobs()
    with pytest.raises(LocalisationError, match=r"'c\.png'"):
        draw_boxes(heatmaps, images.slice(0, 2))


def test_an_image_without_a_size_is_told() -> None:
    heatmaps, images = blobs()
    place = images.schema.get_field_index("width")
    column = pc.if_else(pc.equal(images["image_id"], "b.png"), None, images["width"])
    images = images.set_column(place, images.schema.field(place), column)
    with pytest.raises(LocalisationError, match=r"'b\.png' without width"):
        draw_boxes(heatmaps, images)


@pytest.mark.parametrize("name", ["tpux", "cuda:99"])
def test_a_device_that_is_not_there_is_told(name: str) -> None:
    with pytest.raises(LocalisationError, match=r"device|GPU"):
        pick_device(name)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_sees_and_draws_what_the_cpu_does(
    images: pa.Table, checkpoint: Path, tmp_path: Path, cache: Path
) -> None:
    sights = [
        look_at(checkpoint, images, tmp_path / name, cache=cache, device=name)
        for name in ("cpu", "cuda")
    ]
    np.testing.assert_allclose(
        sights[1].heatmaps.values, sights[0].heatmaps.values, rtol=2e-2, atol=1e-3
    )
    drawn = [draw_boxes(sights[0].heatmaps, images, device=name) for name in ("cpu", "cuda")]
    for name in "xywh":
        np.testing.assert_allclose(drawn[0][name], drawn[1][name], atol=1)
    assert len(sights[0].heatmaps.findings) == len(CHESTXRAY8)
