"""What the boxes of a run are worth: scores, baselines beside them, and the row of tuned ones."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import BOXES, CHESTXRAY8, PREDICTIONS, read_table
from flows.localise_job import ALL, ANNOTATED, LocaliseJob, job_images
from modeling.box_comparisons import UNTRAINED, compare_boxes, compared_json, to_square
from modeling.box_counts import Rows
from modeling.box_files import read_boxes, read_rows
from modeling.box_options import BoxOptions
from modeling.box_ranking import rank_boxes
from modeling.box_scores import score_boxes
from modeling.box_tuning import tune_thresholds
from modeling.heatmaps import Heatmaps, load_heatmaps
from modeling.localisation import draw_boxes
from modeling.nih import patient_of


@dataclass(frozen=True)
class _Judge:
    """The truth that boxes of these images are held against, all brought to one square."""

    job: LocaliseJob
    images: pa.Table
    true: pa.Table
    rows: Rows
    predictions: pa.Table

    @property
    def patient(self) -> Callable[[str], str]:
        """Whose image it is: as the table says, else by NIH's way to name files."""
        columns = (self.images[name].to_pylist() for name in ("image_id", "patient_id"))
        known = dict(zip(*columns, strict=True))
        return lambda image: known.get(image) or patient_of(image)

    def square(self, boxes: pa.Table) -> pa.Table:
        """The boxes in pixels of the square."""
        columns = (self.images[name].to_pylist() for name in ("image_id", "width", "height"))
        return to_square(boxes, {name: (w, h) for name, w, h in zip(*columns, strict=True)})

    def draw(self, heatmaps: Heatmaps, options: BoxOptions) -> pa.Table:
        """Boxes in the rows that count, on the square."""
        rows: Any = self.rows
        if rows == "all":
            rows = set(self.true["image_id"].to_pylist())
        elif rows == "own":
            columns = (self.true[name].to_pylist() for name in ("image_id", "finding"))
            rows = set(zip(*columns, strict=True))
        drawn = draw_boxes(
            heatmaps,
            self.images,
            options=options,
            rows=rows,
            min_score=self.job.min_score,
            predictions=self.predictions,
            device=self.job.device,
        )
        return self.square(drawn)

    def tuned(self, heatmaps: Heatmaps) -> Any:
        """Boxes with thresholds from other folds."""
        return tune_thresholds(
            lambda options: self.draw(heatmaps, options),
            self.square(self.true),
            findings=CHESTXRAY8,
            options=self.job.options,
            patient=self.patient,
        )

    def compare(self, found: pa.Table, untrained: pa.Table) -> dict[str, Any]:
        """`found`, on the square, beside the baselines."""
        return compared_json(
            compare_boxes(
                found,
                self.square(self.true),
                rows=self.rows,
                others={UNTRAINED: untrained},
                patient=self.patient,
                bootstrap=self.job.bootstrap,
            )
        )


def score_localised(
    job: LocaliseJob, *, seen: Path, boxes: Path, untrained: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The figures of box_scores.json, and the counts of the stage.

    The arguments are the folders of the earlier stages: what the checkpoint saw, its boxes, and
    what it saw before any training. Errors: those of the tables; BoxScoreError.
    """
    assert job.truth is not None
    images = job_images(job)
    checked = read_boxes(job.truth)
    # Boxes in images that nobody asked to look at are no misses; in unreadable ones they are.
    asked = images["image_id"].combine_chunks()
    true = checked.accepted.filter(pc.field("image_id").isin(asked))
    rows: Any = {ALL: "all", ANNOTATED: "own"}.get(job.rows) or read_rows(Path(job.rows))
    predictions = read_table(seen / "predictions.parquet", PREDICTIONS)
    judge = _Judge(job, images, true, rows, predictions)
    found = read_table(boxes / "boxes.parquet", BOXES)
    how: Any = {"rows": rows, "patient": judge.patient, "bootstrap": job.bootstrap}
    scores = score_boxes(found, true, **how)
    figures = scores.to_json() | rank_boxes(found, true, rows=rows)
    figures["counts"]["rejects"] = {"boxes": 0, "truth": checked.rejects.num_rows}
    blank = load_heatmaps(untrained)
    figures["baselines"] = judge.compare(judge.square(found), judge.draw(blank, job.options))
    mine, theirs = judge.tuned(load_heatmaps(seen)), judge.tuned(blank)
    if mine is not None and theirs is not None:
        tuned = score_boxes(mine.boxes, judge.square(true), **how).to_json()
        figures["tuned"] = mine.to_json() | tuned
        figures["tuned"]["baselines"] = judge.compare(mine.boxes, theirs.boxes)
    return figures, {
        "true": true.num_rows, "elsewhere": checked.accepted.num_rows - true.num_rows,
    }  # fmt: skip


def images_with_truth(job: LocaliseJob) -> pa.Table:
    """The images of the job in which there is a true box."""
    assert job.truth is not None
    annotated = pc.unique(read_boxes(job.truth).accepted["image_id"])
    return job_images(job).filter(pc.field("image_id").isin(annotated))
