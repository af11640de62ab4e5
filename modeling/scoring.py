"""A network's scores of many images, on one device or shared out over several."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from modeling.losses import Loss, count_targets
from modeling.samples import Labelled, ordered_batches

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scored:
    """Logits and targets (N, C) in the dataset's order; targets are NaN where unknown."""

    logits: Floats
    targets: Floats
    weights: Floats

    @property
    def scores(self) -> Floats:
        """Probabilities, 0 to 1: the sigmoid of the logits."""
        return probability(self.logits)

    def loss(self, loss: Loss) -> float:
        """The loss of all of them as one batch."""
        logits, targets, weights = (
            torch.from_numpy(part) for part in (self.logits, self.targets, self.weights)
        )
        counts = count_targets(targets, loss.per_finding)
        return float(loss(logits, targets, weights, counts=counts))


def probability(logits: Floats) -> Floats:
    """The sigmoid, without overflow.

    >>> probability(np.array([-1e4, 0.0, 1e4]))
    array([0. , 0.5, 1. ])
    """
    return np.exp(-np.logaddexp(0.0, -logits))


def score_dataset(
    network: nn.Module,
    data: Labelled,
    fabric: Fabric,
    *,
    batch: int,
    workers: int = 0,
) -> Scored:
    """What the network says of every image, on all ranks; its mode is left as it was."""
    ranks, count = fabric.world_size, len(data)
    share = -(-count // ranks)
    # Every rank scores as many images, the last ones twice, so that they can be gathered.
    indices = [min(place * ranks + fabric.global_rank, count - 1) for place in range(share)]
    device = fabric.device
    parts: list[Tensor] = []
    was_training = network.training
    network.eval()
    with torch.no_grad():
        for here in ordered_batches(data, indices, batch=batch, workers=workers, device=device):
            logits = network(here.images).logits.float()
            parts.append(torch.stack([logits, here.targets.float(), here.weights.float()]))
    network.train(was_training)
    whole = torch.cat(parts, dim=1)  # (3, share, C)
    if ranks > 1:
        gathered: Tensor = fabric.all_gather(whole)  # (ranks, 3, share, C)
        whole = gathered.permute(1, 2, 0, 3).flatten(1, 2)[:, :count]
    logits, targets, weights = whole.double().cpu().numpy()
    return Scored(logits, targets, weights)
