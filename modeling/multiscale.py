"""The network with multi-scale aggregation (MSA): finer heatmaps, from features of several depths.

Cai et al., MICCAI 2018: features of several depths are aggregated, for small findings. How is not
stated in what is known here: docs/attention_mining.md says what was chosen and why.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from data_contracts.findings import Finding, finding_names
from modeling import backbones
from modeling.choices import choose
from modeling.network import Network
from modeling.pooling import POOLINGS, pool

# "densenet121+msa" as the backbone of a preset is DenseNet-121 with aggregation.
SUFFIX = "+msa"


class Level(NamedTuple):
    """A depth that is listened to: after which `layer`, its channels, and where its cells lie.

    Cells are `stride` pixels apart, the first is centred on pixel `first`.
    """

    layer: str
    channels: int
    stride: int
    first: float


# The last three resolutions that each network computes (AlexNet has but two below 1/4). `first`
# follows from kernels, strides and paddings, as in modeling.backbones.
LEVELS: dict[str, tuple[Level, ...]] = {
    "alexnet": (Level("features.4", 192, 8, 7.0), Level("features.11", 256, 16, 15.0)),
    "resnet50": (
        Level("layer2", 512, 8, 0.0),
        Level("layer3", 1024, 16, 0.0),
        Level("layer4", 2048, 32, 0.0),
    ),
    "densenet121": (
        Level("features.denseblock2", 512, 8, 2.0),
        Level("features.denseblock3", 1024, 16, 6.0),
        Level("relu", 1024, 32, 14.0),
    ),
}


class Stages(nn.Module):
    """Images (N, 3, H, W) → the features of each level, finest first.

    Its parameters keep the names that they have in the network cut by `modeling.backbones`.
    """

    def __init__(self, body: nn.Module, levels: Sequence[Level]) -> None:
        super().__init__()
        self.levels = tuple(level.layer for level in levels)
        for name, child in body.named_children():
            self.add_module(name, child)

    def forward(self, images: Tensor) -> list[Tensor]:
        """One tensor (N, channels, h, w) per level."""
        found, activations = [], images
        for path, layer in self._layers():
            activations = layer(activations)
            if path in self.levels:
                found.append(activations)
        return found

    def _layers(self) -> Iterator[tuple[str, nn.Module]]:
        for name, child in self.named_children():
            if name == "features":
                yield from ((f"features.{inner}", layer) for inner, layer in child.named_children())
            else:
                yield name, child


class Aggregation(nn.Module):
    """Features of several levels → S × S × D: each projected and brought to the grid; the sum.

    A 1 × 1 convolution per level, interpolation to the cells of the grid by where both lie in the
    image, batch normalisation per level, so that each has an equal say at the start whatever the
    scale of its features, then sum and ReLU: D activations of at least 0, as the plain transition
    gives. The normalisations start at L^-½, so that the sum of L levels starts with variance 1.
    """

    def __init__(
        self, levels: Sequence[Level], width: int, *, natural: int, image_size: int, grid: int
    ) -> None:
        super().__init__()
        self.levels, self.natural, self.grid = tuple(levels), natural, grid
        self.step = image_size / grid
        projections = [nn.Conv2d(level.channels, width, 1, bias=False) for level in levels]
        norms = [nn.BatchNorm2d(width) for _ in levels]
        for projection, norm in zip(projections, norms, strict=True):
            nn.init.kaiming_normal_(projection.weight, mode="fan_out", nonlinearity="relu")
            nn.init.constant_(norm.weight, len(levels) ** -0.5)
        self.projections, self.norms = nn.ModuleList(projections), nn.ModuleList(norms)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Activations (N, D, S, S); images of another size give a proportional S."""
        rows, columns = (
            max(1, round(side * self.grid / self.natural)) for side in features[-1].shape[-2:]
        )
        parts = []
        for level, here, projection, norm in zip(
            self.levels, features, self.projections, self.norms, strict=True
        ):
            # Both are linear, so either may come first; first the one that leaves less to do.
            if here.shape[-1] > columns:
                placed = projection(self._placed(here, level, rows, columns))
            else:
                placed = self._placed(projection(here), level, rows, columns)
            parts.append(norm(placed))
        return functional.relu(torch.stack(parts).sum(dim=0))

    def _placed(self, features: Tensor, level: Level, rows: int, columns: int) -> Tensor:
        """On the grid. By matrices, so that a GPU too gives the same gradient each time."""
        down, across = (
            placement(side, level.stride, level.first, cells, self.step).to(features)
            for side, cells in zip(features.shape[-2:], (rows, columns), strict=True)
        )
        return down @ features @ across.T


@lru_cache(maxsize=64)
def placement(side: int, stride: float, first: float, cells: int, step: float) -> Tensor:
    """The (cells, side) matrix that takes a level's `side` cells to `cells` of the grid.

    Cell j of the grid is centred on the middle of the j-th `step` pixels; every level is read
    there, however its own paddings have moved it. Bilinear where the grid is finer, weighed by the
    same triangle, as wide as a cell of the grid, where it is coarser. Rows sum to 1.

    >>> placement(2, 2, 0.5, 4, 1)  # two cells of 2 pixels to four of 1
    tensor([[1.0000, 0.0000],
            [0.7500, 0.2500],
            [0.2500, 0.7500],
            [0.0000, 1.0000]])
    """
    there = first + stride * torch.arange(side, dtype=torch.float64)
    wanted = (torch.arange(cells, dtype=torch.float64) + 0.5) * step - 0.5
    wanted = wanted.clamp(float(there[0]), float(there[-1]))
    reach = max(stride, step)
    weights = (1 - (wanted[:, None] - there).abs() / reach).clamp(min=0)
    return (weights / weights.sum(dim=1, keepdim=True)).float()


def plain_name(backbone: str) -> str:
    """The backbone's name without the suffix for aggregation.

    >>> plain_name("densenet121+msa")
    'densenet121'
    """
    return backbone.removesuffix(SUFFIX)


def build_multiscale_network(
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
    """The network with aggregated scales; what `build_network` gives, with finer heatmaps.

    S is `grid`, by default image_size // 16, twice that of the plain network; D is
    transition_width, by default the channels of the deepest level. `backbone` is a name in LEVELS,
    with or without the suffix "+msa". `weights` are the backbone's. Errors as `build_network`.
    """
    name = choose("backbone with aggregation", plain_name(backbone), LEVELS)
    choose("pooling", pooling, POOLINGS)
    names, levels = finding_names(findings), LEVELS[name]
    natural = backbones.map_size(name, image_size)
    grid = image_size // 16 if grid is None else grid
    if not names or natural < 1 or grid < 1 or (transition_width or 1) < 1:
        raise ValueError(
            f"network {backbone}: found {len(names)} findings, image_size {image_size} (a map "
            f"of {natural} × {natural}), grid {grid}, transition_width {transition_width}; "
            "expected at least one finding and sizes above 0. Use images of 64 pixels or more."
        )
    body, _, _ = backbones.backbone(name, weights)
    width = transition_width or levels[-1].channels
    prediction = nn.Linear(width, len(names))
    nn.init.normal_(prediction.weight, std=0.01)
    nn.init.zeros_(prediction.bias)
    step = image_size / grid
    return Network(
        Stages(body, levels),
        Aggregation(levels, width, natural=natural, image_size=image_size, grid=grid),  # type: ignore[arg-type]
        pool(pooling, r),
        prediction,
        findings=names,
        colours=backbones.normalisation(name),
        cell_centres=tuple((cell + 0.5) * step - 0.5 for cell in range(grid)),
    )
