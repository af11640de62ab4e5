"""Labelled images on their way from a dataset to the network, batch by batch."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from modeling.augmentation import Augmentation
from modeling.batches import BatchStream, Draw
from modeling.dataset import Batch, make_loader


class Labelled(Protocol):
    """A dataset that hands out whole batches, as `modeling.dataset.CachedImages` does."""

    @property
    def findings(self) -> tuple[str, ...]:
        """The columns of the targets."""

    def __len__(self) -> int: ...

    def __getitems__(self, items: Sequence[int | tuple[int, int]]) -> Batch: ...


def training_batches(
    data: Labelled, stream: BatchStream, *, workers: int, device: torch.device
) -> Iterator[Batch]:
    """The micro-batches of a stream on that device, read ahead by `workers` processes."""
    return _moved(data, stream, workers, device)


def ordered_batches(
    data: Labelled, indices: Sequence[int], *, batch: int, workers: int, device: torch.device
) -> Iterator[Batch]:
    """The images of these indices in their order; the last batch may be smaller."""
    draws = [Draw(int(index), 0) for index in indices]
    parts = [draws[start : start + batch] for start in range(0, len(draws), batch)]
    return _moved(data, parts, workers, device)


def augmented(batch: Batch, augmentation: Augmentation, *, images: int, seed: int) -> Batch:
    """The batch, changed on its device by the numbers of its draws; `images` make an epoch."""
    epoch = torch.div(batch.numbers, images, rounding_mode="floor").to(batch.images.device)
    changed = augmentation(batch.images, batch.indices, seed=seed, epoch=epoch)
    return batch._replace(images=changed)


def default_workers(device: torch.device) -> int:
    """Processes that read ahead: none on a CPU, whose cores the network itself needs."""
    if device.type == "cpu":
        return 0
    return min(12, max(1, len(os.sched_getaffinity(0)) - 1))


def _moved(data: Any, batches: Any, workers: int, device: torch.device) -> Iterator[Batch]:
    pin = device.type == "cuda"
    for batch in make_loader(data, batch_sampler=batches, workers=workers, pin_memory=pin):

        def move(part: Tensor) -> Tensor:  # from pinned memory without waiting
            return part.to(device, non_blocking=pin)

        yield batch._replace(
            images=move(batch.images), targets=move(batch.targets), weights=move(batch.weights)
        )
