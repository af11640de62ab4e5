"""`cxrmine ablate`."""

from typing import Annotated, Any

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
    NotMentioned,
    Out,
    PresetName,
    Set,
    Size,
    SplitFile,
    Steps,
    Uncertain,
    Weights,
    Workers,
)


def ablate(
    labels: Labels,
    images: Images,
    out: Out,
    grid: Annotated[
        list[str],
        typer.Option(
            help="What to vary, as pooling=average,max,lse; repeated for a grid. backbone=all, "
            "pooling=all, r=all and loss=all are the paper's values."
        ),
    ],
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each recipe.")] = 3,
    preset: PresetName = "chestxray8",
    backbone: Backbone = None,
    size: Size = None,
    weights: Weights = None,
    epochs: Epochs = None,
    steps: Steps = None,
    batch: BatchSize = None,
    accumulate: Accumulate = None,
    changes: Set = None,
    findings: Findings = None,
    split: SplitFile = None,
    uncertain: Uncertain = "ignore",
    not_mentioned: NotMentioned = "zero",
    accelerator: Accelerator = "auto",
    workers: Workers = None,
    bootstrap: Annotated[int, typer.Option(min=1, help="Draws of patients for intervals.")] = 1000,
) -> None:
    """Trains every recipe of a grid with several seeds and fills the whole table, with intervals.

    Started again with the same options it goes on where it was stopped.
    """
    from flows.ablation_run import run_ablation
    from flows.cli.train_options import make_train_job
    from modeling.ablation import read_grid

    settings: dict[str, Any] = {
        "backbone": backbone, "image_size": size, "weights": weights, "batch": batch,
        "accumulate": accumulate,
    }  # fmt: skip
    job = make_train_job(
        labels, images, preset, changes, findings=findings, epochs=epochs, steps=steps,
        job={"split": split, "uncertain": uncertain, "not_mentioned": not_mentioned,
             "accelerator": accelerator, "workers": workers, "replicates": bootstrap},
        **settings,
    )  # fmt: skip
    run_ablation(job, read_grid(grid), out, seeds=seeds)
