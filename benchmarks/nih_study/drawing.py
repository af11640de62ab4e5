"""Boxes of the rows that the truth annotates, from heatmaps that have not seen the patient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.nih_study.data import ORIGINAL, StudyData
from data_contracts import BOXES
from modeling.auc import patient_draws
from modeling.box_baselines import (
    boxes_per_row,
    fixed_boxes,
    learn_fixed_boxes,
)
from modeling.box_counts import FALSE_OWN, HITS, TRUE, BoxCounts, count_boxes
from modeling.box_options import BoxOptions
from modeling.box_scores import figures_from_totals
from modeling.boxes import boxes_from_heatmaps
from modeling.heatmaps import Heatmaps

Floats = npt.NDArray[np.float64]
FIGURES = ("Acc", "AFP", "AFP-own", "F1")
# The options of a fold's boxes; None: the paper's.
OptionsOf = Callable[[int], BoxOptions]


@dataclass(frozen=True)
class Rows:
    """The rows (image, finding) that have a true box: every image's finding gets boxes, no other.

    They are the rows "own" of `modeling.box_counts.count_boxes`.
    """

    data: StudyData

    @cached_property
    def of_finding(self) -> dict[str, npt.NDArray[np.int64]]:
        """Finding -> the rows of its annotated images among the study's."""
        place = {image_id: row for row, image_id in enumerate(self.data.image_ids)}
        names = self.data.truth["finding"].to_pylist()
        rows = [place[image] for image in self.data.truth["image_id"].to_pylist()]
        return {
            finding: np.unique([r for r, n in zip(rows, names, strict=True) if n == finding])
            for finding in self.data.targets.findings
        }

    def draw(self, heatmaps: Heatmaps, options: OptionsOf | None = None) -> pa.Table:
        """The boxes of one set of heatmaps; `options` are asked for by fold."""
        pieces = [BOXES.empty()]
        folds = range(self.data.folds) if options is not None else (None,)
        for column, finding in enumerate(heatmaps.findings):
            for fold in folds:
                rows = self.of_finding[finding].astype(np.int64)
                if fold is not None:
                    rows = rows[self.data.fold[rows] == fold]
                if not len(rows):
                    continue
                pieces.append(
                    boxes_from_heatmaps(
                        np.asarray(heatmaps.values[rows, column : column + 1]),
                        image_ids=[heatmaps.image_ids[row] for row in rows],
                        findings=[finding],
                        image_size=ORIGINAL[0],
                        options=None if options is None or fold is None else options(fold),
                        source=heatmaps.checkpoint_id,
                        centres=heatmaps.centres,
                    )
                )
        return pa.concat_tables(pieces)

    def truth_of(self, folds: Sequence[int]) -> pa.Table:
        """The true boxes of these folds' images."""
        return self.only(self.data.truth, folds)

    def only(self, boxes: pa.Table, folds: Sequence[int]) -> pa.Table:
        """The boxes on images of these folds."""
        rows = np.flatnonzero(np.isin(self.data.fold, folds))
        ids = [self.data.image_ids[row] for row in rows]
        return boxes.filter(pc.is_in(boxes["image_id"], value_set=pa.array(ids, pa.string())))

    def fixed(self, like: pa.Table) -> pa.Table:
        """As many boxes in each row as `like` has, learnt from the other folds' true boxes."""
        pieces = [BOXES.empty()]
        for fold in range(self.data.folds):
            others = [other for other in range(self.data.folds) if other != fold]
            learnt = learn_fixed_boxes(self.truth_of(others), width=ORIGINAL[0], height=ORIGINAL[1])
            pieces.append(fixed_boxes(learnt, boxes_per_row(self.only(like, [fold]))))
        return pa.concat_tables(pieces)

    def count(self, boxes: pa.Table, rows: str = "own") -> BoxCounts:
        """Hits and false boxes against the truth."""
        return count_boxes(boxes, self.data.truth, rows=rows)


def scored(counts: Sequence[BoxCounts], replicates: int) -> Floats:
    """FIGURES averaged over seeds: (1 + replicates, levels, findings + 1, 4), row 0 the values.

    The mean over the findings stands last. Samples of patients are the same for all counts of one
    truth, so that differences are paired.
    """
    patients = len(counts[0].patients)
    draws = patient_draws(range(patients), replicates, seed=0)
    draws = np.concatenate([np.ones((1, patients)), draws])
    each = []
    for one in counts:
        totals = (draws @ one.cells.reshape(patients, -1)).reshape(-1, *one.cells.shape[1:])
        each.append(np.concatenate([figures_from_totals(totals), harmonic(totals)], axis=-1))
    mean: Floats = np.mean(each, axis=0)
    return mean


def harmonic(totals: Floats) -> Floats:
    """2 · hits / (true + hits + false) from counts: (…, findings, 4) gives (…, findings + 1, 1).

    The harmonic mean of the share of true boxes that are hit and of the share of answers that are
    right (false boxes are those in rows with a true one): many boxes do not win by themselves, nor
    few. The mean over the findings stands last.

    >>> harmonic(np.array([[3, 4, 9, 1], [0, 4, 9, 0]], float))[:, 0].tolist()
    [0.75, 0.0, 0.375]
    """
    hits, true, false = (totals[..., column] for column in (HITS, TRUE, FALSE_OWN))
    whole = true + hits + false
    value = np.divide(2 * hits, whole, out=np.full(hits.shape, np.nan), where=true > 0)
    mean = np.nanmean(value, axis=-1, keepdims=True)
    both: Floats = np.concatenate([value, mean], axis=-1)[..., None]
    return both


def per_row(boxes: Sequence[pa.Table], truth: pa.Table) -> float:
    """How many boxes an annotated row has, averaged over the tables."""
    rows = len(set(zip(truth["image_id"].to_pylist(), truth["finding"].to_pylist(), strict=True)))
    return float(np.mean([table.num_rows for table in boxes]) / rows)
