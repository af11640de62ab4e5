"""What to localise and how, and what the result of each stage depends on."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import (
    IMAGES,
    content_hash,
    read_table,
)
from flows.image_folder import images_table
from flows.tables import find_labels
from flows.training_record import labels_trained_on
from modeling.box_options import BoxOptions
from modeling.checkpoints import read_card
from modeling.choices import choose
from modeling.heatmaps import METHODS
from modeling.localisation import (
    LocalisationError,
    with_original_size,
)
from modeling.splits import TEST

_LOOKS = (
    "localisation.py", "heatmaps.py", "cell_centres.py", "gradcam.py", "network.py",
    "multiscale.py", "attention.py", "attention_stage.py", "attention_training.py",
    "backbones.py", "pooling.py", "scoring.py", "pixel_cache.py", "pixel_shards.py",
    "image_reading.py", "dicom.py",
)  # fmt: skip
_DRAWS = (
    "localisation.py", "boxes.py", "cells.py", "box_regions.py", "box_options.py", "box_choice.py",
)  # fmt: skip
# What each stage's files depend on in modeling/: a change there makes the stage anew.
SOURCES: Mapping[str, tuple[str, ...]] = {
    "predict": _LOOKS,
    "boxes": _DRAWS,
    "untrained": (*_LOOKS, "untrained.py", "checkpoints.py"),
    "evaluate": (*_DRAWS, "box_scores.py", "box_counts.py", "box_overlaps.py", "box_ranking.py",
                 "box_comparisons.py", "box_baselines.py", "box_differences.py", "box_tuning.py"),
    "gallery": (*_LOOKS, "attention_views.py",
                "gallery.py", "gallery_cards.py", "overlays.py", "cells.py", "pages.py",
                "quotes.py", "box_overlaps.py", "box_comparison_views.py", "templates/page.html",
                "templates/page.css",
                "templates/parts.html", "templates/gallery.html", "templates/gallery.css",
                "templates/gallery.js"),
}  # fmt: skip
ALL, ANNOTATED = "all", "annotated"


@dataclass(frozen=True)
class LocaliseJob:
    """What to localise and how."""

    checkpoint: Path  # of a checkpoint, or of a training, whose best one is taken
    images: Path  # a table of images, or a folder of PNG, JPEG or DICOM files
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
        """Itself with the table of its images, mistakes told first. LocalisationError, …"""
        choose("method", self.method, METHODS)
        read_card(self.checkpoint)
        self = replace(self, images=images_table(self.images))
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
        scoring = ("untrained", "evaluate")
        return tuple(name for name in SOURCES if name not in scoring or self.truth is not None)


def after_training(folder: Path, *, split: str | None = TEST, **settings: Any) -> LocaliseJob:
    """The job that localises the images of a training, by default those it was never shown.

    `folder` is what the flow `train` wrote; the labels are those it was trained on. `settings` are
    further ones of the job. LocalisationError when there are no images in it.
    """
    images = folder / "images.parquet"
    if not images.is_file():
        raise LocalisationError(
            f"no images.parquet in {folder}", "the folder of a training", "Name the images."
        )
    labels = settings.pop("labels", None) or labels_trained_on(folder)
    return LocaliseJob(checkpoint=folder, images=images, split=split, labels=labels, **settings)


def job_images(job: LocaliseJob) -> pa.Table:
    """The images of the job, by absolute paths; width and height are the pixels of boxes.

    Relative paths are relative to here or, where there is no such file, to the table.
    """
    images = read_table(job.images, IMAGES)
    if job.split is not None:
        images = images.filter(pc.field("split") == job.split)
    paths = [
        str((path if path.exists() else job.images.parent / path).resolve())
        for path in map(Path, images["path"].to_pylist())
    ]
    place = images.schema.get_field_index("path")
    field_ = images.schema.field(place)
    images = images.set_column(place, field_, pa.array(paths, pa.string()))
    return images if job.original is None else with_original_size(images, job.original)


def job_inputs(stage: str, job: LocaliseJob) -> dict[str, str]:
    """The hashes of what the stage reads besides earlier stages: content, never names or times."""
    if stage in ("predict", "untrained"):
        inputs = {
            "checkpoint": read_card(job.checkpoint).checkpoint_id,
            "images": _images_hash(job, ("image_id",)),
        }
        if stage == "untrained" and job.truth is not None:  # which images have true boxes
            inputs["truth"] = _file_hash(job.truth)
        return inputs
    # Scores are drawn by patient, whom the table names.
    whose = ("patient_id",) if stage == "evaluate" else ()
    inputs = {"images": _images_hash(job, ("image_id", "width", "height", *whose))}
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
    home = resources.files("modeling")
    prints = {
        name: hashlib.sha256(home.joinpath(name).read_bytes()).hexdigest()
        for name in SOURCES[stage]
    }
    if stage in ("predict", "untrained"):
        prints["method"] = job.method
    if stage in ("boxes", "evaluate"):
        prints["options"] = options_text(job.options)
        prints["min_score"] = repr(job.min_score)
    if stage in ("boxes", "evaluate"):
        prints["rows"] = job.rows if job.rows in (ALL, ANNOTATED) else "listed"
    if stage == "evaluate":
        prints["bootstrap"] = str(job.bootstrap)
    if stage == "gallery":
        prints["cards"] = str(job.cards)
        prints["facts"] = _digest(gallery_facts(job))
    return prints


def options_text(options: BoxOptions) -> str:
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


def gallery_facts(job: LocaliseJob) -> dict[str, str]:
    """What stands under the gallery's title."""
    card = read_card(job.checkpoint)
    return {
        "checkpoint": card.checkpoint_id,
        "network": f"{card.preset['backbone']}, {card.preset['pooling']}",
        "trained": f"{card.step} steps",
        "heat": job.method,
        "thresholds": " and ".join(f"{value:g}" for value in job.options.thresholds),
    }
