"""Grad-CAM++ against the paper's equation written out with autograd alone."""

import sys

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from modeling.attention import MiningNetwork, MiningOptions
from modeling.backbones import BACKBONES
from modeling.choices import UnknownChoiceError
from modeling.gradcam import CaptumMissing, grad_cam_plus_plus
from modeling.heatmaps import predict_batch
from modeling.network import Network, build_network
from tests.modeling.sight import small_network

pytest.importorskip("captum")


@pytest.fixture
def images() -> Tensor:
    return torch.rand(2, 1, 128, 128, generator=torch.Generator().manual_seed(2))


def by_hand(network: Network, image: Tensor, finding: int, layer: str) -> Tensor:
    """Equation 19 of arXiv 1710.11063, one image and one finding, channel by channel."""
    body = network.backbone(network._normalised(image[None]))
    acts = (body if layer == "backbone" else network.transition(body)).detach().requires_grad_()
    after = network.transition(acts) if layer == "backbone" else acts
    logit = network.prediction(network.pooling(after))[0, finding]
    (grads,) = torch.autograd.grad(logit, acts)
    total = torch.zeros_like(acts[0, 0])
    for own, grad in zip(acts[0].detach(), grads[0], strict=True):
        below = 2 * grad**2 + own.sum() * grad**3
        alpha = torch.where(below == 0, torch.zeros_like(grad), grad**2 / below)
        total += (alpha * functional.relu(grad)).nan_to_num().sum() * own
    return functional.relu(total)


@pytest.mark.parametrize("layer", ["backbone", "transition"])
def test_the_map_is_that_of_the_paper(images: Tensor, layer: str) -> None:
    network = small_network(image_size=128)
    found = grad_cam_plus_plus(network, images, layer=layer)
    for row, image in enumerate(images):
        for finding in (0, 5):
            expected = by_hand(network, image, finding, layer)
            torch.testing.assert_close(found[row, finding], expected, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_every_backbone_gives_maps_of_every_finding(name: str, images: Tensor) -> None:
    network = build_network(
        name, findings=["Mass", "Nodule"], image_size=128, transition_width=8
    ).eval()
    maps = grad_cam_plus_plus(network, images)
    assert maps.shape[:2] == (2, 2)
    assert torch.isfinite(maps).all() and (maps >= 0).all()
    assert not maps.requires_grad


def test_images_at_a_time_change_nothing(images: Tensor) -> None:
    network = small_network(image_size=128)
    torch.testing.assert_close(
        grad_cam_plus_plus(network, images, chunk=1), grad_cam_plus_plus(network, images),
        rtol=1e-3, atol=1e-7,
    )  # fmt: skip


def test_bytes_and_fractions_are_the_same_image(images: Tensor) -> None:
    network = small_network(image_size=128)
    as_bytes = (images * 255).round().to(torch.uint8)
    torch.testing.assert_close(
        grad_cam_plus_plus(network, as_bytes), grad_cam_plus_plus(network, as_bytes.float() / 255)
    )


def test_the_logits_are_those_of_the_network(images: Tensor) -> None:
    network = small_network(image_size=128)
    logits, maps = predict_batch(network, images, method="gradcam++")
    torch.testing.assert_close(logits, predict_batch(network, images)[0])
    assert maps.shape[:2] == (2, 8)


def test_a_mining_network_is_explained_by_the_network_it_asks(images: Tensor) -> None:
    network = small_network(image_size=128)
    mining = MiningNetwork(network, MiningOptions()).eval()
    torch.testing.assert_close(
        grad_cam_plus_plus(mining, images), grad_cam_plus_plus(network, images)
    )


def test_no_gradient_is_left_behind(images: Tensor) -> None:
    network = small_network(image_size=128)
    grad_cam_plus_plus(network, images)
    assert all(parameter.grad is None for parameter in network.parameters())


def test_no_image_gives_no_map() -> None:
    assert grad_cam_plus_plus(small_network(), torch.zeros(0, 1, 64, 64)).shape[:2] == (0, 8)


def test_another_layer_is_refused(images: Tensor) -> None:
    with pytest.raises(UnknownChoiceError, match="backbone"):
        grad_cam_plus_plus(small_network(), images, layer="pooling")


def test_without_captum_the_way_out_is_told(
    images: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(CaptumMissing, match="pip install captum"):
        grad_cam_plus_plus(small_network(), images)
