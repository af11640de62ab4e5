"""Mean average precision of scored boxes, and the pointing game."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import CHESTXRAY8

from .box_counts import BoxScoreError, Rows, boxes_in_rows
from .box_overlaps import corners, overlaps, row_codes
from .box_scores import MACRO

Floats = npt.NDArray[np.float64]
PRECISION_THRESHOLDS = (0.1, 0.3, 0.5)


def average_precision(
    boxes: pa.Table,
    truth: pa.Table,
    *,
    threshold: float = 0.5,
    findings: Sequence[str] = CHESTXRAY8,
) -> dict[str, float | None]:
    """Average precision by finding, and their mean under "macro"; None without true boxes.

    Best scores first, a detected box takes the true box of its finding in its image that is still
    free and overlaps it most, if IoU > threshold; else it is false. The area under the
    precision-recall curve with precision made non-increasing (Everingham et al., PASCAL VOC 2010).
    Boxes of equal score enter the curve together, so the order of rows means nothing to it.
    BoxScoreError when a box has no score.
    """
    if boxes["score"].null_count:
        raise BoxScoreError(
            f"{boxes['score'].null_count} boxes without a score",
            "a score for each",
            "Leave out the average precision, or give scores.",
        )
    result: dict[str, float | None] = {}
    for finding in findings:
        own, true = (table.filter(pc.equal(table["finding"], finding)) for table in (boxes, truth))
        own = own.sort_by([("score", "descending"), *((c, "ascending") for c in _IDENTITY)])
        result[finding] = (
            _area(_matched(own, true, threshold), own["score"].to_numpy(), true.num_rows)
            if true.num_rows
            else None
        )
    known = [value for value in result.values() if value is not None]
    return result | {MACRO: float(np.mean(known)) if known else None}


def pointing_game(
    points: pa.Table,
    truth: pa.Table,
    *,
    tolerance: float = 0.0,
    findings: Sequence[str] = CHESTXRAY8,
) -> dict[str, float | None]:
    """The share of annotated (image, finding) pairs whose point lies in a true box, by finding.

    `points` has image_id, finding, x, y: one point a pair, `peak_points` of the heatmaps say; a
    pair without one is missed. `tolerance` widens the boxes, in pixels. The mean stands under
    "macro"; None without true boxes. Source: Zhang et al., ECCV 2016 (there 15 pixels).
    BoxScoreError when a pair has two points.
    """
    at, true = row_codes([points, truth])
    if len(np.unique(at)) < len(at):
        raise BoxScoreError("two points of one image and finding", "one", "Keep the hottest.")
    edges, place = corners(truth), {code: row for row, code in enumerate(at.tolist())}
    row = np.array([place.get(code, -1) for code in true.tolist()], np.int64)
    x, y = (np.append(points[name].to_numpy(), np.nan)[row] for name in ("x", "y"))  # -1: nan
    inside = (x >= edges[:, 0] - tolerance) & (x <= edges[:, 2] + tolerance)
    inside &= (y >= edges[:, 1] - tolerance) & (y <= edges[:, 3] + tolerance)
    names = np.asarray(truth["finding"].to_pylist(), object)
    result: dict[str, float | None] = {}
    for finding in findings:
        pairs = true[names == finding]
        hit = np.unique(true[(names == finding) & inside])
        result[finding] = len(hit) / len(np.unique(pairs)) if len(pairs) else None
    known = [value for value in result.values() if value is not None]
    return result | {MACRO: float(np.mean(known)) if known else None}


def rank_boxes(
    boxes: pa.Table,
    truth: pa.Table,
    *,
    rows: Rows = "all",
    findings: Sequence[str] = CHESTXRAY8,
) -> dict[str, Any]:
    """Figures that rest on scores, as JSON values: average precision at IoU .1, .3 and .5, and the
    pointing game by the centre of the best box; None for both where boxes have no score.

    `rows`: see `count_boxes`.
    """
    boxes, _ = boxes_in_rows(boxes, truth, rows, findings)
    if not boxes.num_rows or boxes["score"].null_count:
        return {"average_precision": None, "pointing_game": None}
    precision = {
        f"{level:g}": average_precision(boxes, truth, threshold=level, findings=findings)
        for level in PRECISION_THRESHOLDS
    }
    pointing = pointing_game(best_box_centres(boxes), truth, findings=findings)
    return {"average_precision": precision, "pointing_game": pointing}


def best_box_centres(boxes: pa.Table) -> pa.Table:
    """The centre of the best-scored box of each image and finding, as points for the game.

    Stands in for the heatmap's peak where only boxes are at hand.
    """
    ranked = boxes.sort_by([("score", "descending"), *((c, "ascending") for c in _IDENTITY)])
    (codes,) = row_codes([ranked])
    best = ranked.take(np.sort(np.unique(codes, return_index=True)[1]))
    centres = {
        name: pc.add(best[name], pc.divide(best[length], 2.0))
        for name, length in (("x", "w"), ("y", "h"))
    }
    return pa.table({name: best[name] for name in ("image_id", "finding")} | centres)


_IDENTITY = ("image_id", "x", "y", "w", "h")  # breaks ties the same way, whatever the order of rows


def _matched(boxes: pa.Table, truth: pa.Table, threshold: float) -> npt.NDArray[np.bool_]:
    """Whether each of the boxes, best first, takes a true box."""
    pairs = overlaps(boxes, truth)
    near = np.flatnonzero(pairs.iou > threshold)
    order = near[np.lexsort((-pairs.iou[near], pairs.detected[near]))]
    matched, taken = np.zeros(boxes.num_rows, np.bool_), set[int]()
    for pair in order.tolist():
        box, true = int(pairs.detected[pair]), int(pairs.true[pair])
        if not matched[box] and true not in taken:
            matched[box] = True
            taken.add(true)
    return matched


def _area(matched: npt.NDArray[np.bool_], scores: Floats, true: int) -> float:
    """The area under precision over recall of boxes in falling order of score."""
    if not len(matched):
        return 0.0
    last = np.flatnonzero(np.append(np.diff(scores) != 0, True))  # of boxes of equal score
    hits = np.cumsum(matched)[last]
    precision = hits / (last + 1)
    highest = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(hits, prepend=0) / true * highest))
