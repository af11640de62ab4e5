"""The stages of localising: what each reads, what it depends on, what it writes."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import (
    BOXES,
    IMAGES,
    PREDICTIONS,
    REJECTS,
    content_hash,
    read_table,
    write_table,
)
from flows.quoting import what_reports_say
from flows.tables import find_labels
from modeling.box_files import read_boxes, read_rows
from modeling.box_options import BoxOptions
from modeling.box_ranking import rank_boxes
from modeling.box_scores import score_boxes
from modeling.checkpoints import read_card
from modeling.choices import choose
from modeling.gallery import render_gallery
from modeling.gallery_cards import choose_cards, make_cards
from modeling.heatmaps import METHODS, load_heatmaps
from modeling.localisation import (
    LocalisationError,
    draw_boxes,
    look_at,
    rows_of,
    with_original_size,
)

# Raised by hand when a stage's code changes what it writes.
VERSIONS = {"predict": 1, "boxes": 1, "evaluate": 1, "gallery": 1}
ALL, ANNOTATED = "all", "annotated"


@dataclass(frozen=True)
class LocaliseJob:
    """What to localise and how."""

    checkpoint: Path  # of a checkpoint, or of a training, whose best one is taken
    images: Path  # a table of images
    truth: Path | None = None  # NIH's box list, or a table of boxes
    labels: Path | None = None  # a label table, or the folder of the run that made it
    split: str | None = None  # only the images of this split
    original: tuple[int, int] | None = None  # width, height, where the files are smaller copies
    method: str = "cam"
    options: BoxOptions = field(default_factory=BoxOptions)
    rows: str = (
        ALL  # which rows get boxes: all, annotated (in the truth), or a file that lists them
    )
    min_score: float = 0.0
    device: str = "auto"
    batch: int = 32
    cards: int = 160
    bootstrap: int = 1000

    def checked(self) -> "LocaliseJob":
        """Itself, with mistakes told before any work. LocalisationError, CheckpointError, …"""
        choose("method", self.method, METHODS)
        read_card(self.checkpoint)
        if self.rows == ANNOTATED and self.truth is None:
            raise LocalisationError("rows annotated without a truth", "both", "Give --truth.")
        if self.labels is not None:
            find_labels(self.labels)
        if not job_images(self).num_rows:
            split = f"split {self.split!r}" if self.split else "any split"
            raise LocalisationError(f"no image of {split} in {self.images}", "some", "Check it.")
        return self

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages that this job passes."""
        return tuple(name for name in VERSIONS if name != "evaluate" or self.truth is not None)


def job_images(job: LocaliseJob) -> pa.Table:
    """The images of the job; their width and height are the pixels that boxes are drawn in."""
    images = read_table(job.images, IMAGES)
    if job.split is not None:
        images = images.filter(pc.field("split") == job.split)
    return images if job.original is None else with_original_size(images, job.original)


def job_inputs(stage: str, job: LocaliseJob) -> dict[str, str]:
    """The hashes of what the stage reads besides earlier stages: content, never names or times."""
    if stage == "predict":
        return {
            "checkpoint": read_card(job.checkpoint).checkpoint_id,
            "images": _images_hash(job, ("image_id",)),
        }
    inputs = {"images": _images_hash(job, ("image_id", "width", "height"))}
    if job.truth is not None and (stage != "boxes" or job.rows == ANNOTATED):
        inputs["truth"] = _file_hash(job.truth)
    if stage in ("boxes", "evaluate") and job.rows not in (ALL, ANNOTATED):
        inputs["rows"] = _file_hash(Path(job.rows))
    if stage == "gallery":
        inputs["paths"] = _digest(job_images(job)["path"].to_pylist())
        if job.labels is not None:
            path = find_labels(job.labels)
            beside = [
                path,
                *(path.with_name(f"{name}.parquet") for name in ("mentions", "reports")),
            ]
            inputs |= {item.stem: content_hash(item) for item in beside if item.exists()}
    return inputs


def job_fingerprint(stage: str, job: LocaliseJob) -> dict[str, str]:
    """The settings and versions that the stage's files depend on."""
    prints = {"stage_version": str(VERSIONS[stage]), "cxrmine_version": version("cxrmine")}
    if stage == "predict":
        prints["method"] = job.method
    if stage == "boxes":
        prints["options"] = _options(job.options)
        prints["min_score"] = repr(job.min_score)
    if stage in ("boxes", "evaluate"):
        prints["rows"] = job.rows if job.rows in (ALL, ANNOTATED) else "listed"
    if stage == "evaluate":
        prints["bootstrap"] = str(job.bootstrap)
    if stage == "gallery":
        prints["cards"] = str(job.cards)
        prints["facts"] = _digest(_facts(job))
    return prints


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
        "options": _options(job.options),
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
    heatmaps = load_heatmaps(givers["predict"])
    boxes = read_table(givers["boxes"] / "boxes.parquet", BOXES)
    truth = None
    if job.truth is not None:
        truth = read_boxes(job.truth).accepted
        truth = truth.filter(pc.field("image_id").isin(images["image_id"].combine_chunks()))
    predictions = read_table(givers["predict"] / "predictions.parquet", PREDICTIONS)
    cards = make_cards(boxes, truth, predictions=predictions)
    chosen = choose_cards(cards, job.cards)
    said = what_reports_say(images, job.labels, [(c.image_id, c.finding) for c in chosen])
    full = make_cards(boxes, truth, predictions=predictions, labels=said.labels, quotes=said.quotes)
    page = render_gallery(
        choose_cards(full, job.cards), images, heatmaps=heatmaps, facts=_facts(job),
        total=len(cards),
    )  # fmt: skip
    page.write(out / "gallery.html")
    write_table(out / "images.parquet", images, IMAGES)
    return {"cards": page.cards, "images": page.images, "unreadable": len(page.unreadable)}


def _facts(job: LocaliseJob) -> dict[str, str]:
    """What stands under the gallery's title."""
    card = read_card(job.checkpoint)
    return {
        "checkpoint": card.checkpoint_id,
        "network": f"{card.preset['backbone']}, {card.preset['pooling']}",
        "trained": f"{card.step} steps",
        "heat": job.method,
        "thresholds": " and ".join(f"{value:g}" for value in job.options.thresholds),
    }


def _options(options: BoxOptions) -> str:
    """The options as text; what workers there are changes nothing."""
    values = asdict(options)
    del values["workers"]
    values["priors"] = {name: _digest(prior.tolist()) for name, prior in options.priors.items()}
    return json.dumps(values, sort_keys=True)


def _images_hash(job: LocaliseJob, names: tuple[str, ...]) -> str:
    """Over these columns and the content; a file of unknown content counts by size and time."""
    columns = (job_images(job)[name].to_pylist() for name in (*names, "sha256", "path"))
    return _digest([(*row, sha or _stamp(path)) for *row, sha, path in zip(*columns, strict=True)])


def _stamp(path: str) -> str:
    try:
        stat = os.stat(path)
    except OSError:
        return "missing"
    return f"{stat.st_size} {stat.st_mtime_ns}"


def _file_hash(path: Path) -> str:
    if path.is_dir():
        return content_hash(path)
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


_STAGES = {"predict": _predict, "boxes": _boxes, "evaluate": _evaluate, "gallery": _gallery}
