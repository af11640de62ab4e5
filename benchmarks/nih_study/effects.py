"""What each part of attention mining does on real images: the arms, and differences of two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
_TOLD = ("AUC", "Acc", "AFP", "F1 over all T")
_NOTES = (
    "mean over the seeds [95 % interval over patients]; boxes at 60 and 180; at IoBB .25 where "
    "nothing else is said; mined arms draw boxes from merged maps",
    ROWS_NOTE,
    "all but AUC Nodule and Acc Nodule are means over the 8 findings",
)
_EFFECT_NOTES = (
    "on the seeds that both arms have and on the same samples of patients; * where the interval "
    "leaves out 0. Of so many intervals one in twenty leaves out 0 by chance",
    "another seed may do what none of these did: seeds are averaged, not sampled",
    "mined arms start from the classifier of their fold and seed; `longer` is that classifier "
    "trained on for as long as mining takes",
)


def attention_tables(
    rows: Rows, seen: Mapping[str, Seen], replicates: int
) -> tuple[list[Figures], list[str]]:
    """The arms, the effects of the parts, and these in words; empty when no arm is mined.

    An effect is judged on the seeds that both of its arms have.
    """
    arms = [name for name in MINED if name in seen]
    if not {LONGER, AM, KP, ALL} & set(arms):
        return [], []
    judge = Judge(rows.data, replicates)
    each = {
        (name, seed): _columns(rows, judge, seen[name], at, replicates)
        for name in arms
        for at, seed in enumerate(seen[name].seeds)
    }

    def mean(name: str, seeds: Sequence[int]) -> Floats:
        found: Floats = np.mean([each[name, seed] for seed in seeds], axis=0)
        return found

    values, effects, said = [], [], []
    for name in arms:
        seeds = seen[name].seeds
        values.append([name, str(len(seeds)), *(cell(column) for column in mean(name, seeds).T)])
    for name, (one, other) in EFFECTS.items():
        if one not in seen or other not in seen:
            continue
        both = [seed for seed in seen[one].seeds if seed in seen[other].seeds]
        if both:
            apart = mean(one, both) - mean(other, both)
            cells = [cell(column, signed=True) for column in apart.T]
            effects.append([name, f"{one} – {other}", str(len(both)), *cells])
            seeds_said = f"{len(both)} seed{'s' * (len(both) > 1)}"
            said.append(f"- {name}, {seeds_said}: {_verdicts(cells)}")
    return [
        Figures("Attention mining: the arms", ("arm", "seeds", *_HEADER), values, _NOTES),
        Figures(
            "Attention mining: the effect of each part", ("effect", "of", "seeds", *_HEADER),
            effects, _EFFECT_NOTES,
        ),
    ], ["\n".join(["Attention mining, the effect of each part:", "", *said])]  # fmt: skip


def _verdicts(cells: Sequence[str]) -> str:
    """Which figures an effect moves, and which it is not seen to move."""
    named = dict(zip(_HEADER, cells, strict=True))
    told = [name for name in _TOLD if named[name] != "–"]
    moved = [f"{name} {named[name].removesuffix(' *')}" for name in told if "*" in named[name]]
    still = [f"{name} {named[name]}" for name in told if "*" not in named[name]]
    parts = [
        *([f"moves {', '.join(moved)}"] if moved else []),
        *([f"not seen to move {', '.join(still)}"] if still else []),
    ]
    return "; ".join(parts)


def _columns(rows: Rows, judge: Judge, seen: Seen, at: int, replicates: int) -> Floats:
    """(1 + replicates, figures) of the seed that stands at this place."""
    nodule = rows.data.targets.findings.index(_NODULE)
    auc = judge.auc([seen.scores[at]])
    values = scored([rows.count(rows.draw(seen.heatmaps[at]))], replicates)
    return np.column_stack(
        [
            auc[:, -1], auc[:, nodule], values[:, _AT, -1, ACC], values[:, _AT, nodule, ACC],
            values[:, _AT, -1, AFP], values[:, _AT, -1, F1], values[:, :, -1, F1].mean(1),
            values[:, LEVELS.index(("iou", 0.3)), -1, ACC],
        ]
    )  # fmt: skip
