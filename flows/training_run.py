"""Training without Prefect: the stages in this process, into the folder that is named."""

import json
import time
from pathlib import Path

import typer

from data_contracts import content_hash
from flows.output import OutputRefused
from flows.train_stages import TrainJob, evaluate_on, sides_of, train_on, write_dataset
from flows.training_record import DATA, Record
from flows.training_watch import TrainingWatch
from modeling.auc import short
from modeling.checkpoints import network_of
from modeling.devices import end_ranks, is_first_rank
from modeling.labelled_images import labels_path
from modeling.losses import loss
from modeling.training_run import ResumeError


def train_here(job: TrainJob, out: Path, *, resume: bool = False) -> None:
    """Trains and judges `job` in the folder `out`; with `resume` goes on where one stopped.

    Under torchrun the first rank alone prepares the data, speaks, and judges. Errors: OutputRefused
    when `out` holds anything and nothing is to be resumed; those of the stages.
    """
    there = out.is_dir() and any(out.iterdir())
    if there and not (resume and (out / DATA).is_file()) and is_first_rank():
        found = "a training" if (out / DATA).is_file() else "files of something else"
        raise OutputRefused(out, found)
    # Before hours of decoding: whether there is such a network, and whether its weights fit.
    network_of(job.settings, job.names(), job.settings.weights)
    loss(job.settings.loss, reduction=job.settings.reduction)
    record = prepare_data(job, out, "train")
    watch = TrainingWatch()
    try:
        result = train_on(job, out, out, resume=resume, watcher=watch if is_first_rank() else None)
    finally:
        watch.end()
    end_ranks()
    if not is_first_rank():
        return
    typer.echo(
        f"{out}: {result.steps:,} steps, {result.images_per_second:,.0f} images/s, "
        f"best {result.best.name}, validation AUC {short(result.metrics.get('auc'))}"
    )
    counts = evaluate_on(job, out, out, out)
    area = counts["macro_auc"]
    record.finish(
        steps=result.steps, best=result.best.name, validation=dict(result.metrics), test=counts
    )
    typer.echo(
        f"{out}/evaluation.md: AUC {short(area['value'])} [{short(area['low'])}, "
        f"{short(area['high'])}] on {counts['images']:,} test images"
    )


def prepare_data(job: TrainJob, out: Path, command: str) -> Record:
    """The record of this call, once the data set of the job lies in `out`.

    It is left as it is when it is there. Only the first rank makes anything. ResumeError when the
    data there was made from other labels.
    """
    record = Record(job, out, command)
    while not is_first_rank() and not (out / DATA).is_file():
        time.sleep(1)
    if not is_first_rank():
        return record
    out.mkdir(parents=True, exist_ok=True)
    if (out / DATA).is_file():
        used = json.loads((out / DATA).read_text())["labels"]
        given = content_hash(labels_path(job.labels))
        if given != used:
            raise ResumeError(out, "labels", used[:12], given[:12])
    else:
        counts = write_dataset(job, out)
        typer.echo(", ".join(f"{value:,} {name}" for name, value in counts.items()), err=True)
    record.write(sides_of(job, out).provenance)
    return record
