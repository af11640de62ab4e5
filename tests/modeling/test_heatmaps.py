"""Heatmaps: the transition's activations times the weights, in one pass, kept whole on disk."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from modeling.choices import UnknownChoiceError
from modeling.heatmaps import (
    HeatmapFileError,
    Heatmaps,
    HeatmapWriter,
    load_heatmaps,
    normalise,
    predict_batch,
    save_heatmaps,
    upsample,
)
from tests.modeling.sight import small_network


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randint(0, 256, (3, 1, 64, 64), dtype=torch.uint8, generator=_generator())


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def some(count: int = 3) -> Heatmaps:
    values = np.random.default_rng(0).random((count, 2, 4, 4), np.float32)
    ids = tuple(f"{n}.png" for n in range(count))
    return Heatmaps(values, ids, ("Mass", "Nodule"), "cam", "abc")


def test_a_heatmap_is_activations_times_weights(images: torch.Tensor) -> None:
    network = small_network()
    with torch.no_grad():
        acts = network(images, features=True).features
    expected = torch.einsum("ndij,cd->ncij", acts, network.prediction.weight.detach())
    torch.testing.assert_close(predict_batch(network, images)[1], expected)


def test_all_findings_come_from_one_pass(images: torch.Tensor) -> None:
    network, passes = small_network(), []
    network.backbone.register_forward_hook(lambda *_: passes.append(1))
    logits, maps = predict_batch(network, images)
    assert (len(passes), logits.shape, maps.shape) == (1, (3, 8), (3, 8, 2, 2))


def test_a_batch_gives_what_its_images_give_alone(images: torch.Tensor) -> None:
    network = small_network()
    alone = torch.cat([predict_batch(network, image[None])[1] for image in images])
    torch.testing.assert_close(predict_batch(network, images)[1], alone, rtol=1e-4, atol=1e-6)


def test_another_method_is_refused(images: torch.Tensor) -> None:
    with pytest.raises(UnknownChoiceError, match="gradcam"):
        predict_batch(small_network(), images, method="scorecam")


def test_upsampling_stays_in_the_range_and_keeps_the_place_of_the_peak() -> None:
    maps = torch.zeros(1, 1, 4, 4)
    maps[0, 0, 1, 2] = 5
    large = upsample(maps, 64)[0, 0]
    row, column = divmod(int(large.argmax()), 64)
    assert (row // 16, column // 16) == (1, 2)
    assert large.min() >= 0 and 4.5 < large.max() <= 5


def test_a_constant_map_has_no_heat() -> None:
    assert not normalise(np.full((3, 3), 7.0)).any()


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    heatmaps = some()
    save_heatmaps(heatmaps, tmp_path)
    found = load_heatmaps(tmp_path)
    np.testing.assert_array_equal(found.values, heatmaps.values)
    assert (found.image_ids, found.findings) == (heatmaps.image_ids, heatmaps.findings)
    assert (found.method, found.checkpoint_id) == ("cam", "abc")


def test_heatmaps_of_no_image_are_heatmaps(tmp_path: Path) -> None:
    save_heatmaps(some(0), tmp_path)
    assert load_heatmaps(tmp_path).image_ids == ()


def test_a_map_is_found_by_image_and_finding() -> None:
    heatmaps = some()
    np.testing.assert_array_equal(heatmaps.of("2.png", "Nodule"), heatmaps.values[2, 1])
    assert heatmaps.of("2.png", "Hernia") is None
    assert heatmaps.of("9.png", "Mass") is None


def test_fewer_maps_than_announced_are_an_error(tmp_path: Path) -> None:
    with (
        pytest.raises(HeatmapFileError, match="1 images, expected those of 2"),
        HeatmapWriter(tmp_path, "ab", ["Mass"], method="cam", checkpoint_id="c") as writer,
    ):
        writer.write(torch.zeros(1, 1, 2, 2))
    with pytest.raises(HeatmapFileError, match="no readable heatmaps"):
        load_heatmaps(tmp_path)


def test_what_a_killed_run_leaves_cannot_be_loaded(tmp_path: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        HeatmapWriter(tmp_path, "ab", ["Mass"], method="cam", checkpoint_id="c") as writer,
    ):
        writer.write(torch.zeros(1, 1, 2, 2))
        raise KeyboardInterrupt
    with pytest.raises(HeatmapFileError):
        load_heatmaps(tmp_path)


def test_maps_of_other_images_are_refused(tmp_path: Path) -> None:
    save_heatmaps(some(), tmp_path)
    facts = json.loads((tmp_path / "heatmaps.json").read_text())
    facts["image_ids"].pop()
    (tmp_path / "heatmaps.json").write_text(json.dumps(facts))
    with pytest.raises(HeatmapFileError, match=r"\(3, 2, 4, 4\)"):
        load_heatmaps(tmp_path)
