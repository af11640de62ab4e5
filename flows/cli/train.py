"""`cxrmine train`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.train_options import (
    Accelerator,
    Accumulate,
    Backbone,
    BatchSize,
    Epochs,
    Findings,
    Images,
    Labels,
    Loss,
    NotMentioned,
    Out,
    Pooling,
    PresetName,
    R,
    Seed,
    Set,
    Size,
    SplitFile,
    Steps,
    Uncertain,
    Weights,
    Workers,
)


def train(
    labels: Labels,
    images: Images,
    out: Out,
    preset: PresetName = "chestxray8",
    backbone: Backbone = None,
    pooling: Pooling = None,
    r: R = None,
    loss: Loss = None,
    size: Size = None,
    weights: Weights = None,
    epochs: Epochs = None,
    steps: Steps = None,
    batch: BatchSize = None,
    accumulate: Accumulate = None,
    seed: Seed = None,
    changes: Set = None,
    findings: Findings = None,
    split: SplitFile = None,
    uncertain: Uncertain = "ignore",
    not_mentioned: NotMentioned = "zero",
    init: Annotated[
        Path | None, typer.Option(help="Checkpoint whose weights the training starts from.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the training that is in --out.")
    ] = False,
    accelerator: Accelerator = "auto",
    devices: Annotated[int, typer.Option(min=1, help="GPUs; or start it by torchrun.")] = 1,
    workers: Workers = None,
) -> None:
    """Trains a network on mined labels and judges it on the test images."""
    from flows.cli.train_options import make_train_job
    from flows.training_run import train_here

    job = make_train_job(
        labels, images, preset, changes, findings=findings, epochs=epochs, steps=steps,
        backbone=backbone, pooling=pooling, r=r, loss=loss, image_size=size, weights=weights,
        batch=batch, accumulate=accumulate, seed=seed,
        job={"split": split, "uncertain": uncertain, "not_mentioned": not_mentioned,
             "init": init, "accelerator": accelerator, "devices": devices, "workers": workers},
    )  # fmt: skip
    train_here(job, out, resume=resume)
