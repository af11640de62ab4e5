"""The stages from labels and images to a judged network: what each reads, depends on and leaves."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

from data_contracts import content_hash
from flows.files import digest_file
from modeling.assessment import assess
from modeling.attention_training import MiningStage, train_with_mining
from modeling.checkpoints import find_checkpoint, read_card
from modeling.data_sides import Sides, make_sides, read_data, with_split, write_data
from modeling.evaluation import REPLICATES
from modeling.labelled_images import bring_together, label_findings, labels_path
from modeling.presets import ATTENTION_MINING, Preset
from modeling.splits import TEST, TRAIN, VAL
from modeling.training import TrainingResult, train
from modeling.training_log import Watcher

# stage -> the stages whose files it reads
NEEDS: Mapping[str, tuple[str, ...]] = {
    "dataset": (),
    "train": ("dataset",),
    "evaluate": ("dataset", "train"),
}
# What each stage's files depend on in modeling/: a change there makes the stage anew.
SOURCES: Mapping[str, tuple[str, ...]] = {
    "dataset": ("labelled_images", "data_sides", "splits", "images", "image_reading", "image_joins",
                "nih", "chexpert", "openi", "dicom", "views"),
    "train": ("training", "training_run", "training_step", "training_state", "batches", "samples",
              "dataset", "augmentation", "optimisation", "scoring", "network", "backbones",
              "pooling", "losses", "pixel_cache", "pixel_shards", "targets", "auc", "devices",
              "checkpoints", "presets", "attention", "attention_stage", "attention_training",
              "multiscale", "preservation"),
    "evaluate": ("assessment", "evaluation", "evaluation_tables", "auc", "calibration",
                 "known_facts", "curve_plots", "scoring", "network", "pooling", "targets",
                 "pixel_cache", "pixel_shards"),
}  # fmt: skip


@dataclass(frozen=True)
class TrainJob:
    """What to train on and how; `findings` None = all that the labels have."""

    labels: Path  # a label table, the folder of a run, NIH's or a CheXpert-style CSV
    images: Path  # a table of images, or a folder of PNG, JPEG or DICOM files
    settings: Preset
    findings: tuple[str, ...] | None = None
    split: Path | None = None
    uncertain: str = "ignore"
    not_mentioned: str = "zero"
    init: Path | None = None
    accelerator: str = "auto"  # a GPU where there is one
    devices: int = 1
    workers: int | None = None
    replicates: int = REPLICATES
    stage: MiningStage = field(default_factory=MiningStage)  # preset attention-mining's second

    @property
    def mines(self) -> bool:
        """Whether a second stage mines."""
        return self.settings.name == ATTENTION_MINING.name

    def names(self) -> tuple[str, ...]:
        """The findings to learn. Errors: those of a label file that cannot be read."""
        return self.findings or label_findings(self.labels)


def train_inputs(stage: str, job: TrainJob) -> dict[str, str]:
    """The hashes of what the stage reads besides earlier stages: content, never names or times."""
    if stage == "dataset":
        inputs = {"labels": _label_hash(job.labels), "images": _image_hash(job.images)}
        if job.split is not None:
            lists = sorted(job.split.glob("*.txt")) if job.split.is_dir() else []  # NIH's
            inputs["split"] = _digest([content_hash(path) for path in lists or [job.split]])
        return inputs
    if stage == "train" and job.init is not None:
        return {"init": read_card(job.init).checkpoint_id}
    return {}


def train_fingerprint(stage: str, job: TrainJob) -> dict[str, str]:
    """The settings and the code that the stage's files depend on."""
    prints = dict(_code(SOURCES[stage]))
    if stage != "dataset":
        policy = (job.names(), job.uncertain, job.not_mentioned)
        prints["targets"] = json.dumps(policy)
    if stage == "train":
        prints["settings"] = json.dumps(job.settings.to_json(), sort_keys=True)
        if job.mines:
            prints["stage"] = job.stage.to_text()
        if job.settings.weights not in ("none", "imagenet"):
            prints["weights"] = digest_file(Path(job.settings.weights))
    if stage == "evaluate":
        prints["replicates"] = str(job.replicates)
        prints["size"] = str(job.settings.image_size)
    return prints


