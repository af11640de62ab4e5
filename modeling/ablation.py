"""Which part of the recipe brings what: a grid of trainings, several seeds each, one table.

Every cell is trained and scored on the same images. Intervals are over draws of patients and of
seeds; beside each cell stands its paired difference to the first.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from modeling.auc import (
    Interval,
    bootstrap_auc,
    interval,
    macro,
    macro_replicates,
    patient_draws,
    patient_numbers,
    roc_auc,
    short,
)
from modeling.checkpoints import CheckpointError, find_checkpoint
from modeling.evaluation_tables import Grid
from modeling.presets import Preset, PresetError
from modeling.samples import Labelled
from modeling.scoring import Floats, Scored
from modeling.training import train

Score = Callable[[Path, Labelled], Scored]
_STANDARD = {
    "backbone": ("alexnet", "googlenet", "vgg16", "resnet50"),
    "pooling": ("average", "max", "lse"),
    "r": ("0.1", "0.5", "1", "5", "8", "10", "12"),  # ChestX-ray8, section 4.2
    "loss": ("hinge", "euclidean", "cel", "wcel"),
}


@dataclass(frozen=True)
class Cell:
    """One recipe of the grid: what it changes, and the settings that come of it (seed 0)."""

    name: str
    changes: Mapping[str, str]
    settings: Preset


@dataclass(frozen=True)
class CellResult:
    """A cell's figures: AUC per finding and their mean, over all seeds; each seed's own mean.

    `against_first` is the paired difference of the mean to the first cell's, on the same draws.
    """

    name: str
    changes: Mapping[str, str]
    auc: Mapping[str, Interval]
    macro: Interval
    against_first: Interval
    seeds: tuple[float | None, ...]


def read_grid(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Settings and their values from texts as "pooling=max,lse"; "pooling=all" is the paper's.

    PresetError for a text of another form or a setting that comes twice.

    >>> read_grid(["pooling=max,lse", "r=all"])["r"]
    ('0.1', '0.5', '1', '5', '8', '10', '12')
    """
    grid: dict[str, tuple[str, ...]] = {}
    for text in texts:
        key, equals, values = (part.strip() for part in text.partition("="))
        named = tuple(value.strip() for value in values.split(",") if value.strip())
        if not equals or not named or key in grid:
            raise PresetError(text, None, "SETTING=VALUE,VALUE once for each setting")
        grid[key] = _STANDARD.get(key, named) if named == ("all",) else named
    return grid


def cells_of(base: Preset, grid: Mapping[str, Sequence[str]]) -> list[Cell]:
    """All combinations, each once: r is varied under LSE pooling only, where alone it counts.

    PresetError for a setting or value that cannot be.
    """
    cells: dict[str, Cell] = {}
    for values in itertools.product(*grid.values()):
        changes = dict(zip(grid, values, strict=True))
        pooling = changes.get("pooling", base.pooling)
        if pooling != "lse":
            changes.pop("r", None)
        name = " ".join(f"{key}={value}" for key, value in changes.items()) or base.name
        cells.setdefault(name, Cell(name, changes, base.changed(changes)))
    return list(cells.values())


def run_grid(
    cells: Sequence[Cell],
    data: Labelled,
    validation: Labelled | None,
    test: Labelled,
    out: Path,
    *,
    seeds: int,
    score: Score,
    provenance: Mapping[str, str] | None = None,
    begun: Callable[[str, int, int, int], None] | None = None,
    **how: Any,
) -> dict[str, list[Scored]]:
    """The scores on `test` of each cell's best checkpoints, one per seed; trained below `out`.

    A training that is there and finished is not repeated, one that was killed goes on. `begun`
    hears cell, seed, number and how many in all; `how` is passed on to `train`.
    """
    found: dict[str, list[Scored]] = {}
    jobs = list(_jobs(cells, seeds))
    for number, (cell, seed) in enumerate(jobs):
        folder = out / f"{number // seeds:03d}-{_plain(cell.name)}" / f"seed-{seed}"
        if begun is not None:
            begun(cell.name, seed, number + 1, len(jobs))
        settings = cell.settings.changed({"seed": seed})
        train(data, validation, settings, folder, provenance=provenance, resume=True, **how)
        found.setdefault(cell.name, []).append(score(_checkpoint(folder), test))
    return found


