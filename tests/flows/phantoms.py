"""A small phantom set and a job on it that trains in a moment."""

from pathlib import Path

from flows.train_stages import TrainJob
from modeling.phantom import generate_phantoms
from modeling.presets import preset

TINY = {
    "backbone": "alexnet", "image_size": 64, "transition_width": 16, "steps": 4, "epochs": 0.0,
    "batch": 4, "accumulate": 2, "validations": 2, "checkpoints": 4,
}  # fmt: skip


def make_phantoms(out: Path, count: int = 40) -> Path:
    """The folder of a set of tiny phantoms."""
    generate_phantoms(out, count=count, seed=0, size=64)
    return out


def tiny_job(phantoms: Path, **changes: object) -> TrainJob:
    """A training on the phantoms, of two findings."""
    how = {"findings": ("Effusion", "Infiltration"), "accelerator": "cpu", "replicates": 20,
           "workers": 0}  # fmt: skip
    settings = preset("chestxray8", **{**TINY, **changes})
    return TrainJob(phantoms, phantoms, settings, **how)  # type: ignore[arg-type]
