"""The network of ChestX-ray8: backbone → transition → global pooling → prediction, with heatmaps.

Wang et al., CVPR 2017, section 4. One pass gives the logits of all findings and their heatmaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from data_contracts.findings import Finding, finding_names
from modeling import backbones
from modeling.choices import choose
from modeling.pooling import POOLINGS, pool

# What the paper states: 1024 for GoogLeNet, 2048 for ResNet-50. The others keep their channels.
_WIDTHS = {"googlenet": 1024, "resnet50": 2048}


class Output(NamedTuple):
    """Logits (N, C), heatmaps (N, C, S, S), and on request the transition's activations."""

    logits: Tensor
    heatmaps: Tensor
    features: Tensor | None = None


class Transition(nn.Module):
    """The backbone's n × n map → S × S × D: one convolution, batch normalisation, ReLU.

    Where n is S, the convolution is 1 × 1; where n is a multiple of S it steps by n / S, where S
    is a multiple of n a transposed one does; else the map is resampled first (by area if it
    shrinks, bilinearly if it grows), so that cell j always sees the j-th S-th of the image. The
    batch normalisation gives the activations the same scale behind every backbone, without which
    an r of Log-Sum-Exp pooling would mean something else for each. He-normal, fan-out.
    """

    def __init__(self, channels: int, width: int, *, natural: int, grid: int) -> None:
        super().__init__()
        self.natural, self.grid = natural, grid
        self.resamples = natural % grid != 0 and grid % natural != 0
        if not self.resamples and grid > natural:
            step = grid // natural
            conv: nn.Conv2d | nn.ConvTranspose2d = nn.ConvTranspose2d(
                channels, width, step, step, bias=False
            )
        else:
            step = 1 if self.resamples else natural // grid
            conv = nn.Conv2d(channels, width, step, step, bias=False)
        nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
        self.conv, self.norm = conv, nn.BatchNorm2d(width)

    def forward(self, features: Tensor) -> Tensor:
        """Activations of at least 0; images of another size give a proportional S."""
        if self.resamples:
            rows, columns = (
                max(1, round(side * self.grid / self.natural)) for side in features.shape[-2:]
            )
            if self.grid < self.natural:
                features = functional.adaptive_avg_pool2d(features, (rows, columns))
            else:
                features = functional.interpolate(
                    features, size=(rows, columns), mode="bilinear", align_corners=False
                )
        return functional.relu(self.norm(self.conv(features)), inplace=True)


class Network(nn.Module):
    """Images (N, 1 or 3, H, W), uint8 or in [0, 1] → Output; made by `build_network`.

    Gray images are repeated to three colours; the normalisation is inside, as buffers.
    `cell_centres`: the pixel, in images of image_size, that each row (= column) of a heatmap is
    centred on. Padding and pooling move them off the middle of the S-th part that a cell seems to
    cover, by half a cell towards 0 for ResNet-50.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        body: nn.Module,
        transition: Transition,
        pooling: nn.Module,
        prediction: nn.Linear,
        *,
        findings: tuple[str, ...],
        colours: tuple[tuple[float, ...], tuple[float, ...]],
        cell_centres: tuple[float, ...],
    ) -> None:
        super().__init__()
        self.findings = findings
        self.cell_centres = cell_centres
        self.backbone, self.transition = body, transition
        self.pooling, self.prediction = pooling, prediction
        for name, values in zip(("mean", "std"), colours, strict=True):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1))

    def forward(self, images: Tensor, features: bool = False) -> Output:
        """Logits and heatmaps; with `features` the transition's activations too.

        ValueError for images that are not (N, 1, H, W) or (N, 3, H, W).
        """
        activations = self.transition(self.backbone(self._normalised(images)))
        logits = self.prediction(self.pooling(activations))
        # The same weights at every position, without the bias: what each adds to a finding.
        heatmaps = functional.conv2d(activations, self.prediction.weight[:, :, None, None])
        return Output(logits, heatmaps, activations if features else None)

    def _normalised(self, images: Tensor) -> Tensor:
        if images.ndim != 4 or images.shape[1] not in (1, 3):
            raise ValueError(
                f"network: found images of shape {tuple(images.shape)}, expected (N, 1, H, W) or "
                "(N, 3, H, W). Add the missing dimension or leave out the surplus channels."
            )
        if images.dtype == torch.uint8:
            images = images.to(self.mean.dtype) / 255.0
        # A gray image becomes three here, by broadcasting.
        return (images.to(self.mean.dtype) - self.mean) / self.std


def build_network(
    backbone: str,
    *,
    findings: Sequence[str | Finding],
    pooling: str = "lse",
    r: float = 10.0,
    image_size: int = 1024,
    weights: str | Path = "none",
    transition_width: int | None = None,
    grid: int | None = None,
) -> Network:
    """The network for these findings; its output has `logits` (N, C) and `heatmaps` (N, C, S, S).

    S is `grid`, by default image_size // 32 (the paper's 32 at 1024; 8 and 16 are its others). D
    is transition_width, by default 1024 for GoogLeNet, 2048 for ResNet-50, else the backbone's
    channels. weights: "none", "imagenet" or the path of a state dict, for the backbone alone; the
    transition starts He-normal, the prediction layer normal with deviation 0.01 and bias 0, so
    that all scores start near ½. UnknownChoiceError for another backbone or pooling, WeightsError
    for weights that do not fit, ValueError for sizes that leave no map.
    """
    choose("backbone", backbone, backbones.BACKBONES)
    choose("pooling", pooling, POOLINGS)
    names = finding_names(findings)
    pooled = pool(pooling, r)
    natural, grid = (
        backbones.map_size(backbone, image_size),
        image_size // 32 if grid is None else grid,
    )
    if not names or natural < 1 or grid < 1 or (transition_width or 1) < 1:
        raise ValueError(
            f"network {backbone}: found {len(names)} findings, image_size {image_size} (a map "
            f"of {natural} × {natural}), grid {grid}, transition_width {transition_width}; "
            "expected at least one finding and sizes above 0. Use images of 64 pixels or more."
        )
    body, channels, stride = backbones.backbone(backbone, weights)
    width = transition_width or _WIDTHS.get(backbone, channels)
    prediction = nn.Linear(width, len(names))
    nn.init.normal_(prediction.weight, std=0.01)
    nn.init.zeros_(prediction.bias)
    return Network(
        body,
        Transition(channels, width, natural=natural, grid=grid),
        pooled,
        prediction,
        findings=names,
        colours=backbones.normalisation(backbone),
        cell_centres=tuple(
            backbones.first_centre(backbone) + stride * ((cell + 0.5) * natural / grid - 0.5)
            for cell in range(grid)
        ),
    )
