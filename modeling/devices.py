"""Where a network is computed, and how finely; and which of several processes this one is."""

from __future__ import annotations

import logging
import os

import torch
from lightning.fabric import Fabric
from lightning_utilities.core import rank_zero

from modeling.presets import Preset


def make_fabric(
    settings: Preset, accelerator: str = "auto", devices: int = 1, *, alone: bool = False
) -> Fabric:
    """The devices and the precision to compute with; under torchrun its processes are the ranks.

    With `alone` this process computes on one device, whatever others have been started with it.
    """
    # It would say at every start that the precision is the one that was asked for.
    rank_zero.log.setLevel(logging.WARNING)
    local = 0 if alone else int(os.environ.get("LOCAL_WORLD_SIZE", 0))
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


def is_first_rank() -> bool:
    """Whether this process is the only one, or the first of those that torchrun has started.

    Known before any of them computes: torchrun sets RANK; Lightning, which starts the others
    itself where several devices are asked for, LOCAL_RANK and NODE_RANK.
    """
    names = ("RANK",) if "RANK" in os.environ else ("LOCAL_RANK", "NODE_RANK")
    return not any(int(os.environ.get(name, "0")) for name in names)


def end_ranks() -> None:
    """Returns when all ranks have come here and are ranks no more; at once where there are none.

    What the first one does afterwards, it does alone, and the others may end.
    """
    distributed = torch.distributed
    if distributed.is_available() and distributed.is_initialized():
        distributed.barrier()
        distributed.destroy_process_group()
