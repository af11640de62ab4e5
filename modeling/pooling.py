"""A map of activations → one number per channel: average, maximum, or Log-Sum-Exp between them.

Wang et al., CVPR 2017, section 4.2.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from modeling.choices import choose

POOLINGS = ("average", "max", "lse")

# Beyond these the result is the average or the maximum to the last bit, and r times a difference
# of activations would leave float32.
_SMALLEST_R, _LARGEST_R = 1e-20, 1e30


class AveragePool(nn.Module):
    """(N, C, H, W) → (N, C): the mean over the positions."""

    def forward(self, activations: Tensor) -> Tensor:
        """The mean; half precision is summed up in float32."""
        return _wide(activations).mean(dim=(-2, -1)).to(activations.dtype)


class MaxPool(nn.Module):
    """(N, C, H, W) → (N, C): the largest activation; equal ones share the gradient."""

    def forward(self, activations: Tensor) -> Tensor:
        """The maximum."""
        return activations.amax(dim=(-2, -1))


class LSEPool(nn.Module):
    """(N, C, H, W) → (N, C): x* + (1/r) log[(1/S) Σ exp(r (x_ij − x*))], S = H·W positions.

    r → 0 is the average, r → ∞ the maximum; never below the one nor above the other. x* is
    max x_ij: the paper prints max |x_ij|, with which every exp underflows as soon as the most
    extreme activation is a negative one. ValueError unless 0 < r < ∞.

    >>> LSEPool(10.0)(torch.tensor([[[[0.0, 1.0], [0.0, 0.0]]]])).round(decimals=4)
    tensor([[0.8614]])
    """

    def __init__(self, r: float = 10.0) -> None:
        super().__init__()
        if not (math.isfinite(r) and r > 0):
            raise ValueError(
                f"LSE pooling: found r = {r!r}, expected a finite number above 0. "
                "Use average pooling for r → 0 and max pooling for r → ∞."
            )
        self.r = float(r)

    def forward(self, activations: Tensor) -> Tensor:
        """The pooled activations, in the dtype given; half precision is computed in float32."""
        wide = _wide(activations)
        r = min(max(self.r, _SMALLEST_R), _LARGEST_R)
        # The shift cancels out of the derivative, so no gradient has to go through it.
        largest = wide.detach().amax(dim=(-2, -1), keepdim=True)
        scaled = (wide - largest) * r
        if r < 1:
            # exp would round r (x − x*) away where it is small: at r = 1e-8 to the maximum.
            log_mean = torch.expm1(scaled).mean(dim=(-2, -1)).log1p()
        else:
            log_mean = scaled.exp().mean(dim=(-2, -1)).log()
        return (largest[..., 0, 0] + log_mean / r).to(activations.dtype)

    def extra_repr(self) -> str:
        """r, for print(network)."""
        return f"r={self.r:g}"


def pool(kind: str, r: float = 10.0) -> nn.Module:
    """The pooling named average, max or lse; r is for lse alone. UnknownChoiceError otherwise."""
    choose("pooling", kind, POOLINGS)
    if kind == "lse":
        return LSEPool(r)
    return AveragePool() if kind == "average" else MaxPool()


def _wide(activations: Tensor) -> Tensor:
    """At least float32: sums and exponentials in half precision lose the small activations."""
    return activations if activations.dtype == torch.float64 else activations.float()
