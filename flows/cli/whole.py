"""What `cxrmine run` does when images are given: label → train → localise."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from flows.road import Job
    from flows.whole import Whole


def run_with_images(
    reports: "Job",
    images: Path,
    out: Path,
    *,
    preset: str,
    changes: list[str] | None,
    truth: Path | None,
    **settings: Any,
) -> int:
    """The exit code of the whole road, told on the way. Errors: those of the flows."""
    from flows.cli.finish import finish
    from flows.cli.train_options import make_train_job, read_changes
    from flows.whole import LABELS, WholeJob, run_whole

    given = read_changes(changes)
    if "steps" in given and "epochs" not in given:  # an epoch's count would go before the steps
        changes = [*(changes or []), "epochs=0"]
    training = make_train_job(
        out / LABELS, images, preset, changes, findings=None, epochs=None, steps=None, job={}
    )
    job = WholeJob(reports, images, training.settings, truth, stage=training.stage, **settings)
    result = run_whole(job, out)
    code = finish(result.labels)
    if result.model is not None and result.boxes is not None:
        tell_whole(result)
    return code


def tell_whole(result: "Whole") -> None:
    """Prints what training and localising came to, and what to open."""
    from flows.cli.localise import tell
    from modeling.auc import short

    model, boxes = result.model, result.boxes
    assert model is not None and boxes is not None
    judged = model.counts["evaluate"]
    area = judged["macro_auc"]
    typer.echo(
        f"{model.out}/evaluation.md: AUC {short(area['value'])} [{short(area['low'])}, "
        f"{short(area['high'])}] on {judged['images']:,} test images"
    )
    tell(boxes)
    typer.echo("")
    typer.echo(f"Open {boxes.out}/gallery.html: images, heat, boxes and the reports' sentences.")
    if name := surest_box(boxes.out):
        typer.echo(f"From a box to the sentences behind it: cxrmine trace {name} {boxes.out}")


def surest_box(folder: Path) -> str | None:
    """The name of the first box of the image and finding with the highest score; None for none."""
    from data_contracts import BOXES, PREDICTIONS, read_table

    boxes = read_table(folder / "boxes.parquet", BOXES)
    drawn = set(zip(boxes["image_id"].to_pylist(), boxes["finding"].to_pylist(), strict=True))
    seen = read_table(folder / "predictions.parquet", PREDICTIONS).sort_by(
        [("score", "descending")]
    )
    for row in seen.select(["image_id", "finding"]).to_pylist():
        if (row["image_id"], row["finding"]) in drawn:
            return f"{row['image_id']}:{row['finding']}"
    return None
