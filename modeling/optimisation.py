"""The optimiser and its learning rate, as a preset names them."""

from __future__ import annotations

import math

import torch
from torch import nn

from modeling.presets import Preset


def make_optimizer(network: nn.Module, settings: Preset) -> torch.optim.Optimizer:
    """SGD or AdamW over the network's parameters; the decay is for kernels alone.

    Biases and the two numbers per channel of a normalisation have nothing to be drawn to zero for.
    """
    trained = [weight for weight in network.parameters() if weight.requires_grad]
    groups = [
        {"params": [w for w in trained if w.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [w for w in trained if w.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=settings.learning_rate, momentum=settings.momentum)
    return torch.optim.AdamW(
        groups, lr=settings.learning_rate, betas=(min(settings.momentum, 0.999), 0.999)
    )


def rate_at(settings: Preset, step: int, total: int) -> float:
    """The learning rate of step `step` (from 0) of `total`: a function of the number alone.

    >>> from modeling.presets import CHESTXRAY8, MODERN
    >>> [round(rate_at(CHESTXRAY8, step, 300), 4) for step in (0, 199, 200)]
    [0.01, 0.01, 0.001]
    >>> [round(rate_at(MODERN, step, 100), 6) for step in (0, 4, 5, 99)]
    [6e-05, 0.0003, 0.0003, 0.0]
    """
    rate, warmup = settings.learning_rate, math.ceil(settings.warmup * total)
    if step < warmup:
        return rate * (step + 1) / warmup
    if settings.schedule == "cosine":
        share = (step - warmup) / max(1, total - warmup)
        return rate * 0.5 * (1.0 + math.cos(math.pi * share))
    if settings.schedule == "step" and 3 * step >= 2 * total:
        return rate * 0.1
    return rate


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Gives every group of the optimiser this learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate
