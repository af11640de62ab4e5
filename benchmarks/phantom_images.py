"""Phantoms in memory, with truth and boxes: what an ablation trains on and is judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from PIL import Image
from torch import Tensor

from data_contracts import BOXES, CHESTXRAY8, IMAGES, labels_contract, read_table
from modeling.dataset import Batch
from modeling.phantom import generate_phantoms
from modeling.phantom_files import files_of

# Rarer ones raised, so that some hundred images hold images with two and three lesions.
PREVALENCE = {
    "Nodule": 0.35,
    "Mass": 0.2,
    "Infiltration": 0.2,
    "Effusion": 0.2,
    "Atelectasis": 0.15,
}


@dataclass(frozen=True)
class PhantomImages:
    """Images (N, 1, S, S) uint8 with the truth about them; a dataset that training takes."""

    images: Tensor
    targets: Tensor
    boxes: pa.Table
    image_ids: tuple[str, ...]
    patient_ids: tuple[str, ...]
    findings: tuple[str, ...] = CHESTXRAY8

    def __len__(self) -> int:
        return len(self.images)

    def __getitems__(self, items: Sequence[int | tuple[int, int]]) -> Batch:
        pairs = [item if isinstance(item, tuple) else (item, item) for item in items]
        rows, numbers = (torch.tensor(part) for part in zip(*pairs, strict=True))
        targets = self.targets[rows]
        return Batch(self.images[rows], targets, torch.ones_like(targets), rows, numbers)


def make_phantoms(out: Path, count: int, size: int, *, seed: int) -> PhantomImages:
    """`count` phantoms of that side, drawn into `out` unless they are there, and read back."""
    if (out / "manifest.json").is_file():
        made = files_of(out, count=count, reports=False)
    else:
        made = generate_phantoms(
            out, count=count, seed=seed, size=size, prevalence=PREVALENCE, reports=False
        )
    images = read_table(made.images, IMAGES)
    truth = read_table(made.truth, labels_contract(CHESTXRAY8))
    row = {name: number for number, name in enumerate(truth["report_id"].to_pylist())}
    order = [row[study] for study in images["study_id"].to_pylist()]
    states = [[state == "present" for state in truth[name].to_pylist()] for name in CHESTXRAY8]
    pixels = np.stack([np.asarray(Image.open(path)) for path in images["path"].to_pylist()])
    return PhantomImages(
        torch.from_numpy(pixels)[:, None],
        torch.tensor(np.array(states, np.float32).T[order]),
        read_table(made.boxes, BOXES),
        tuple(images["image_id"].to_pylist()),
        tuple(images["patient_id"].to_pylist()),
    )
