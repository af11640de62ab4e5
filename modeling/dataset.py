"""A torch dataset over the pixel cache and the targets, and loaders that repeat exactly."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from .pixel_cache import PixelCache
from .targets import Targets


class DatasetError(ValueError):
    """The parts of a dataset do not fit: what was `found`, `expected` and `to_do`."""

    def __init__(self, found: str, expected: str, to_do: str) -> None:
        self.found, self.expected, self.to_do = found, expected, to_do
        super().__init__(f"dataset: found {found}, expected {expected}. {to_do}")


class Sample(NamedTuple):
    """One image: (1, S, S) uint8, `target` (C,) with NaN = unknown, `weight` (C,), its row, who."""

    image: Tensor
    target: Tensor
    weight: Tensor
    row: int
    image_id: str
    patient_id: str | None


class Batch(NamedTuple):
    """Images (N, 1, S, S) uint8, targets and weights (N, C), and where they stand.

    `indices` (N,) are places in the dataset, whose `image_ids` and `patient_ids` they index;
    `numbers` (N,) count draws since the training's start where a sampler tells them, else indices.
    """

    images: Tensor
    targets: Tensor
    weights: Tensor
    indices: Tensor
    numbers: Tensor


class CachedImages(Dataset[Any]):
    """Images of the cache with their targets; nothing is decoded, nothing is random.

    `images` (contract of images) and `targets` have the same rows; `rows` picks some of them (the
    rows of a split, say). DatasetError when they do not match, CacheError when an image has no
    pixels.
    """

    def __init__(
        self,
        cache: PixelCache,
        images: pa.Table,
        targets: Targets,
        rows: Sequence[int] | npt.NDArray[np.int64] | None = None,
    ) -> None:
        if images.num_rows != len(targets):
            raise DatasetError(
                f"{images.num_rows} images and {len(targets)} rows of targets",
                "one row of targets per image",
                "Make the targets with the report_ids of the join.",
            )
        chosen = np.arange(images.num_rows) if rows is None else np.asarray(rows, dtype=np.int64)
        picked = images.take(pa.array(chosen, pa.int64()))
        self.cache, self.findings = cache, targets.findings
        self.image_ids: tuple[str, ...] = tuple(picked["image_id"].to_pylist())
        self.patient_ids: tuple[str | None, ...] = tuple(picked["patient_id"].to_pylist())
        self.targets = torch.from_numpy(targets.values[chosen])
        self.weights = torch.from_numpy(targets.weights[chosen])
        self._rows = cache.rows(self.image_ids)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Sample:
        return Sample(
            torch.from_numpy(self.cache.read(self._rows[index : index + 1])),
            self.targets[index],
            self.weights[index],
            index,
            self.image_ids[index],
            self.patient_ids[index],
        )

    def __getitems__(self, items: Sequence[int | tuple[int, int]]) -> Batch:
        """A whole batch at once; items are indices, or pairs of index and number of the draw."""
        pairs = [item if isinstance(item, tuple) else (item, item) for item in items]
        indices = torch.tensor([index for index, _ in pairs], dtype=torch.int64)
        numbers = torch.tensor([number for _, number in pairs], dtype=torch.int64)
        pixels = self.cache.read(self._rows[indices.numpy()])
        return Batch(
            torch.from_numpy(pixels).unsqueeze(1),
            self.targets[indices],
            self.weights[indices],
            indices,
            numbers,
        )


class EpochSampler(Sampler[int]):
    """All indices once, in an order that seed and epoch decide; `set_epoch` before each epoch.

    Of several ranks each gets every `ranks`-th, all equally many: the last ones come twice.

    >>> sampler = EpochSampler(3, seed=0, shuffle=False, rank=1, ranks=2)
    >>> list(sampler)
    [1, 0]
    """

    def __init__(
        self, length: int, *, seed: int, shuffle: bool = True, rank: int = 0, ranks: int = 1
    ) -> None:
        self.length, self.seed, self.shuffle = length, seed, shuffle
        self.rank, self.ranks, self.epoch = rank, ranks, 0

    def set_epoch(self, epoch: int) -> None:
        """Decides the next order."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        order = np.arange(self.length)
        if self.shuffle:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(self.length)
        whole = np.resize(order, len(self) * self.ranks)
        return iter(whole[self.rank :: self.ranks].tolist())

    def __len__(self) -> int:
        return -(-self.length // self.ranks)


def make_loader(
    dataset: CachedImages,
    *,
    batch_size: int = 16,
    seed: int = 0,
    shuffle: bool = False,
    workers: int = 0,
    drop_last: bool = False,
    pin_memory: bool = False,
    batch_sampler: Any = None,
) -> DataLoader[Batch]:
    """A loader of `Batch`es; equal seed and epoch give equal batches, whatever `workers` is.

    The epoch is told to `loader.sampler.set_epoch`. `batch_sampler` (lists of indices, or of pairs
    of index and number) replaces size, order and drop_last. Loader processes have their random
    state seeded, for what a user adds.
    """
    common: dict[str, Any] = {
        "num_workers": workers,
        "collate_fn": _as_it_is,
        "pin_memory": pin_memory,
        "worker_init_fn": seed_worker,
        "generator": torch.Generator().manual_seed(seed),
        "persistent_workers": workers > 0,
    }
    if batch_sampler is not None:
        return DataLoader(dataset, batch_sampler=batch_sampler, **common)
    sampler = EpochSampler(len(dataset), seed=seed, shuffle=shuffle)
    return DataLoader(
        dataset, batch_size=batch_size, sampler=sampler, drop_last=drop_last, **common
    )


def seed_worker(worker: int) -> None:
    """Python's and numpy's random state, from the one that torch has given this process."""
    seed = torch.initial_seed() % (1 << 32)
    random.seed(seed)
    np.random.seed(seed)


def _as_it_is(batch: Batch) -> Batch:
    return batch
