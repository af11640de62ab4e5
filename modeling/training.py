"""The training of a network: checkpoints and curves; killed and resumed, the same weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from modeling.augmentation import Augmentation
from modeling.devices import make_fabric
from modeling.presets import Preset
from modeling.samples import Labelled, default_workers
from modeling.training_log import NobodyWatches, Watcher
from modeling.training_run import ResumeError, Run, TrainingResult

__all__ = ["ResumeError", "TrainingResult", "train"]


def train(
    data: Labelled,
    validation: Labelled | None,
    settings: Preset,
    out: str | Path,
    *,
    provenance: Mapping[str, str] | None = None,
    init: str | Path | None = None,
    resume: bool = False,
    augmentation: Augmentation | None = None,
    workers: int | None = None,
    accelerator: str = "auto",
    devices: int = 1,
    watcher: Watcher | None = None,
) -> TrainingResult:
    """The trained network's checkpoints and curves, in the folder `out`.

    `provenance` names the data (label table, split, image cache) by hashes and goes into the cards;
    `init` is a checkpoint to start the weights from; how images are changed, where the settings
    say that they are, is `augmentation`'s, by default cautious.
    With `resume` a training in `out` goes on, else the folder must hold none. On a CPU with the
    same number of threads the weights are bit for bit those of a training that was never stopped.
    Under torchrun each process is a rank. Errors: ResumeError, CheckpointError, those of
    build_network, ValueError for no images or other findings.
    """
    if not len(data) or (validation is not None and validation.findings != data.findings):
        raise ValueError(
            f"training: found {len(data)} images and validation of "
            f"{getattr(validation, 'findings', None)}, expected images, and the same findings "
            f"{data.findings}. Check the split and the join of images and labels."
        )
    fabric = make_fabric(settings, accelerator, devices)
    run = Run(
        data, validation, settings, Path(out), fabric, dict(provenance or {}),
        default_workers(fabric.device) if workers is None else workers,
        (augmentation or Augmentation()) if settings.augment else None,
        watcher or NobodyWatches(),
    )  # fmt: skip
    run.prepare(init, resume)
    return run.go()
