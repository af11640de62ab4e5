"""The folder that `localise` leaves, as later verbs read it."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from data_contracts import BOXES, IMAGES, PREDICTIONS, read_table
from flows.output import OutputRefused, read_run
from flows.quoting import reports_of_images, sentence_of, what_reports_say
from flows.tables import find_labels
from modeling.box_files import read_boxes
from modeling.gallery import Gallery, render_gallery
from modeling.gallery_cards import choose_cards, make_cards
from modeling.heatmaps import load_heatmaps
from modeling.lineage import BoxName, Lineage, trace_box


@dataclass(frozen=True)
class LocalisedFolder:
    """Where a run of `localise` lies, and what it was made from."""

    folder: Path
    checkpoint: Path
    labels: Path | None
    truth: Path | None

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
    )


def make_gallery(run: LocalisedFolder, *, count: int, finding: str | None, title: str) -> Gallery:
    """The gallery of a run, of one finding if wanted. Errors: those of its tables."""
    images = run.images
    truth = read_boxes(run.truth).accepted if run.truth else None
    if truth is not None:
        known = set(images["image_id"].to_pylist())
        keep = [image in known for image in truth["image_id"].to_pylist()]
        truth = truth.filter(pa.array(keep, pa.bool_()))
    predictions = read_table(run.folder / "predictions.parquet", PREDICTIONS)
    cards = make_cards(run.boxes, truth, predictions=predictions)
    cards = [card for card in cards if finding in (None, card.finding)]
    said = what_reports_say(
        images, run.labels, [(card.image_id, card.finding) for card in choose_cards(cards, count)]
    )
    full = make_cards(
        run.boxes, truth, predictions=predictions, labels=said.labels, quotes=said.quotes
    )
    chosen = choose_cards([card for card in full if finding in (None, card.finding)], count)
    heatmaps = load_heatmaps(run.folder)
    facts = {"checkpoint": heatmaps.checkpoint_id, "heat": heatmaps.method}
    return render_gallery(
        chosen, images, heatmaps=heatmaps, title=title, facts=facts, total=len(cards)
    )


def trace(run: LocalisedFolder, name: BoxName, *, most: int) -> Lineage:
    """The lineage of a box of this run. Errors: LineageError, those of its tables."""
    labels = find_labels(run.labels) if run.labels else None
    report_id = None
    if labels is not None:
        report_id = reports_of_images(run.images, labels).get(name.image_id)
    return trace_box(
        run.boxes,
        name,
        checkpoint=run.checkpoint,
        labels=labels,
        report_id=report_id,
        sentence_of=sentence_of,
        most=most,
    )
