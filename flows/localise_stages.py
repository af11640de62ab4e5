"""The stages of localising: predict, boxes, untrained, evaluate, gallery."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from data_contracts import BOXES, IMAGES, PREDICTIONS, REJECTS, read_table, write_table
from flows.gallery import SCORES, gallery_of, read_scores
from flows.image_folder import STAGE
from flows.localise_job import (
    ALL,
    ANNOTATED,
    LocaliseJob,
    gallery_facts,
    job_images,
    options_text,
)
from flows.localise_scores import images_with_truth, score_localised
from modeling.box_files import read_boxes, read_rows
from modeling.heatmaps import load_heatmaps
from modeling.localisation import draw_boxes, look_at, rows_of


def run_localise_stage(
    stage: str, job: LocaliseJob, givers: Mapping[str, Path], out: Path
) -> dict[str, Any]:
    """Writes the stage's files into `out`; `givers` are the folders of earlier stages.

    What comes back are its counts.
    """
    made: dict[str, Any] = _STAGES[stage](job, givers, out)
    return made


def _predict(job: LocaliseJob, givers: Mapping[str, Path], out: Path) -> dict[str, Any]:
    """Scores and heatmaps of all findings, from one pass over the images."""
    images = job_images(job)
    sight = look_at(
        job.checkpoint, images, out, method=job.method, batch=job.batch, device=job.device
    )
    made_from = {"checkpoint": sight.card.checkpoint_id}
    write_table(out / "predictions.parquet", sight.predictions, PREDICTIONS, made_from)
    rejects = pa.concat_tables([*_refused(job.images), sight.rejects])
    write_table(out / "rejects.parquet", rejects, REJECTS, made_from)
    return {"images": images.num_rows, "kept": sight.images.num_rows,
            "rejects": rejects.num_rows}  # fmt: skip


def _refused(images: Path) -> list[pa.Table]:
    """What was no image in the folder that the table was made of, if it was (`images_table`)."""
    beside = images.with_name("rejects.parquet")
    made = images.parent.parent.name == STAGE and beside.is_file()
    return [read_table(beside, REJECTS)] if made else []


def _boxes(job: LocaliseJob, givers: Mapping[str, Path], out: Path) -> dict[str, Any]:
    seen = givers["predict"]
    rows = None
    if job.rows == ANNOTATED and job.truth is not None:
        rows = rows_of(read_boxes(job.truth).accepted)
    elif job.rows != ALL:
        rows = read_rows(Path(job.rows))
    heatmaps = load_heatmaps(seen)
    boxes = draw_boxes(
        heatmaps,
        job_images(job),
        options=job.options,
        rows=rows,
        min_score=job.min_score,
        predictions=read_table(seen / "predictions.parquet", PREDICTIONS),
        device=job.device,
    )
    made_from = {
        "checkpoint": heatmaps.checkpoint_id,
        "method": job.method,
        "options": options_text(job.options),
        "rows": job.rows if job.rows in (ALL, ANNOTATED) else "listed",
        "min_score": repr(job.min_score),
    }
    write_table(out / "boxes.parquet", boxes, BOXES, made_from)
    return {"boxes": boxes.num_rows, "rows": len(rows_of(boxes))}


def _untrained(job: LocaliseJob, givers: Mapping[str, Path], out: Path) -> dict[str, Any]:
    """What the same network saw before any training, in the images with true boxes."""
    images = images_with_truth(job)
    sight = look_at(
        job.checkpoint, images, out, method=job.method, batch=job.batch, device=job.device,
        untrained=True,
    )  # fmt: skip
    return {"images": sight.images.num_rows}


def _evaluate(job: LocaliseJob, givers: Mapping[str, Path], out: Path) -> dict[str, Any]:
    """box_scores.json: what `cxrmine evaluate-boxes --json` writes, baselines and all."""
    figures, counts = score_localised(
        job,
        seen=givers["predict"],
        boxes=givers["boxes"],
        untrained=givers["untrained"],
    )
    (out / SCORES).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return counts


def _gallery(job: LocaliseJob, givers: Mapping[str, Path], out: Path) -> dict[str, Any]:
    images = job_images(job)
    page = gallery_of(
        images,
        boxes=read_table(givers["boxes"] / "boxes.parquet", BOXES),
        predictions=read_table(givers["predict"] / "predictions.parquet", PREDICTIONS),
        heatmaps=load_heatmaps(givers["predict"]),
        truth=job.truth,
        labels=job.labels,
        count=job.cards,
        facts=gallery_facts(job),
        scores=read_scores(givers["evaluate"]) if "evaluate" in givers else None,
        checkpoint=job.checkpoint,
        device=job.device,
    )
    page.write(out / "gallery.html")
    write_table(out / "images.parquet", images, IMAGES)
    return {"cards": page.cards, "images": page.images, "unreadable": len(page.unreadable)}


_STAGES = {
    "predict": _predict,
    "boxes": _boxes,
    "untrained": _untrained,
    "evaluate": _evaluate,
    "gallery": _gallery,
}
