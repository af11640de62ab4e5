"""Grad-CAM++ heatmaps: the rival that needs gradients, for any checkpoint.

Chattopadhyay et al., WACV 2018 (arXiv 1710.11063). Activations and gradients come from captum; the
weights of Grad-CAM++, which captum has no class for, are the paper's equation 19 in three lines.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from modeling.attention import MiningNetwork
from modeling.choices import choose
from modeling.network import Network

LAYERS = ("backbone", "transition")


class CaptumMissing(ImportError):
    """captum, which Grad-CAM++ takes activations and gradients from, is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "Grad-CAM++: found no captum, expected it beside torch. Run `pip install captum`, or "
            'use the heatmaps of method "cam", which need no gradients.'
        )


def grad_cam_plus_plus(
    network: Network | MiningNetwork, images: Tensor, *, layer: str = "backbone", chunk: int = 16
) -> Tensor:
    """Grad-CAM++ heatmaps (N, C, S', S') of all findings; at least 0, on the images' device.

    `layer` is whose output is explained: the backbone's last map (S' is its side), as the paper
    does, or the transition's (S' = S). `chunk` images go through at a time: gradients need the
    memory of a training step. The gradients are of the logits, for which equation 19 holds with
    exp(logit) as the class score. CaptumMissing, UnknownChoiceError for another layer.
    """
    if isinstance(network, MiningNetwork):
        network = network.network  # its logits are these; mining only changes the other heatmaps
    explained: nn.Module = getattr(network, choose("layer", layer, LAYERS))
    try:
        from captum.attr import LayerActivation, LayerGradientXActivation
    except ImportError:
        raise CaptumMissing from None

    def logits(batch: Tensor, asked: Network = network) -> Tensor:
        result: Tensor = asked(batch).logits
        return result

    activation = LayerActivation(logits, explained)
    gradient = LayerGradientXActivation(logits, explained, multiply_by_inputs=False)
    parts = []
    for start in range(0, len(images), chunk):
        # captum differentiates by the input, which therefore is a number with a fraction.
        batch = _as_floats(images[start : start + chunk])
        with torch.no_grad():
            acts = activation.attribute(batch)
        maps = [
            _weigh(acts, gradient.attribute(batch, target=finding).detach())
            for finding in range(len(network.findings))
        ]
        parts.append(torch.stack(maps, dim=1))
    if not parts:
        return images.new_zeros((0, len(network.findings), 1, 1), dtype=torch.float32)
    return torch.cat(parts).float()


def _weigh(activations: Tensor, gradients: Tensor) -> Tensor:
    """The map (N, H, W) of one finding from activations and gradients (N, D, H, W)."""
    square, cube = gradients**2, gradients**3
    total = activations.sum((2, 3), keepdim=True)
    below = 2 * square + total * cube
    alpha = torch.where(below != 0, square / torch.where(below != 0, below, 1), 0)
    weights = (alpha * functional.relu(gradients)).sum((2, 3), keepdim=True)
    return functional.relu((weights * activations).sum(1))


def _as_floats(images: Tensor) -> Tensor:
    """In [0, 1], as the network reads bytes."""
    if images.dtype == torch.uint8:
        return images.float() / 255
    return images.float()
