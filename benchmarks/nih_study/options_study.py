"""What each option of drawing boxes brings, alone and together, over the paper's two thresholds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.nih_study.arms import ALEXNET, UNTRAINED
from benchmarks.nih_study.boxes import ACC, AFP, F1, MEAN_NOTE, ROWS_NOTE, System, level_name
from benchmarks.nih_study.collected import Seen
from benchmarks.nih_study.drawing import OptionsOf, Rows, per_row, scored
from benchmarks.nih_study.figures import cell
from benchmarks.nih_study.option_choice import Chooser, paper, with_areas, with_prior
from benchmarks.view import Figures, share
from modeling.box_counts import LEVELS
from modeling.box_options import BoxOptions, merge_scales, thorax_prior
from modeling.cells import placing_matrix
from modeling.heatmaps import Heatmaps

Floats = npt.NDArray[np.float64]
AT = (("iobb", 0.25), ("iou", 0.3))
_SIZE = 32  # cells a side of merged maps
LARGER, GRADCAM = "alexnet larger", "alexnet gradcam++"
NOTHING, OTHERS = "nothing", "boxes of other folds"
_NMS = 0.5

Choose = Callable[[Chooser], OptionsOf]


def thorax(rows: Rows) -> dict[str, npt.NDArray[np.float32]]:
    """Lungs and heart as the prior of every finding."""
    return dict.fromkeys(rows.data.targets.findings, thorax_prior())


def merged(sets: Sequence[Heatmaps], name: str) -> Heatmaps:
    """The heatmaps of several networks or sizes laid out evenly and merged into one."""
    values = merge_scales([_even(one) for one in sets])
    return replace(sets[0], values=values, checkpoint_id=name, centres=None)


def _even(maps: Heatmaps) -> npt.NDArray[np.float32]:
    values = np.asarray(maps.values)
    if maps.centres is None:
        return values
    matrix = placing_matrix(maps.centres, _SIZE)
    even: npt.NDArray[np.float32] = matrix @ values @ matrix.T
    return even


def learnt_options(rows: Rows, chooser: Chooser) -> OptionsOf:
    """Thresholds, prior, area limits and number of boxes, all chosen on the other folds' boxes."""
    priors: dict[str, OptionsOf] = {
        "none": paper,
        "thorax": lambda _: BoxOptions(priors=thorax(rows)),
        "places": with_prior(rows, paper, pooled=False),
    }
    by_prior = {name: chooser.thresholds(base) for name, base in priors.items()}
    best, _ = chooser.best(by_prior)
    limited = with_areas(rows, best)
    one, one_limited = _at_most_one(best), _at_most_one(limited)
    return chooser.best({"": best, "areas": limited, "one": one, "one, areas": one_limited})[0]


def learnt_system(rows: Rows, seen: Mapping[str, Seen], arm: str) -> System:
    """An arm's boxes with options learnt on the other folds' boxes; the untrained's likewise."""

    def drawn(name: str) -> tuple[pa.Table, ...]:
        if name not in seen:
            return ()
        tables = []
        for maps in seen[name].heatmaps:
            tables.append(rows.draw(maps, learnt_options(rows, Chooser(rows, maps))))
        return tuple(tables)

    return System(f"{arm}, options learnt", drawn(arm), drawn(arm + UNTRAINED), learnt=True)


