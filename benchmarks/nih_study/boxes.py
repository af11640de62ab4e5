"""Boxes of the arms against NIH's: Acc and AFP, beside boxes that never look at the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.nih_study.data import ORIGINAL
from benchmarks.nih_study.drawing import FIGURES, Rows, per_row, scored
from benchmarks.nih_study.figures import cell
from benchmarks.view import Figures, share
from modeling.box_baselines import equal_numbers, shuffle_boxes
from modeling.box_counts import LEVELS
from modeling.box_tables import load_box_references
from modeling.boxes import boxes_from_heatmaps
from modeling.heatmaps import Heatmaps

Floats = npt.NDArray[np.float64]
ACC, AFP, AFP_OWN, F1 = range(4)
SHOWN = (("iobb", 0.1), ("iobb", 0.25), ("iobb", 0.5), ("iou", 0.1), ("iou", 0.3), ("iou", 0.5))
NAMES = {"iobb": "IoBB", "iou": "IoU"}

ROWS_NOTE = (
    "boxes are drawn, and judged, in the rows (image, finding) that have a true box and in no "
    "other; false boxes are counted there, over all true boxes: AFP and AFP-own are one figure"
)
MEAN_NOTE = "mean over the 8 findings and over the seeds [95 % interval over patients]"


@dataclass(frozen=True)
class System:
    """A way to draw boxes: one table for each seed; `untrained` are the same network's, not taught.

    `learnt` says whether true boxes of other folds had a say.
    """

    name: str
    boxes: tuple[pa.Table, ...]
    untrained: tuple[pa.Table, ...] = ()
    learnt: bool = False


def level_name(level: tuple[str, float]) -> str:
    """As in a table: IoBB .25."""
    return f"{NAMES[level[0]]} {share(level[1], 2).rstrip('0')}"


def means_table(rows: Rows, systems: Sequence[System], replicates: int) -> Figures:
    """Acc, AFP and F1 of every system at all thresholds."""
    body, breaks = [], []
    papers = load_box_references()
    found = {one.name: scored([rows.count(b) for b in one.boxes], replicates) for one in systems}
    for number, level in enumerate(LEVELS):
        for one in systems:
            values = found[one.name][:, number, -1]
            cells = (cell(values[:, figure]) for figure in (ACC, AFP, F1))
            body.append([level_name(level), one.name, *cells])
        for paper in papers[:1]:
            figures = (paper.figure(*level, figure, "macro") for figure in ("acc", "afp"))
            body.append([level_name(level), paper.title, *(share(f) for f in figures), "–"])
        breaks.append(len(body) - 1)
    notes = (
        MEAN_NOTE, ROWS_NOTE,
        "F1 = 2 · hits / (true + hits + false): Acc and AFP together",
        f"{papers[0].title}: the paper's figures, on all 984 boxes, after training on some 80,000 "
        "images at 1024 px with ImageNet weights; its AFP counts rows that are not known",
    )  # fmt: skip
    header = ("T", "boxes of", "Acc", "AFP", "F1")
    return Figures("Means at all thresholds", header, body, notes, breaks)


def by_finding_table(rows: Rows, system: System) -> Figures:
    """Acc and AFP of each finding at all thresholds."""
    values = scored([rows.count(boxes) for boxes in system.boxes], 0)[0]
    findings = rows.data.targets.findings
    body = []
    for number, level in enumerate(LEVELS):
        for figure in (ACC, AFP):
            name = f"{level_name(level)} {FIGURES[figure]}"
            body.append([name, *(share(float(v)) for v in values[number, :, figure])])
    header = ("T", *findings, "mean")
    return Figures(f"By finding: {system.name}", header, body, ("mean over the seeds",))


def rivals_table(
    rows: Rows, systems: Sequence[System], replicates: int
) -> tuple[Figures, list[str]]:
    """Every system beside boxes that do not look, at equal numbers of boxes; and in a sentence."""
    body, breaks, said = [], [], []
    for system in systems:
        for name, rival in _rivals(rows, system):
            pairs = [equal_numbers(*pair) for pair in zip(system.boxes, rival, strict=False)]
            ours, theirs = (
                scored([rows.count(pair[side]) for pair in pairs], replicates) for side in (0, 1)
            )
            number = f"{per_row([pair[0] for pair in pairs], rows.data.truth):.2f}"
            for level in SHOWN:
                at = LEVELS.index(level)
                cells = []
                for figure in (ACC, AFP, F1):
                    one, other = ours[:, at, -1, figure], theirs[:, at, -1, figure]
                    cells += [share(one[0]), share(other[0]), cell(one - other, signed=True)]
                body.append([system.name, name, number, level_name(level), *cells])
            breaks.append(len(body) - 1)
            said.append(f"- {system.name} against {name}: {_verdict(ours - theirs)}")
    header = ("boxes of", "rival", "boxes a row", "T", "Acc", "rival's", "difference",
              "AFP", "rival's", "difference", "F1", "rival's", "difference")  # fmt: skip
    notes = (
        MEAN_NOTE, ROWS_NOTE,
        "of each row both have as many boxes as the one that has fewer, best scores first",
        "fixed: the median true box of the finding on either side, of the other folds; more of "
        "them: of the quarters. untrained: the same network with its first random weights. "
        "shuffled: the boxes of another image with the same finding and as many boxes",
        "* where the interval leaves out 0. A gain needs Acc up and AFP not up, or AFP down and "
        "Acc not down, against fixed and against shuffled. Of so many intervals one in twenty "
        "leaves out 0 by chance",
    )  # fmt: skip
    title = "Beside boxes that do not look at the image"
    head = "At equal numbers of boxes in each row, averaged over the twelve thresholds:"
    return Figures(title, header, body, notes, breaks), ["\n".join([head, "", *said])]


def _verdict(apart: Floats) -> str:
    """What a difference of all figures says, Acc and AFP together."""
    mean = apart[:, :, -1].mean(1)  # over the thresholds
    acc, afp = ((np.nanquantile(mean[1:, f], (0.025, 0.975))) for f in (ACC, AFP))
    up, down = acc[0] > 0 or afp[1] < 0, acc[1] < 0 or afp[0] > 0
    word = "mixed" if up and down else "better" if up else "worse" if down else "no difference seen"
    cells = (f"{FIGURES[figure]} {cell(mean[:, figure], signed=True)}" for figure in (ACC, AFP, F1))
    return f"{word} ({'; '.join(cells)})"


def _rivals(rows: Rows, system: System) -> list[tuple[str, list[pa.Table]]]:
    found = [
        ("fixed", [rows.fixed(boxes) for boxes in system.boxes]),
        ("shuffled", [shuffle_boxes(boxes, seed=n) for n, boxes in enumerate(system.boxes)]),
    ]
    if system.untrained:
        found.insert(1, ("untrained", list(system.untrained)))
    return found


def everywhere_table(rows: Rows, name: str, heatmaps: Sequence[Heatmaps]) -> Figures:
    """AFP when all findings get boxes in every image that has a true box, needed or not."""
    data = rows.data
    places = np.unique(np.concatenate(list(rows.of_finding.values()))).astype(int)
    counts = []
    for maps in heatmaps:
        drawn = boxes_from_heatmaps(
            np.asarray(maps.values[places]),
            image_ids=[maps.image_ids[place] for place in places],
            findings=maps.findings, image_size=ORIGINAL[0], centres=maps.centres,
        )  # fmt: skip
        counts.append(rows.count(drawn, "all"))
    values = scored(counts, 0)[0, :, -1]
    body = [
        [level_name(level), *(share(float(values[n, figure])) for figure in (ACC, AFP, AFP_OWN))]
        for n, level in enumerate(LEVELS)
    ]
    notes = (
        f"{len(places)} images × {len(data.targets.findings)} findings, whatever the image's "
        "labels; the paper boxed a part of these rows and does not say which",
    )  # fmt: skip
    header = ("T", "Acc", "AFP", "AFP-own")
    return Figures(f"Every finding boxed in every image: {name}", header, body, notes)
