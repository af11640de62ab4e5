"""Prediction for single images: the scores of the data set's road, boxes inside, a picture."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from modeling.checkpoints import (
    Card,
    CheckpointError,
    load_network,
    network_of,
    save_checkpoint,
)
from modeling.code_version import code_version
from modeling.image_reading import ImageError
from modeling.prediction import predict_images, write_overlay
from tests.modeling.small import FINDINGS, small_preset


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    network = network_of(small_preset(), FINDINGS).eval()
    with torch.no_grad():
        network.prediction.bias.copy_(torch.tensor([3.0, 0.0, -3.0]))
    card = Card(FINDINGS, small_preset().to_json(), 1, 0.1, {"labels": "aa"}, code_version())
    save_checkpoint(tmp_path / "checkpoint", network.state_dict(), card)
    return tmp_path / "checkpoint"


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    random = np.random.default_rng(0)
    paths = []
    for n, size in enumerate([(64, 64), (128, 128), (90, 70)]):
        paths.append(tmp_path / f"picture{n}.png")
        Image.fromarray(random.integers(0, 255, size[::-1], dtype=np.uint8)).save(paths[-1])
    return paths


def test_scores_are_the_networks(checkpoint: Path, pictures: list[Path]) -> None:
    predictions, card = predict_images(pictures, checkpoint, device="cpu")
    network, _ = load_network(checkpoint)
    with torch.no_grad():
        pixels = torch.from_numpy(np.array(Image.open(pictures[0])))[None, None]
        expected = torch.sigmoid(network(pixels).logits)[0].tolist()
    assert list(predictions[0].scores.values()) == pytest.approx(expected, abs=1e-6)
    assert tuple(predictions[0].scores) == card.findings == FINDINGS


def test_an_image_is_scored_alike_alone_and_among_others(
    checkpoint: Path, pictures: list[Path]
) -> None:
    together, _ = predict_images(pictures, checkpoint, device="cpu")
    alone, _ = predict_images(pictures[2:], checkpoint, device="cpu")
    assert alone[0].scores == pytest.approx(together[2].scores, abs=1e-5)


def test_only_sure_findings_have_boxes_and_these_are_inside(
    checkpoint: Path, pictures: list[Path]
) -> None:
    predictions, _ = predict_images(pictures, checkpoint, threshold=0.5, device="cpu")
    for prediction in predictions:
        width, height = prediction.size
        assert prediction.boxes["Atelectasis"] and not prediction.boxes["Effusion"]
        for box in prediction.boxes["Atelectasis"]:
            assert box.x >= 0 and box.y >= 0 and box.w > 0 and box.h > 0
            assert box.x + box.w <= width + 1e-6 and box.y + box.h <= height + 1e-6
    assert predictions[2].size == (90, 70)


def test_the_overlay_shows_the_surest_finding(
    checkpoint: Path, pictures: list[Path], tmp_path: Path
) -> None:
    predictions, _ = predict_images(pictures[2:], checkpoint, device="cpu")
    assert write_overlay(predictions[0], tmp_path / "over.png") == "Atelectasis"
    bare, _ = predict_images(pictures[2:], checkpoint, threshold=1.0, device="cpu")
    assert write_overlay(bare[0], tmp_path / "bare.png") is None
    with Image.open(tmp_path / "over.png") as over, Image.open(tmp_path / "bare.png") as plain:
        assert over.size == plain.size and over.width / over.height == pytest.approx(9 / 7, 0.01)
        assert np.any(np.array(over) != np.array(plain))
        colours = np.array(plain)
        assert np.array_equal(colours[..., 0], colours[..., 2])  # the bare image is grey


def test_a_prediction_is_json(checkpoint: Path, pictures: list[Path]) -> None:
    predictions, _ = predict_images(pictures[:1], checkpoint, device="cpu")
    body = json.loads(json.dumps(predictions[0].to_json()))
    assert body["width"] == 64 and set(body["boxes"]["Atelectasis"][0]) >= {"x", "y", "w", "h"}


def test_what_is_no_image_or_checkpoint_is_told(
    checkpoint: Path, pictures: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "no.png").write_text("hello")
    with pytest.raises(ImageError):
        predict_images([tmp_path / "no.png"], checkpoint, device="cpu")
    with pytest.raises(CheckpointError):
        predict_images(pictures, tmp_path, device="cpu")
