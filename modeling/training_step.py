"""One step of the optimiser over several forward passes, as exact as over a single one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from modeling.dataset import Batch
from modeling.losses import Counts, Loss, all_reduce_counts, count_targets


def counts_of(batches: Sequence[Batch], per_finding: bool) -> Counts:
    """The known targets of all these batches on all ranks, positives and negatives.

    W-CEL's β need them before the first backward pass: counted per micro-batch, a rare finding
    would have no positive in most of them, and the sum of the parts would be another loss.
    """
    targets = torch.cat([batch.targets for batch in batches])
    return all_reduce_counts(count_targets(targets, per_finding))


def optimise(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Loss,
    batches: Sequence[Batch],
    fabric: Fabric,
    clip_norm: float = 0.0,
) -> Tensor:
    """The loss of the whole accumulated batch on this rank, after one step of the optimiser.

    Losses of the parts sum to that of the whole because they share its counts. Ranks average
    their gradients, hence the factor.
    """
    counts = counts_of(batches, loss.per_finding)
    total = torch.zeros((), device=fabric.device)
    wrapped: Any = network
    for number, batch in enumerate(batches):
        more = number + 1 < len(batches)
        with fabric.no_backward_sync(wrapped, enabled=more and fabric.world_size > 1):
            logits = network(batch.images).logits
            part = loss(logits, batch.targets, batch.weights, counts=counts)
            fabric.backward(part * fabric.world_size)
        total += part.detach().float()
    if clip_norm:
        fabric.clip_gradients(wrapped, optimizer, max_norm=clip_norm)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return total
