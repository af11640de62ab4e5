"""A data set that is made in a moment and can be learnt: squares, one texture per finding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from modeling.dataset import Batch
from modeling.presets import Preset, preset

FINDINGS = ("Atelectasis", "Cardiomegaly", "Effusion")


class Squares:
    """Noise with bright, striped and barred squares for the findings. Some targets are NaN."""

    findings = FINDINGS

    def __init__(
        self, count: int = 24, size: int = 64, seed: int = 0, unknown: float = 0.1
    ) -> None:
        random = np.random.default_rng(seed)
        present = random.random((count, len(FINDINGS))) < 0.4
        present[:2] = [[True] * 3, [False] * 3]  # every finding has both sides
        images = random.integers(0, 60, (count, 1, size, size), dtype=np.uint8)
        third = size // 3
        textures = np.full((3, third, third), 150, np.uint8)
        stripes = (np.arange(third) // 3) % 2 == 0
        textures[1, stripes, :] = textures[2][:, stripes] = 0
        for row, column in zip(*np.nonzero(present), strict=True):
            images[row, 0, third : 2 * third, column * third :][:, :third] += textures[column]
        targets = present.astype(np.float32)
        holes = random.random(targets.shape) < unknown
        holes[:2] = False
        targets[holes] = np.nan
        self.images = torch.from_numpy(images)
        self.targets = torch.from_numpy(targets)
        self.weights = torch.where(self.targets.isnan(), 0.0, 1.0)
        self.image_ids = tuple(f"image-{row}" for row in range(count))
        self.patient_ids = tuple(f"patient-{row // 2}" for row in range(count))

    def __len__(self) -> int:
        return len(self.images)

    def __getitems__(self, items: Sequence[int | tuple[int, int]]) -> Batch:
        pairs = [item if isinstance(item, tuple) else (item, item) for item in items]
        indices = torch.tensor([index for index, _ in pairs])
        numbers = torch.tensor([number for _, number in pairs])
        return Batch(
            self.images[indices], self.targets[indices], self.weights[indices], indices, numbers
        )


def small_preset(name: str = "chestxray8", **changes: object) -> Preset:
    """A preset for 64 pixels, a thin AlexNet's transition and a few steps."""
    common = {
        "backbone": "alexnet", "image_size": 64, "transition_width": 16, "steps": 6, "epochs": 0.0,
        "batch": 4, "accumulate": 2, "validations": 2, "checkpoints": 3, "learning_rate": 0.01,
    }  # fmt: skip
    return preset(name, **{**common, **changes})
