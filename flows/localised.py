"""The folder that `localise` leaves, as later verbs read it."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import BOXES, IMAGES, PREDICTIONS, read_table
from flows.gallery import gallery_of, read_scores
from flows.output import OutputRefused, read_run
from flows.quoting import reports_of_images
from flows.tables import find_labels
from mining.quoting import sentence_of
from modeling.checkpoints import CheckpointError, find_checkpoint, read_card
from modeling.gallery import Gallery
from modeling.heatmaps import Heatmaps, load_heatmaps
from modeling.lineage import BoxName, Lineage, trace_box
from modeling.splits import TRAIN


@dataclass(frozen=True)
class LocalisedFolder:
    """Where a run of `localise` lies, and what it was made from."""

    folder: Path
    checkpoint: Path
    labels: Path | None
    truth: Path | None
    scored: bool = True  # against this truth, in its box_scores.json

    @property
    def boxes(self) -> pa.Table:
        """The boxes it drew."""
        return read_table(self.folder / "boxes.parquet", BOXES)

    @property
    def images(self) -> pa.Table:
        """The images it looked at, in the sizes that boxes are measured in."""
        return read_table(self.folder / "images.parquet", IMAGES)


def open_localised(folder: Path, **instead: Path | None) -> LocalisedFolder:
    """The run in this folder; `checkpoint`, `labels` and `truth` replace the recorded places.

    Errors: OutputRefused when `localise` has not written it.
    """
    record = read_run(folder)
    if record["command"] != "localise":
        raise OutputRefused(folder, f"the result of {record['command']}")
    places = record["input"] | {name: path for name, path in instead.items() if path is not None}
    return LocalisedFolder(
        folder,
        Path(places["checkpoint"]),
        Path(places["labels"]) if places["labels"] else None,
        Path(places["truth"]) if places["truth"] else None,
        places["truth"] == record["input"]["truth"],
    )


def make_gallery(run: LocalisedFolder, *, count: int, finding: str | None, title: str) -> Gallery:
    """The gallery of a run, of one finding if wanted. Errors: those of its tables.

    Mined heat is shown step by step while the checkpoint that made it is still there.
    """
    heatmaps = load_heatmaps(run.folder)
    return gallery_of(
        run.images,
        boxes=run.boxes,
        predictions=read_table(run.folder / "predictions.parquet", PREDICTIONS),
        heatmaps=heatmaps,
        truth=run.truth,
        labels=run.labels,
        count=count,
        finding=finding,
        title=title,
        facts={"checkpoint": heatmaps.checkpoint_id, "heat": heatmaps.method},
        scores=read_scores(run.folder) if run.scored else None,
        checkpoint=run.checkpoint if made_by(run, heatmaps) else None,
    )


def made_by(run: LocalisedFolder, heatmaps: Heatmaps) -> bool:
    """Whether the run's checkpoint is there, and is the one that made these heatmaps."""
    try:
        return read_card(run.checkpoint).checkpoint_id == heatmaps.checkpoint_id
    except CheckpointError:
        return False


def trace(run: LocalisedFolder, name: BoxName, *, most: int) -> Lineage:
    """The lineage of a box of this run. Errors: LineageError, those of its tables."""
    labels = find_labels(run.labels) if run.labels else None
    report_id = None
    if labels is not None:
        report_id = reports_of_images(run.images, labels).get(name.image_id)
    training = find_checkpoint(run.checkpoint).parent.parent
    return trace_box(
        run.boxes,
        name,
        checkpoint=run.checkpoint,
        labels=labels,
        report_id=report_id,
        trained_on=_trained_on(training),
        sentence_of=sentence_of,
        most=most,
    )


def _trained_on(training: Path) -> pa.Array | None:
    """The ids of the reports whose images a training learnt from; None when it does not say."""
    joins, images = training / "joins.parquet", training / "images.parquet"
    if not (joins.is_file() and images.is_file()):
        return None
    shown = read_table(images, IMAGES).filter(pc.field("split") == TRAIN)["image_id"]
    pairs = read_table(joins)
    learnt = pairs.filter(pc.is_in(pairs["image_id"], value_set=shown.combine_chunks()))
    return pc.unique(learnt["report_id"])
