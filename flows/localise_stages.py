"""The stages of localising: predict, boxes, evaluate, gallery."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from data_contracts import BOXES, IMAGES, PREDICTIONS, REJECTS, read_table, write_table
from flows.gallery import gallery_of
from flows.localise_job import (
    ALL,
    ANNOTATED,
    LocaliseJob,
    gallery_facts,
    job_images,
    options_text,
)
from modeling.box_files import read_boxes, read_rows
from modeling.box_ranking import rank_boxes
from modeling.box_scores import score_boxes
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
    write_table(out / "rejects.parquet", sight.rejects, REJECTS, made_from)
    return {"images": images.num_rows, "kept": sight.images.num_rows,
            "rejects": sight.rejects.num_rows}  # fmt: skip


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


def _evaluate(job: LocaliseJob, givers: Mapping[str, Path], out: Path) -> dict[str, Any]:
    """box_scores.json: what `cxrmine evaluate-boxes --json` writes."""
    found = read_table(givers["boxes"] / "boxes.parquet", BOXES)
    assert job.truth is not None
    asked = job_images(job)["image_id"].combine_chunks()
    checked = read_boxes(job.truth)
    # Boxes in images that nobody asked to look at are no misses; in unreadable ones they are.
    true = checked.accepted.filter(pc.field("image_id").isin(asked))
    rows: Any = {ALL: "all", ANNOTATED: "own"}.get(job.rows) or read_rows(Path(job.rows))
    scores = score_boxes(found, true, rows=rows, bootstrap=job.bootstrap)
    figures = scores.to_json() | rank_boxes(found, true, rows=rows)
    figures["counts"]["rejects"] = {"boxes": 0, "truth": checked.rejects.num_rows}
    (out / "box_scores.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return {"true": true.num_rows, "elsewhere": checked.accepted.num_rows - true.num_rows}


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
    )
    page.write(out / "gallery.html")
    write_table(out / "images.parquet", images, IMAGES)
    return {"cards": page.cards, "images": page.images, "unreadable": len(page.unreadable)}


_STAGES = {"predict": _predict, "boxes": _boxes, "evaluate": _evaluate, "gallery": _gallery}
