"""What each part of attention mining does on real images: the arms, and differences of two."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from benchmarks.nih_study.arms import ALEXNET, ALL, AM, KP, LONGER, MSA
from benchmarks.nih_study.boxes import ACC, AFP, F1, ROWS_NOTE
from benchmarks.nih_study.classify import Judge
from benchmarks.nih_study.collected import Seen
from benchmarks.nih_study.drawing import Rows, scored
from benchmarks.nih_study.figures import cell
from benchmarks.view import Figures
from modeling.box_counts import LEVELS

Floats = npt.NDArray[np.float64]
MINED = (ALEXNET, LONGER, AM, KP, MSA, ALL)
# As on phantoms (benchmarks.attention): what a part does is the difference of two arms.
EFFECTS = {
    "training on": (LONGER, ALEXNET),
    "MSA": (MSA, ALEXNET),
    "AM alone": (AM, LONGER),
    "AM with KP": (KP, LONGER),
    "KP in AM": (KP, AM),
    "AM with KP, after MSA": (ALL, MSA),
    "all": (ALL, ALEXNET),
}
_NODULE = "Nodule"
_AT = LEVELS.index(("iobb", 0.25))
_HEADER = (
    "AUC", "AUC Nodule", "Acc", "Acc Nodule", "AFP", "F1", "F1 over all T", "Acc at IoU .3",
)  # fmt: skip


def attention_tables(rows: Rows, seen: Mapping[str, Seen], replicates: int) -> list[Figures]:
    """The arms, and the effects of the parts; empty when no arm is mined.

    All arms are judged on the seeds that all of them have.
    """
    arms = [name for name in MINED if name in seen]
    if not {LONGER, AM, KP, ALL} & set(arms):
        return []
    seeds = min(len(seen[name].seeds) for name in arms)
    judge = Judge(rows.data, replicates)
    found = {name: _columns(rows, judge, seen[name], seeds, replicates) for name in arms}
    values = [[name, *(cell(column) for column in found[name].T)] for name in arms]
    effects = [
        [name, *(cell(column, signed=True) for column in (found[one] - found[other]).T)]
        for name, (one, other) in EFFECTS.items()
        if one in found and other in found
    ]
    notes = (
        f"mean over {seeds} seeds [95 % interval over patients]; boxes at 60 and 180; at IoBB .25 "
        "where nothing else is said; mined arms draw boxes from merged maps",
        ROWS_NOTE,
        "all but AUC Nodule and Acc Nodule are means over the 8 findings",
    )
    effect_notes = (
        "on the same samples of patients; * where the interval leaves out 0",
        f"another seed may do what none of these {seeds} did: seeds are averaged, not sampled",
        "mined arms start from the classifier of their fold and seed; `longer` is that classifier "
        "trained on for as long as mining takes",
    )
    return [
        Figures("Attention mining: the arms", ("", *_HEADER), values, notes),
        Figures("Attention mining: the effect of each part", ("", *_HEADER), effects, effect_notes),
    ]


def _columns(rows: Rows, judge: Judge, seen: Seen, seeds: int, replicates: int) -> Floats:
    """(1 + replicates, figures)."""
    nodule = rows.data.targets.findings.index(_NODULE)
    auc = judge.auc(seen.scores[:seeds])
    counts = [rows.count(rows.draw(maps)) for maps in seen.heatmaps[:seeds]]
    values = scored(counts, replicates)
    return np.column_stack(
        [
            auc[:, -1], auc[:, nodule], values[:, _AT, -1, ACC], values[:, _AT, nodule, ACC],
            values[:, _AT, -1, AFP], values[:, _AT, -1, F1], values[:, :, -1, F1].mean(1),
            values[:, LEVELS.index(("iou", 0.3)), -1, ACC],
        ]
    )  # fmt: skip
