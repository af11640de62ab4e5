"""Options of boxes chosen for each fold on the true boxes of the other folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from benchmarks.nih_study.drawing import OptionsOf, Rows, harmonic
from modeling.box_counts import BoxCounts
from modeling.box_options import PAPER_THRESHOLDS, BoxOptions, position_prior
from modeling.heatmaps import Heatmaps
from modeling.nih import patient_of

Floats = npt.NDArray[np.float64]
# Cut once, higher and higher, or twice as the paper does.
CANDIDATES: tuple[tuple[float, ...], ...] = (
    PAPER_THRESHOLDS, (60.0,), (90.0,), (120.0,), (150.0,), (180.0,), (210.0,),
)  # fmt: skip
_GRID = 32  # cells a side while choosing: a choice needs no fine edges
AREAS = (0.05, 0.95)  # quantiles of the true boxes' areas that bound the drawn ones'


def utility(counts: BoxCounts, patients: npt.NDArray[np.bool_]) -> Floats:
    """F1 (see `harmonic`) of each finding for these patients, averaged over all thresholds."""
    value: Floats = harmonic(counts.cells[patients].sum(0))[:, :-1, 0].mean(0)
    return np.nan_to_num(value)


class Chooser:
    """Chooses options for one training's heatmaps; a fold's own boxes have no say in its."""

    def __init__(self, rows: Rows, heatmaps: Heatmaps) -> None:
        self.rows, self.heatmaps = rows, heatmaps
        data = rows.data
        fold_of = dict(zip(map(patient_of, data.image_ids), data.fold.tolist(), strict=True))
        names = rows.count(rows.data.truth).patients
        self._fold = np.array([fold_of[name] for name in names])
        self._counted: dict[object, BoxCounts] = {}

    def thresholds(self, base: OptionsOf) -> OptionsOf:
        """`base` with each finding's own thresholds, the best of CANDIDATES on the other folds."""
        drawn = [self._utilities(_with_thresholds(base, these)) for these in CANDIDATES]
        best = np.argmax(np.stack(drawn), axis=0)  # (folds, findings)
        findings = self.heatmaps.findings

        def options(fold: int) -> BoxOptions:
            chosen = dict(zip(findings, (CANDIDATES[n] for n in best[fold]), strict=True))
            return replace(base(fold), finding_thresholds=chosen)

        return options

    def best(self, candidates: Mapping[str, OptionsOf]) -> tuple[OptionsOf, list[str]]:
        """For each fold the candidate that is best on the others, and the names of these."""
        names = list(candidates)
        values = np.stack([self._utilities(candidates[name]).mean(1) for name in names])
        chosen = [names[number] for number in np.argmax(values, axis=0)]
        return lambda fold: candidates[chosen[fold]](fold), chosen

    def _utilities(self, options: OptionsOf) -> Floats:
        """(folds, findings): for each fold, how good the options learnt there are on the others."""
        values = []
        for fold in range(self.rows.data.folds):
            values.append(utility(self._count(options(fold)), self._fold != fold))
        return np.stack(values)

    def _count(self, options: BoxOptions) -> BoxCounts:
        """Counted once for options that do not differ from fold to fold; priors are kept alive."""
        key = (
            options.thresholds, tuple(options.finding_thresholds.items()), options.min_area,
            options.max_area, options.nms, options.most, tuple(map(id, options.priors.values())),
        )  # fmt: skip
        if key not in self._counted:
            coarse = replace(options, grid=_GRID)
            drawn = self.rows.draw(self.heatmaps, lambda _: coarse)
            self._counted[key] = self.rows.count(drawn)
        return self._counted[key]


def paper(_: int) -> BoxOptions:
    """The paper's options, whatever the fold."""
    return BoxOptions()


def with_prior(rows: Rows, base: OptionsOf, *, pooled: bool) -> OptionsOf:
    """`base` with the places of the other folds' true boxes as prior; `pooled`: of any finding."""
    learnt = {}
    for fold in range(rows.data.folds):
        truth = rows.truth_of(others(rows, fold))
        maps = position_prior(truth, pooled=pooled)
        learnt[fold] = {name: maps[name] for name in rows.data.targets.findings if name in maps}
    return lambda fold: replace(base(fold), priors=learnt[fold])


def with_areas(rows: Rows, base: OptionsOf) -> OptionsOf:
    """`base` without boxes smaller or larger than nearly all true ones of the other folds."""
    limits = {}
    for fold in range(rows.data.folds):
        truth = rows.truth_of(others(rows, fold))
        areas = truth["w"].to_numpy() * truth["h"].to_numpy() / 1024**2
        limits[fold] = [float(value) for value in np.quantile(areas, AREAS)]
    return lambda fold: replace(base(fold), min_area=limits[fold][0], max_area=limits[fold][1])


def others(rows: Rows, fold: int) -> Sequence[int]:
    """All folds but this one."""
    return [other for other in range(rows.data.folds) if other != fold]


def _with_thresholds(base: OptionsOf, thresholds: tuple[float, ...]) -> OptionsOf:
    return lambda fold: replace(base(fold), thresholds=thresholds, finding_thresholds={})