def options_table(rows: Rows, seen: Mapping[str, Seen], learnt: System, replicates: int) -> Figures:
    """A row for each option: what it is learnt from, its figures, the difference to the paper's."""
    tables = {**_unlearnt(rows, seen), **_learnt(rows, seen), "all of these": learnt.boxes}
    base = scored([rows.count(boxes) for boxes in tables["as in the paper"]], replicates)
    body = []
    for name, boxes in tables.items():
        values = scored([rows.count(one) for one in boxes], replicates)
        cells = []
        for figure in (ACC, AFP):
            for level in AT:
                at = LEVELS.index(level)
                cells.append(_against(values[:, at, -1, figure], base[:, at, -1, figure]))
        cells.append(_against(values[:, :, -1, F1].mean(1), base[:, :, -1, F1].mean(1)))
        source = OTHERS if name in _LEARNT or boxes is learnt.boxes else NOTHING
        body.append([name, source, f"{per_row(boxes, rows.data.truth):.2f}", *cells])
    header = ("option", "learnt from", "boxes a row",
              *(f"{figure} at {level_name(level)}" for figure in ("Acc", "AFP") for level in AT),
              "F1 over all T")  # fmt: skip
    notes = (
        f"heatmaps of {ALEXNET}; value, and difference to the paper's options [95 % interval over "
        "patients]; * where the interval leaves out 0",
        MEAN_NOTE, ROWS_NOTE,
        "learnt options: for each fold the best F1 on the other folds' true boxes",
    )  # fmt: skip
    return Figures("What each option brings", header, body, notes)


def _against(values: Floats, base: Floats) -> str:
    if np.array_equal(values, base):
        return share(float(values[0]))
    return f"{share(float(values[0]))} ({cell(values - base, signed=True)})"


def _unlearnt(rows: Rows, seen: Mapping[str, Seen]) -> dict[str, Sequence[pa.Table]]:
    maps = seen[ALEXNET].heatmaps
    larger = seen[LARGER].heatmaps if LARGER in seen else ()
    fixed = {
        "as in the paper": BoxOptions(),
        "one threshold, 180": BoxOptions(thresholds=(180.0,)),
        f"non-maximum suppression above IoU {_NMS:g}": BoxOptions(nms=_NMS),
        "the best box only": BoxOptions(most=1),
        "prior of lungs and heart": BoxOptions(priors=thorax(rows)),
    }
    found: dict[str, Sequence[pa.Table]] = {
        name: [rows.draw(one, lambda _, chosen=options: chosen) for one in maps]  # type: ignore[misc]
        for name, options in fixed.items()
    }
    found["cells laid out evenly"] = [rows.draw(replace(one, centres=None)) for one in maps]
    if larger:
        pairs = list(zip(maps, larger, strict=False))
        found["merged over sizes 128 and 192"] = [
            rows.draw(merged(pair, "two sizes")) for pair in pairs
        ]
    if len(maps) > 1:
        found[f"merged over {len(maps)} seeds"] = [rows.draw(merged(maps, "seeds"))]
    everything = networks(seen)
    if len(everything) > len(maps):
        found[f"merged over {len(everything)} networks"] = [rows.draw(merged(everything, "all"))]
    if GRADCAM in seen:
        found["Grad-CAM++ instead"] = [rows.draw(one) for one in seen[GRADCAM].heatmaps]
    return found


_LEARNT: Mapping[str, Callable[[Rows, Chooser], OptionsOf]] = {
    "thresholds for each finding": lambda rows, chooser: chooser.thresholds(paper),
    "area limits": lambda rows, chooser: with_areas(rows, paper),
    "places of the finding's boxes": lambda rows, _: with_prior(rows, paper, pooled=False),
    "places of all boxes": lambda rows, _: with_prior(rows, paper, pooled=True),
}


def _learnt(rows: Rows, seen: Mapping[str, Seen]) -> dict[str, Sequence[pa.Table]]:
    found: dict[str, list[pa.Table]] = {name: [] for name in _LEARNT}
    for maps in seen[ALEXNET].heatmaps:
        chooser = Chooser(rows, maps)
        for name, choose in _LEARNT.items():
            found[name].append(rows.draw(maps, choose(rows, chooser)))
    return dict(found)


def networks(seen: Mapping[str, Seen]) -> list[Heatmaps]:
    """The heatmaps of all networks that were trained, each as the paper makes them."""
    left_out = (UNTRAINED, LARGER, GRADCAM)
    return [
        maps
        for name, one in seen.items()
        if not any(part in name for part in left_out)
        for maps in one.heatmaps
    ]


def _at_most_one(base: OptionsOf) -> OptionsOf:
    return lambda fold: replace(base(fold), most=1)
