"""Hits and false boxes by patient, finding and threshold: what all figures of boxes rest on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import BOXES, CHESTXRAY8

from .box_overlaps import OVERLAPS, Overlaps, overlaps, row_codes
from .nih import patient_of

Floats = npt.NDArray[np.float64]

# Wang et al., CVPR 2017: Table 4, and Table 7 of the supplement.
THRESHOLDS = {"iobb": (0.1, 0.25, 0.5, 0.75, 0.9), "iou": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)}
LEVELS = tuple((overlap, level) for overlap in OVERLAPS for level in THRESHOLDS[overlap])
HITS, TRUE, FALSE, FALSE_OWN = range(4)

# Which rows got boxes: "all" images of the truth, "own" (image, finding) pairs of it, or a list
# of images, or of such pairs.
Rows = str | Collection[str | tuple[str, str]]


class BoxScoreError(ValueError):
    """Boxes cannot be scored: what was `found`, what was `expected`."""

    def __init__(self, found: str, expected: str, to_do: str) -> None:
        self.found, self.expected, self.to_do = found, expected, to_do
        super().__init__(f"boxes: found {found}, expected {expected}. {to_do}")


@dataclass(frozen=True)
class BoxCounts:
    """Sums by patient: `cells` (patients, levels, findings, 4) of hits, true, false, false own.

    The levels are `LEVELS`. `scored` boxes were counted; `left_out` says why others were not.
    """

    findings: tuple[str, ...]
    patients: tuple[str, ...]
    cells: Floats
    scored: dict[str, int]
    left_out: dict[str, int]
    images: int  # of the truth
    repeated: int  # true boxes that stand there once more, to the pixel
    rows: str

    @property
    def totals(self) -> Floats:
        """The sums over all patients: (levels, findings, 4)."""
        totals: Floats = self.cells.sum(0)
        return totals


def count_boxes(
    boxes: pa.Table,
    truth: pa.Table,
    *,
    rows: Rows = "all",
    findings: Sequence[str] = CHESTXRAY8,
    patient: Callable[[str], str] = patient_of,
) -> BoxCounts:
    """The hits and false boxes of a `boxes` table against true boxes, both under `BOXES`.

    A true box is hit at T if a detected box of its finding in its image overlaps it by more than T;
    a detected box that so overlaps no true box is false. `rows` says which rows got boxes, and
    boxes elsewhere are left out and counted: "all" images of the truth (default), "own" only the
    (image, finding) pairs annotated there, or image ids, or (image id, finding) pairs. A true box
    that is listed twice counts twice. BoxScoreError when there is no true box of the findings.
    """
    truth = truth.filter(pc.is_in(truth["finding"], value_set=pa.array(findings, pa.string())))
    if not truth.num_rows:
        raise BoxScoreError("no true box", f"boxes of {', '.join(findings)}", "Give a box list.")
    boxes, left_out = boxes_in_rows(boxes, truth, rows, findings)
    images = [table["image_id"].to_pylist() for table in (boxes, truth)]
    patients = tuple(sorted({patient(image) for image in {*images[0], *images[1]}}))
    place = {name: number for number, name in enumerate(patients)}
    finding = {name: number for number, name in enumerate(findings)}
    where = [
        np.array(
            [
                place[patient(image)] * len(findings) + finding[name]
                for image, name in zip(ids, table["finding"].to_pylist(), strict=True)
            ],
            np.int64,
        )
        for ids, table in zip(images, (boxes, truth), strict=True)
    ]
    codes = row_codes([boxes, truth])
    own = np.isin(codes[0], codes[1])
    cells = _cells(overlaps(boxes, truth), where, own, len(patients) * len(findings))
    shape = (len(LEVELS), len(patients), len(findings), 4)
    drawn = np.bincount(where[0] % len(findings), minlength=len(findings))
    return BoxCounts(
        findings=tuple(findings),
        patients=patients,
        cells=np.moveaxis(cells.reshape(shape), 0, 1),
        scored=dict(zip(findings, drawn.tolist(), strict=True)),
        left_out=left_out,
        images=len(set(images[1])),
        repeated=truth.num_rows - len(np.unique(row_codes([truth], *BOXES.columns[:6])[0])),
        rows=describe_rows(rows),
    )


def describe_rows(rows: Rows) -> str:
    """Which rows got boxes, in words."""
    if rows == "all":
        return "all: every image of the truth, for every finding"
    if rows == "own":
        return "own: each image of the truth, for the findings annotated in it only"
    pairs = any(not isinstance(row, str) for row in rows)
    return f"listed: {len(set(rows))} {'images and findings' if pairs else 'images'}"


def boxes_in_rows(
    boxes: pa.Table, truth: pa.Table, rows: Rows, findings: Sequence[str] = CHESTXRAY8
) -> tuple[pa.Table, dict[str, int]]:
    """The boxes of the findings in the rows, and how many others there are, by reason."""
    known = pc.is_in(boxes["finding"], value_set=pa.array(findings, pa.string()))
    left_out = {"of_other_findings": boxes.num_rows - (pc.sum(known).as_py() or 0)}
    boxes = boxes.filter(known)
    images, names = boxes["image_id"].to_pylist(), boxes["finding"].to_pylist()
    pairs = list(zip(images, names, strict=True))
    if isinstance(rows, str) and rows not in ("all", "own"):
        raise BoxScoreError(f"rows {rows!r}", "all, own, or a list", "Say which rows got boxes.")
    if rows == "own":
        rows = list(zip(truth["image_id"].to_pylist(), truth["finding"].to_pylist(), strict=True))
    chosen = set(truth["image_id"].to_pylist() if rows == "all" else rows)
    inside = [pair in chosen or pair[0] in chosen for pair in pairs]
    left_out["outside_the_rows"] = inside.count(False)
    return boxes.filter(pa.array(inside, pa.bool_())), left_out


def _cells(
    pairs: Overlaps, where: list[npt.NDArray[np.int64]], own: npt.NDArray[np.bool_], size: int
) -> Floats:
    """The four counts at each level: (levels, patients * findings, 4)."""
    cells = np.zeros((len(LEVELS), size, 4))
    best = {
        (overlap, side): pairs.best(overlap, side, len(places))
        for overlap in OVERLAPS
        for side, places in zip(("detected", "true"), where, strict=True)
    }
    for number, (overlap, level) in enumerate(LEVELS):
        false = ~(best[overlap, "detected"] > level)
        hit = best[overlap, "true"] > level
        for column, places in (
            (HITS, where[1][hit]),
            (TRUE, where[1]),
            (FALSE, where[0][false]),
            (FALSE_OWN, where[0][false & own]),
        ):
            cells[number, :, column] = np.bincount(places, minlength=size)
    return cells
