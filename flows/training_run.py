"""Training without Prefect: the stages in this process, into the folder that is named."""

import os
import time
from pathlib import Path

import typer

from flows.output import OutputRefused
from flows.train_stages import TrainJob, evaluate_on, train_on, write_dataset
from flows.training_watch import TrainingWatch
from modeling.auc import short

_DATA = "data.json"


def train_here(job: TrainJob, out: Path, *, resume: bool = False) -> None:
    """Trains and judges `job` in the folder `out`; with `resume` goes on where one stopped.

    Errors: OutputRefused when `out` holds anything and nothing is to be resumed; those of the
    stages.
    """
    there = out.is_dir() and any(out.iterdir())
    if there and not (resume and (out / _DATA).is_file()) and not _other_rank():
        found = "a training" if (out / _DATA).is_file() else "files of something else"
        raise OutputRefused(out, found)
    out.mkdir(parents=True, exist_ok=True)
    prepare_data(job, out)
    watch = TrainingWatch()
    try:
        result = train_on(
            job, out, out, resume=resume, watcher=watch if not _other_rank() else None
        )
    finally:
        watch.end()
    if _other_rank():
        return
    typer.echo(
        f"{out}: {result.steps:,} steps, {result.images_per_second:,.0f} images/s, "
        f"best {result.best.name}, validation AUC {short(result.metrics.get('auc'))}"
    )
    counts = evaluate_on(job, out, out, out)
    area = counts["macro_auc"]
    typer.echo(
        f"{out}/evaluation.md: AUC {short(area['value'])} [{short(area['low'])}, "
        f"{short(area['high'])}] on {counts['images']:,} test images"
    )


def prepare_data(job: TrainJob, out: Path) -> None:
    """Leaves the data set of a job in `out`, unless it is there; only the first rank makes it."""
    while _other_rank() and not (out / _DATA).is_file():
        time.sleep(1)
    if not (out / _DATA).is_file():
        counts = write_dataset(job, out)
        typer.echo(", ".join(f"{value:,} {name}" for name, value in counts.items()), err=True)


def _other_rank() -> bool:
    """Whether torchrun has started this process beside the one that speaks."""
    return int(os.environ.get("RANK", "0")) > 0
