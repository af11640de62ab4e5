"""Boxes whose thresholds were chosen on the true boxes of other folds: the row of tuned results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .box_counts import FALSE_OWN, HITS, TRUE, count_boxes
from .box_options import PAPER_THRESHOLDS, BoxOptions
from .nih import patient_of

# Cut twice as the paper does, or once, higher and higher.
CANDIDATES: tuple[tuple[float, ...], ...] = (
    PAPER_THRESHOLDS, (60.0,), (90.0,), (120.0,), (150.0,), (180.0,), (210.0,),
)  # fmt: skip
FOLDS = 5
Draw = Callable[[BoxOptions], pa.Table]


@dataclass(frozen=True)
class TunedBoxes:
    """Boxes by thresholds of each fold and finding; `chosen` counts the folds that chose each."""

    boxes: pa.Table
    folds: int
    chosen: dict[str, dict[str, int]]

    def to_json(self) -> dict[str, Any]:
        """What was tuned, how, and what was chosen in how many folds."""
        return {
            "tuned": "thresholds per finding, on the true boxes of the other folds of patients",
            "folds": self.folds,
            "candidates": [_name(candidate) for candidate in CANDIDATES],
            "chosen": self.chosen,
        }


def tune_thresholds(
    draw: Draw,
    truth: pa.Table,
    *,
    findings: Sequence[str],
    options: BoxOptions | None = None,
    patient: Callable[[str], str] = patient_of,
    seed: int = 0,
) -> TunedBoxes | None:
    """Boxes cut where it pays on other patients' true boxes; None for a single patient.

    `draw` gives the boxes under some options. For each fold and finding the best of `CANDIDATES`
    on the other folds is taken: the harmonic mean of the share of true boxes that are hit and the
    share of boxes in annotated rows that hit, averaged over all thresholds of IoBB and IoU. Equal
    ones go to the first, the paper's. Errors: those of `count_boxes`.
    """
    base = options or BoxOptions()
    drawn = [
        draw(replace(base, thresholds=cut, finding_thresholds={}, workers=1)) for cut in CANDIDATES
    ]
    names = {patient(name) for table in (*drawn, truth) for name in table["image_id"].to_pylist()}
    patients = sorted(names)
    folds = min(FOLDS, len(patients))
    if folds < 2:
        return None
    order = np.random.default_rng(seed).permutation(len(patients))
    fold = {patients[number]: place % folds for place, number in enumerate(order.tolist())}
    best = np.stack(
        [_utilities(table, truth, fold, folds, findings, patient) for table in drawn]
    ).argmax(0)  # (folds, findings)
    column = {name: number for number, name in enumerate(findings)}
    pieces = []
    for number, table in enumerate(drawn):
        ids, labels = table["image_id"].to_pylist(), table["finding"].to_pylist()
        mine = [
            name in column and best[fold[patient(image)], column[name]] == number
            for image, name in zip(ids, labels, strict=True)
        ]
        pieces.append(table.filter(pa.array(mine, pa.bool_())))
    chosen = {
        name: {
            _name(CANDIDATES[number]): int(count)
            for number, count in zip(*np.unique(best[:, place], return_counts=True), strict=True)
        }
        for name, place in column.items()
        if pc.any(pc.equal(truth["finding"], name)).as_py()
    }
    return TunedBoxes(pa.concat_tables(pieces), folds, chosen)


def _utilities(
    boxes: pa.Table,
    truth: pa.Table,
    fold: dict[str, int],
    folds: int,
    findings: Sequence[str],
    patient: Callable[[str], str],
) -> npt.NDArray[np.float64]:
    """(folds, findings): how good these boxes are on all folds but each."""
    counts = count_boxes(boxes, truth, rows="own", findings=findings, patient=patient)
    of_patient = np.array([fold[name] for name in counts.patients], np.int64)
    totals = np.stack([counts.cells[of_patient != left_out].sum(0) for left_out in range(folds)])
    hits, true, false = (totals[..., part] for part in (HITS, TRUE, FALSE_OWN))
    whole = true + hits + false
    value = np.divide(2 * hits, whole, out=np.zeros_like(hits), where=whole > 0)
    mean: npt.NDArray[np.float64] = value.mean(1)
    return mean


def _name(thresholds: Sequence[float]) -> str:
    """A choice as text.

    >>> _name((60.0, 180.0))
    '60 and 180'
    """
    return " and ".join(f"{value:g}" for value in thresholds)