def write_dataset(job: TrainJob, out: Path) -> dict[str, Any]:
    """Leaves in `out` the images that have labels, with their side of the split; its counts."""
    data = with_split(bring_together(job.labels, job.images, workers=job.workers), job.split)
    write_data(data, out)
    sides = data.images["split"].to_pylist()
    return {
        "images": len(sides),
        "rejects": data.rejects.num_rows,
        **{side: sides.count(side) for side in (TRAIN, VAL, TEST)},
    }


def sides_of(job: TrainJob, dataset: Path) -> Sides:
    """The parts of the data in the folder `dataset`, from the pixel cache."""
    return make_sides(
        read_data(dataset),
        findings=job.names(),
        size=job.settings.image_size,
        uncertain=job.uncertain,
        not_mentioned=job.not_mentioned,
    )


def train_on(
    job: TrainJob,
    dataset: Path,
    out: Path,
    *,
    resume: bool = True,
    watcher: Watcher | None = None,
) -> TrainingResult:
    """The training of a job on the data in `dataset`, in the folder `out`.

    Preset attention-mining trains twice: the classifier, then attention mining on top of it.
    """
    sides = sides_of(job, dataset)
    data, _ = sides.part(TRAIN)
    how = partial(train_with_mining, stage=job.stage) if job.mines else train
    weights = job.settings.weights
    file = {} if weights in ("none", "imagenet") else {"weights": digest_file(Path(weights))}
    return how(
        data,
        sides.parts.get(VAL),
        job.settings,
        out,
        provenance={**sides.provenance, **file},
        init=job.init,
        resume=resume,
        workers=job.workers,
        accelerator=job.accelerator,
        devices=job.devices,
        watcher=watcher,
    )


def keep_training(trained: Path, out: Path) -> dict[str, Any]:
    """Copies a finished training to `out`: its best checkpoint and its curves; what it reached."""
    best = find_checkpoint(trained)
    shutil.copytree(best, out / "checkpoints" / best.name, copy_function=shutil.copyfile)
    for curve in trained.glob("*.csv"):
        shutil.copyfile(curve, out / curve.name)
    card = read_card(out)
    return {"checkpoint": card.checkpoint_id, "step": card.step, **card.metrics}


def evaluate_on(
    job: TrainJob, dataset: Path, checkpoint: Path, out: Path, *, side: str = TEST
) -> dict[str, Any]:
    """Leaves the evaluation of a checkpoint on one side of the data in `out`; its mean AUC."""
    sides = sides_of(job, dataset)
    data, images = sides.part(side)
    result = assess(
        checkpoint,
        data,
        images,
        out,
        people=sides.people,
        replicates=job.replicates,
        accelerator=job.accelerator,
        provenance=sides.provenance,
    )
    return {"images": result.images, "macro_auc": asdict(result.macro)}


def _label_hash(labels: Path) -> str:
    """The labels and, where a run has left them, its reports (whose study?) and its mentions."""
    table = labels_path(labels)
    beside = [table.with_name(f"{name}.parquet") for name in ("reports", "mentions")]
    parts = [table, *(path for path in beside if path.exists())]
    return _digest([content_hash(path) for path in parts])


def _image_hash(images: Path) -> str:
    """The table of images, which knows their hashes; or all files of the folder."""
    table = images / "images.parquet" if images.is_dir() else images
    if table.is_file():
        people = table.with_name("people.parquet")
        return _digest([content_hash(path) for path in (table, people) if path.exists()])
    if not images.is_dir():
        raise FileNotFoundError(f"{images}: no such file or folder; give images or their table.")
    files = sorted(path for path in images.rglob("*") if path.is_file())
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        hashes = list(pool.map(digest_file, files))
    names = [path.relative_to(images).as_posix() for path in files]
    # The table names the files by their place.
    return _digest([str(images.resolve()), names, hashes])


def _code(names: tuple[str, ...]) -> dict[str, str]:
    home = resources.files("modeling")
    return {
        name: hashlib.sha256(home.joinpath(f"{name}.py").read_bytes()).hexdigest() for name in names
    }


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
