"""The images of the study with labels, folds by patient, and true boxes."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import CHESTXRAY8
from modeling.dataset import CachedImages
from modeling.known_facts import KnownFacts, facts_of
from modeling.labelled_images import bring_together
from modeling.localisation import with_original_size
from modeling.nih import read_box_list
from modeling.pixel_cache import build_cache
from modeling.splits import Split, fold_by_patient, split_by_patient
from modeling.targets import Targets, targets_from_labels

ORIGINAL = (1024, 1024)  # what NIH's boxes are in pixels of
FOLD_SEED = 0  # folds are a property of the data: another seed of a training leaves them alone


class StudyError(ValueError):
    """The study cannot go on: what was `found`, what was `expected`, what `to_do`."""

    def __init__(self, found: str, expected: str, to_do: str) -> None:
        self.found, self.expected, self.to_do = found, expected, to_do
        super().__init__(f"study: found {found}, expected {expected}. {to_do}")


@dataclass(frozen=True)
class StudyData:
    """Images (1024 × 1024 is their size, whatever the files'), targets, folds and true boxes.

    `fold` (N,) is the fold of each image, by patient.
    """

    images: pa.Table
    targets: Targets
    split: Split
    fold: npt.NDArray[np.int64]
    facts: KnownFacts
    truth: pa.Table
    provenance: dict[str, str]
    pixels: Path
    left_out: dict[str, int]  # images, by reason

    @cached_property
    def image_ids(self) -> list[str]:
        """In the order of all arrays."""
        ids: list[str] = self.images["image_id"].to_pylist()
        return ids

    @cached_property
    def patients(self) -> list[str]:
        """The patient of each image."""
        ids: list[str] = self.images["patient_id"].to_pylist()
        return ids

    @property
    def folds(self) -> int:
        """How many there are."""
        return int(self.fold.max()) + 1

    def part(self, rows: npt.NDArray[np.int64], size: int) -> CachedImages:
        """These images with their targets at `size` × `size` pixels."""
        cache = build_cache(self.images, size=size, root=self.pixels)
        return CachedImages(cache, self.images, self.targets, rows)

    def outside(self, fold: int) -> npt.NDArray[np.int64]:
        """The rows to train on when this fold is left out."""
        return np.flatnonzero(self.fold != fold)

    def inside(self, fold: int) -> npt.NDArray[np.int64]:
        """The rows of this fold."""
        return np.flatnonzero(self.fold == fold)

    def inner(self, fold: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The rows to train on without this fold, parted by patient: 4/5 to learn, 1/5 to judge."""
        rows = self.outside(fold)
        part = self.images.take(pa.array(rows))
        split = split_by_patient(
            part, shares={"learn": 0.8, "judge": 0.2}, seed=FOLD_SEED,
            stratify=self.targets.values[rows],
        )  # fmt: skip
        return rows[split.rows(part, "learn")], rows[split.rows(part, "judge")]


def load_data(source: Path, pixels: Path, *, folds: int) -> StudyData:
    """The study's data from a folder with images448/, labels.csv and boxes.csv as NIH has them.

    StudyError when there is no such folder; those of the readers.
    """
    names = [source / name for name in ("images448", "labels.csv", "boxes.csv")]
    missing = [path.name for path in names if not path.exists()]
    if missing:
        raise StudyError(
            f"{source} without {', '.join(missing)}", "NIH's images, labels and boxes",
            "Name the folder that holds them by --data, or set CXRMINE_DATA to the one above.",
        )  # fmt: skip
    data = bring_together(names[1], names[0], workers=1)
    targets = targets_from_labels(data.labels, CHESTXRAY8, report_ids=data.report_ids)
    split = fold_by_patient(data.images, folds, seed=FOLD_SEED, stratify=targets.values)
    images = with_original_size(data.images, ORIGINAL)
    boxes = read_box_list(names[2]).accepted
    boxes = boxes.filter(pc.is_in(boxes["image_id"], value_set=images["image_id"]))
    return StudyData(
        images, targets, split,
        np.array([int(side.removeprefix("fold-")) for side in split.table["split"].to_pylist()]),
        facts_of(images, data.people), boxes,
        {"labels": data.labels_hash, "split": split.sha256, "images": _digest(images)}, pixels,
        dict(Counter(data.rejects["reason"].to_pylist())),
    )  # fmt: skip


def _digest(images: pa.Table) -> str:
    """A hash of what files the images are."""
    return hashlib.sha256("\n".join(images["sha256"].to_pylist()).encode()).hexdigest()[:16]
