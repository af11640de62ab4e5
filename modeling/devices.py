"""Where a network is computed, and how finely."""

from __future__ import annotations

import os

import torch
from lightning.fabric import Fabric

from modeling.presets import Preset


def make_fabric(settings: Preset, accelerator: str = "auto", devices: int = 1) -> Fabric:
    """The devices and the precision to compute with; under torchrun its processes are the ranks."""
    local = int(os.environ.get("LOCAL_WORLD_SIZE", 0))
    nodes = int(os.environ.get("WORLD_SIZE", 1)) // local if local else 1
    cuda = accelerator != "cpu" and torch.cuda.is_available()
    half = settings.precision == "bf16" or (
        settings.precision == "auto" and cuda and torch.cuda.is_bf16_supported()
    )
    fabric = Fabric(
        accelerator=accelerator,
        devices=local or devices,
        num_nodes=max(1, nodes),
        strategy="ddp" if (local or devices) * max(1, nodes) > 1 else "auto",
        precision="bf16-mixed" if half else "32-true",
    )
    if cuda:
        torch.backends.cudnn.benchmark = True  # all batches have one shape
        torch.set_float32_matmul_precision("high" if settings.precision == "auto" else "highest")
    fabric.launch()
    return fabric
