"""Which images make up which step: a function of the seed and the step's number, and of no state.

Epochs follow each other without a gap, each in an order of its own, as Caffe's data layer reads
on from the start of its list: every batch is full, the last of an epoch too. Because nothing but
the number decides, a training that is resumed draws what it would have drawn, and one on two
devices the same images as one on a single device with twice the accumulation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from torch.utils.data import Sampler


class Draw(NamedTuple):
    """One image drawn: its `index` in the dataset, and the `number` of the draw since the start."""

    index: int
    number: int


class BatchStream(Sampler[list[Draw]]):
    """The micro-batches of one rank from step `first` up to `last`, `accumulate` for each step.

    >>> stream = BatchStream(3, batch=2, accumulate=1, seed=0, first=0, last=3)
    >>> sorted(draw.index for batch in stream for draw in batch)  # two epochs of three images
    [0, 0, 1, 1, 2, 2]
    """

    def __init__(
        self,
        images: int,
        *,
        batch: int,
        accumulate: int,
        seed: int,
        first: int,
        last: int,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        self.images, self.batch, self.accumulate, self.seed = images, batch, accumulate, seed
        self.first, self.last, self.rank, self.ranks = first, last, rank, ranks
        self._epoch, self._order = -1, np.zeros(0, np.int64)

    def __iter__(self) -> Iterator[list[Draw]]:
        for step in range(self.first, self.last):
            for part in range(self.accumulate):
                micro = (step * self.accumulate + part) * self.ranks + self.rank
                start = micro * self.batch
                yield [self._draw(number) for number in range(start, start + self.batch)]

    def __len__(self) -> int:
        return max(0, self.last - self.first) * self.accumulate

    def _draw(self, number: int) -> Draw:
        epoch, place = divmod(number, self.images)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, _order(self.images, self.seed, epoch)
        return Draw(int(self._order[place]), number)


def _order(images: int, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng([seed, epoch]).permutation(images)
