"""An ablation from the command line: the data once, then every recipe on it."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import typer
from rich.console import Console

from flows.train_stages import TrainJob, sides_of
from flows.training_run import prepare_data
from modeling.ablation import ablation_grid, cells_of, run_grid, summarise, write_ablation
from modeling.assessment import score_checkpoint
from modeling.checkpoints import network_of
from modeling.data_sides import Sides
from modeling.losses import loss
from modeling.presets import PresetError
from modeling.samples import Labelled
from modeling.scoring import Scored
from modeling.splits import TEST, TRAIN, VAL

_DATA_SETTINGS = ("image_size", "seed")


def run_ablation(
    job: TrainJob, grid: Mapping[str, Sequence[str]], out: Path, *, seeds: int
) -> None:
    """Leaves ablation.json, ablation.md and all trainings in `out`, and prints the table.

    Errors: PresetError for a grid that cannot be; ResumeError when `out` holds other trainings.
    """
    for key in _DATA_SETTINGS:
        if key in grid:
            raise PresetError(key, ",".join(grid[key]), "one value for the whole grid")
    cells = cells_of(job.settings, grid)
    for cell in cells:  # a mistake in the last one is told before the first one trains
        network_of(cell.settings, job.names(), cell.settings.weights)
        loss(cell.settings.loss, reduction=cell.settings.reduction)
    record = prepare_data(job, out, "ablate")
    sides = sides_of(job, out)
    data, test = sides.part(TRAIN)[0], sides.part(TEST)[0]
    score = partial(_score, accelerator=job.accelerator)
    found = run_grid(
        cells, data, sides.parts.get(VAL), test, out / "runs", seeds=seeds, score=score,
        provenance=sides.provenance, begun=_say, workers=job.workers, accelerator=job.accelerator,
    )  # fmt: skip
    results = summarise(
        cells, found, findings=data.findings, patients=test.patient_ids, replicates=job.replicates
    )
    write_ablation(results, out, _about(job, sides, seeds, len(test)))
    record.finish(cells=[cell.name for cell in cells], seeds=seeds)
    ablation_grid(results).print(Console(highlight=False, width=max(120, 40 * len(results))))
    typer.echo(f"{out}: ablation.json, ablation.md")


def _about(job: TrainJob, sides: Sides, seeds: int, test: int) -> dict[str, object]:
    return {
        "preset": job.settings.to_json(),
        "data": dict(sides.provenance),
        "seeds": seeds,
        "test_images": test,
        "replicates": job.replicates,
    }


def _score(checkpoint: Path, data: Labelled, *, accelerator: str) -> Scored:
    return score_checkpoint(checkpoint, data, accelerator=accelerator)[0]


def _say(cell: str, seed: int, number: int, total: int) -> None:
    typer.echo(f"[{number}/{total}] {cell} seed {seed}", err=True)
