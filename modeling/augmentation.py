"""Augmentation of whole batches on their device, each image by numbers of its own.

The random numbers of an image are a hash of seed, epoch and the image's index, so that they do not
depend on the batch it comes in, its place there, the number of loader processes or of devices, and
a resumed training sees what one that was never stopped would have seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# splitmix64 (Steele, Lea & Flood 2014), as signed 64-bit numbers; their products wrap.
_GAMMA = 0x9E3779B97F4A7C15 - (1 << 64)
_MIX_1 = 0xBF58476D1CE4E5B9 - (1 << 64)
_MIX_2 = 0x94D049BB133111EB - (1 << 64)
_DRAWS = 7


class AugmentationError(ValueError):
    """A setting makes no sense: its `key`, its `value`, what was `expected`."""

    def __init__(self, key: str, value: object, expected: str) -> None:
        self.key, self.value, self.expected = key, value, expected
        super().__init__(f"augmentation {key}: found {value!r}, expected {expected}. Change it.")


@dataclass(frozen=True)
class Augmentation:
    """How far an image may be changed; the defaults stay within what two exposures differ by."""

    zoom: tuple[float, float] = (0.9, 1.1)  # above 1 crops, below 1 leaves a black margin
    shift: float = 0.05  # of the side, each way
    rotate: float = 7.0  # degrees, each way
    # Off: a mirrored chest has its heart and its stomach's air on the wrong side, which is a
    # disease of its own, and the side markers can be read. What the network learns of sides is
    # used by findings that have one (cardiomegaly, effusions hiding behind the heart).
    flip: float = 0.0
    brightness: float = 0.1  # of full scale, each way
    contrast: float = 0.1  # factor around the image's mean, 1 ± this

    def __post_init__(self) -> None:
        low, high = self.zoom
        if not 0 < low <= high:
            raise AugmentationError("zoom", self.zoom, "two numbers above 0, the lesser first")
        for key, top in (("flip", 1.0), ("shift", 1.0), ("brightness", 1.0), ("contrast", 1.0)):
            if not 0 <= getattr(self, key) <= top:
                raise AugmentationError(key, getattr(self, key), f"a number from 0 to {top:g}")
        if not 0 <= self.rotate <= 180:
            raise AugmentationError("rotate", self.rotate, "degrees from 0 to 180")

    def __call__(
        self, images: Tensor, indices: Tensor, *, seed: int, epoch: int | Tensor
    ) -> Tensor:
        """The images (N, C, H, W; uint8, or float in [0, 1]) changed, as float32 in [0, 1].

        `indices` (N,) are the images' places in the dataset; `epoch` is one number or one each.
        """
        draws = uniform(indices.to(images.device), _DRAWS, seed=seed, epoch=epoch)  # (N, 7)
        floats = to_float(images)
        if self._moves:
            grid = self._grid(draws, images.shape[-2:])
            floats = F.grid_sample(
                floats, grid, mode="bilinear", padding_mode="zeros", align_corners=False
            )
        return self._expose(floats, draws)

    @property
    def _moves(self) -> bool:
        return bool(self.shift or self.rotate or self.flip or self.zoom != (1.0, 1.0))

    def _grid(self, draws: Tensor, sides: torch.Size) -> Tensor:
        """Where each pixel comes from: (N, H, W, 2) in [-1, 1]."""
        low, high = self.zoom
        zoom = low * (high / low) ** draws[:, 0]
        angle = (2 * draws[:, 1] - 1) * math.radians(self.rotate)
        # A shift of 1 is half of the coordinates' range of 2.
        across, down = (2 * draws[:, n] - 1 for n in (2, 3))
        mirror = torch.where(draws[:, 4] < self.flip, -1.0, 1.0)
        height, width = sides
        y, x = (_centres(side, draws) for side in (height, width))
        x, y = x.view(1, 1, -1), y.view(1, -1, 1)
        cos, sin = (torch.cos(angle) / zoom, torch.sin(angle) / zoom)
        cos, sin, mirror, across, down = (
            v.view(-1, 1, 1) for v in (cos, sin, mirror, across, down)
        )
        tall = height / width  # turns are turns in pixels, not in a stretched square
        # A part per column plus one per row: only their sum is as large as the images. Sums and not
        # a matrix product, whose rounding depends on the batch's size.
        sources = (
            (mirror * (cos * x + 2 * self.shift * across), mirror * (-sin * tall) * y),
            (sin / tall * x, cos * y + 2 * self.shift * down),
        )
        grid = draws.new_empty(len(draws), height, width, 2)
        for axis, (by_column, by_row) in enumerate(sources):
            torch.add(by_column, by_row, out=grid[..., axis])
        return grid

    def _expose(self, images: Tensor, draws: Tensor) -> Tensor:
        if not (self.brightness or self.contrast):
            return images
        offset = (2 * draws[:, 5] - 1) * self.brightness
        factor = 1 + (2 * draws[:, 6] - 1) * self.contrast
        offset, factor = offset.view(-1, 1, 1, 1), factor.view(-1, 1, 1, 1)
        mean = images.mean(dim=(1, 2, 3), keepdim=True)
        # (image − mean) · factor + mean + offset, with one new tensor of the images' size.
        return (images * factor).add_(mean * (1 - factor) + offset).clamp_(0, 1)


def to_float(images: Tensor) -> Tensor:
    """uint8 as float32 in [0, 1]; floating numbers as float32, as they are."""
    if images.dtype == torch.uint8:
        return images.to(torch.float32).mul_(1 / 255)
    return images.to(torch.float32)


def uniform(indices: Tensor, count: int, *, seed: int, epoch: int | Tensor) -> Tensor:
    """Numbers in [0, 1), float32 (N, count), that seed, epoch and index decide, on any device.

    >>> uniform(torch.tensor([3, 5]), 1, seed=0, epoch=0)[1].equal(
    ...     uniform(torch.tensor([5]), 1, seed=0, epoch=0)[0])
    True
    """
    indices = indices.to(torch.int64)
    epochs = torch.as_tensor(epoch, dtype=torch.int64, device=indices.device)
    key = _mix(torch.full_like(indices, seed))
    key = _mix(key ^ (epochs + 1))
    key = _mix(key ^ (indices + 1)).view(-1, 1)
    steps = torch.arange(1, count + 1, device=indices.device, dtype=torch.int64)
    bits = _mix(key + steps * _GAMMA)
    return _shifted(bits, 40).to(torch.float32) * 2.0**-24


def _mix(numbers: Tensor) -> Tensor:
    numbers = numbers + _GAMMA
    numbers = (numbers ^ _shifted(numbers, 30)) * _MIX_1
    numbers = (numbers ^ _shifted(numbers, 27)) * _MIX_2
    return numbers ^ _shifted(numbers, 31)


def _shifted(numbers: Tensor, by: int) -> Tensor:
    """The numbers shifted right as if they had no sign, which torch's own shift would keep."""
    return (numbers >> by) & ((1 << (64 - by)) - 1)


def _centres(side: int, like: Tensor) -> Tensor:
    """The centres of `side` pixels over [-1, 1]."""
    steps = torch.arange(side, device=like.device, dtype=torch.float32)
    return (2 * steps + 1) / side - 1
