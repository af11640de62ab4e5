"""What the units have left, put together: every image once, by a network that had not seen it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.nih_study.arms import ARMS, Unit
from benchmarks.nih_study.data import StudyError
from benchmarks.nih_study.units import DONE, Study
from data_contracts import PREDICTIONS, read_table
from modeling.heatmaps import Heatmaps, load_heatmaps
from modeling.presets import Preset

Floats = npt.NDArray[np.float64]
SEEDS = 64  # more are not looked for


@dataclass(frozen=True)
class Seen:
    """An arm's outputs: `scores` (N, C) and heatmaps (N, C, S, S) of each seed that is whole.

    `settings` are those of its first unit.
    """

    arm: str
    seeds: tuple[int, ...]
    scores: tuple[Floats, ...]
    heatmaps: tuple[Heatmaps, ...]
    settings: Preset


def whole_arms(study: Study) -> Iterator[Seen]:
    """The arms of which at least one seed has all folds, in the order of ARMS."""
    for name in ARMS:
        seeds = whole_seeds(study, name)
        if seeds:
            scores, maps = zip(*(_collect(study, name, seed) for seed in seeds), strict=True)
            about = json.loads((study.home(Unit(name, seeds[0], 0)) / DONE).read_text())
            yield Seen(name, tuple(seeds), scores, maps, Preset(**about["preset"]))


def whole_seeds(study: Study, arm: str) -> list[int]:
    """The seeds of an arm of which every fold is done."""
    return [
        seed
        for seed in range(SEEDS)
        if all(study.done(Unit(arm, seed, fold)) for fold in range(study.data.folds))
    ]


def _collect(study: Study, arm: str, seed: int) -> tuple[Floats, Heatmaps]:
    ids, findings = study.data.image_ids, study.data.targets.findings
    place = {image_id: row for row, image_id in enumerate(ids)}
    scores = np.full((len(ids), len(findings)), np.nan)
    maps: npt.NDArray[np.float32] | None = None
    centres: set[tuple[float, ...] | None] = set()
    for fold in range(study.data.folds):
        home = study.home(Unit(arm, seed, fold))
        heat = load_heatmaps(home)
        table = read_table(home / "predictions.parquet", PREDICTIONS)
        rows = [place[image_id] for image_id in heat.image_ids if image_id in place]
        said = table["score"].to_numpy().reshape(-1, len(findings))
        if sorted(rows) != study.data.inside(fold).tolist() or len(said) != len(rows):
            raise StudyError(
                f"{home} with other images than fold {fold} has",
                "those of the same data and folds",
                "Name another folder by --work, or train there again.",
            )  # fmt: skip
        scores[rows] = said
        if maps is None:
            maps = np.zeros((len(ids), *heat.values.shape[1:]), np.float32)
        maps[rows] = heat.values
        centres.add(heat.centres)
    assert maps is not None and len(centres) == 1, "folds of one arm have one network's cells"
    name = f"{arm} {seed}"
    return scores, Heatmaps(maps, tuple(ids), findings, ARMS[arm].method, name, centres.pop())