def summarise(
    cells: Sequence[Cell],
    scored: Mapping[str, Sequence[Scored]],
    *,
    findings: Sequence[str],
    patients: Sequence[object],
    replicates: int = 1000,
    seed: int = 0,
) -> list[CellResult]:
    """The figures of every cell, all on the same draws of patients."""
    draws, numbers = patient_draws(patients, replicates, seed), patient_numbers(patients)
    results: list[CellResult] = []
    first: tuple[float | None, Floats] | None = None
    for cell in cells:
        runs = scored[cell.name]
        replicated = drawn_aucs(runs, draws, numbers, seed)
        each = [_aucs(run) for run in runs]
        means = mean_aucs(runs)
        mean, spread = macro(means), macro_replicates(replicated)
        first = first or (mean, spread)
        gain = None if mean is None or first[0] is None else mean - first[0]
        results.append(
            CellResult(
                cell.name,
                cell.changes,
                {f: interval(means[n], replicated[:, n]) for n, f in enumerate(findings)},
                interval(mean, spread),
                interval(gain, spread - first[1]),
                tuple(macro(row) for row in each),
            )
        )
    return results


def drawn_aucs(
    runs: Sequence[Scored],
    draws: npt.NDArray[np.int32],
    numbers: npt.NDArray[np.int64],
    seed: int = 0,
) -> Floats:
    """A cell's AUC (replicates, findings), over draws of patients and of its runs, one per seed."""
    # (seeds, replicates, findings); seed n of every cell starts alike, so they are drawn alike.
    # By logits, as each run's own AUC: probabilities of very sure networks round to the same 1.
    areas = np.stack([bootstrap_auc(run.logits, run.targets, draws, numbers) for run in runs])
    count, replicates, _ = areas.shape
    drawn = np.random.default_rng([seed, 1]).integers(0, count, (count, replicates))
    mean: Floats = areas[drawn, np.arange(replicates)].mean(axis=0)
    return mean


def mean_aucs(runs: Sequence[Scored]) -> list[float | None]:
    """A cell's AUC per finding, the mean over its runs."""
    each = [_aucs(run) for run in runs]
    return [macro([row[n] for row in each]) for n in range(runs[0].logits.shape[1])]


def ablation_grid(results: Sequence[CellResult]) -> Grid:
    """The table of an ablation: a row per cell."""
    findings = list(results[0].auc)
    header = ("recipe", "mean AUC [95 %]", "to the first [95 %]", "seeds", *findings)
    rows = tuple(
        (
            row.name,
            row.macro.text(),
            "" if n == 0 else row.against_first.text(),
            _spread(row.seeds),
            *(row.auc[name].text() for name in findings),
        )
        for n, row in enumerate(results)
    )
    notes = (
        "Intervals: draws of patients and of seeds. Seeds: the least and the largest mean AUC. "
        "A difference whose interval holds 0 is none.",
    )
    return Grid("Ablation", header, rows, notes)


def write_ablation(results: Sequence[CellResult], out: Path, about: Mapping[str, Any]) -> None:
    """Leaves ablation.json and ablation.md in `out`."""
    body = {**about, "cells": [asdict(row) for row in results]}
    (out / "ablation.json").write_text(json.dumps(body, indent=1) + "\n")
    (out / "ablation.md").write_text(ablation_grid(results).markdown())


def _jobs(cells: Sequence[Cell], seeds: int) -> Iterator[tuple[Cell, int]]:
    return itertools.product(cells, range(seeds))


def _aucs(run: Scored) -> list[float | None]:
    return [roc_auc(run.logits[:, n], run.targets[:, n]) for n in range(run.logits.shape[1])]


def _checkpoint(folder: Path) -> Path:
    try:
        return find_checkpoint(folder)
    except CheckpointError as error:
        raise CheckpointError(folder, "no checkpoint after training", "Train again.") from error


def _plain(name: str) -> str:
    return "".join(sign if sign.isalnum() or sign in "=.-" else "_" for sign in name)


def _spread(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{short(min(known))}–{short(max(known))}" if known else "–"
