"""Training and looking, unit by unit: a unit that is done is not done again."""

from __future__ import annotations

import fcntl
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from benchmarks.nih_study.arms import ARMS, Arm, Unit
from benchmarks.nih_study.data import StudyData
from data_contracts import PREDICTIONS, write_table
from modeling.attention_training import load_mined, mining_stage, train_with_mining
from modeling.checkpoints import Card, checkpoint_folder, network_of, save_checkpoint
from modeling.code_version import code_version
from modeling.heatmaps import HeatmapWriter, predict_batch
from modeling.localisation import look_at, pick_device, predictions_table
from modeling.pixel_cache import build_cache
from modeling.presets import Preset
from modeling.scoring import probability
from modeling.training import train
from modeling.training_log import read_curve

DONE, RECIPE_TRIED = "unit.json", "recipe.txt"
_AT_ONCE = 64
_PAUSE = 5.0  # seconds

Say = Callable[[str], None]


@dataclass(frozen=True)
class Study:
    """The data, the folder `work` that units are kept in, and what is changed in every arm."""

    data: StudyData
    work: Path
    changes: Mapping[str, object]
    device: str = "cpu"

    def home(self, unit: Unit) -> Path:
        """The folder of a unit."""
        return self.work / "units" / unit.arm.replace(" ", "_") / f"{unit.seed}-{unit.fold}"

    def done(self, unit: Unit) -> bool:
        """Whether its outputs are there."""
        return (self.home(unit) / DONE).is_file()


def run_queue(study: Study, units: Sequence[Unit], *, until: float, say: Say = print) -> None:
    """Nothing; does the units that are not done, and begins none after the time `until`.

    Several processes may work in one folder: each takes what no other one does.
    """
    while left := [unit for unit in units if not study.done(unit)]:
        taken = 0
        for unit in left:
            if time.time() >= until:
                say(f"out of time, {len(left) - taken} units left: run it again to go on")
                return
            begun = time.time()
            if not study.done(unit) and run_unit(study, unit):
                taken += 1
                stamp, seconds = time.strftime("%H:%M:%S"), time.time() - begun
                say(f"{stamp} {unit.arm} {unit.seed}-{unit.fold}: {seconds:.0f} s")
        if not taken:  # all that is left is being done by others
            time.sleep(_PAUSE)


def run_unit(study: Study, unit: Unit) -> bool:
    """Whether the unit's logits and heatmaps of its fold are in its folder; if not, another
    process is at it, or at its parent's."""
    home, arm = study.home(unit), ARMS[unit.arm]
    if arm.parent is not None:
        parent = unit._replace(arm=arm.parent)
        if not study.done(parent) and not run_unit(study, parent):
            return False
    with _lock(home) as free:
        if free and not study.done(unit):
            _run(study, unit, home)
        return study.done(unit)


def _run(study: Study, unit: Unit, home: Path) -> None:
    arm, begun = ARMS[unit.arm], time.time()
    checkpoint = make_checkpoint(study, unit, home)
    trained = time.time() - begun
    images = study.data.images.take(pa.array(study.data.inside(unit.fold)))
    if arm.size is None:
        sight = look_at(checkpoint, images, home, method=arm.method, device=study.device,
                        batch=_AT_ONCE, cache=study.data.pixels)  # fmt: skip
        predictions, card = sight.predictions, sight.card
    else:
        predictions, card = look_larger(study, checkpoint, images, home, arm.size)
    made_from = {"checkpoint": card.checkpoint_id}
    write_table(home / "predictions.parquet", predictions, PREDICTIONS, made_from)
    facts = {
        **made_from, "seconds": round(trained, 1), "provenance": dict(card.provenance),
        "preset": dict(card.preset), "threads": torch.get_num_threads(), "mining": mined_by(card),
    }  # fmt: skip
    work = home / f".{DONE}"
    work.write_text(json.dumps(facts, indent=1) + "\n")
    work.replace(home / DONE)


def mined_by(card: Card) -> dict[str, Any] | None:
    """The options that a checkpoint's heatmaps are mined with; None when they are not mined."""
    stage = mining_stage(card)
    return asdict(stage.mining) if stage is not None and stage.mined else None


def make_checkpoint(study: Study, unit: Unit, home: Path) -> Path:
    """The folder that holds the unit's checkpoint, trained on the other folds if need be."""
    arm, data = ARMS[unit.arm], study.data
    settings = arm.settings(unit.seed, study.changes)
    provenance = {**data.provenance, "arm": arm.name, "fold": str(unit.fold)}
    if not arm.trained:
        return untrained(settings, study, home, provenance)
    parent = None if arm.parent is None else study.home(unit._replace(arm=arm.parent))
    if parent is not None and arm.stage is None:
        return parent
    part = data.part(data.outside(unit.fold), settings.image_size)
    common: dict[str, Any] = {
        "provenance": provenance, "resume": True, "accelerator": study.device, "workers": 0,
    }  # fmt: skip
    if parent is None:
        train(part, None, settings, home, **common)
    else:
        train_with_mining(part, None, settings, home, classifier=parent, stage=arm.stage, **common)
    return home


def untrained(settings: Preset, study: Study, home: Path, provenance: dict[str, str]) -> Path:
    """The folder of a checkpoint with the weights that a training of this seed begins with."""
    torch.manual_seed(settings.seed)
    network = network_of(settings, study.data.targets.findings)
    card = Card(study.data.targets.findings, settings.to_json(), 0, 0.0, provenance, code_version())
    save_checkpoint(checkpoint_folder(home, "step", 0), network.state_dict(), card)
    return home


def look_larger(
    study: Study, checkpoint: Path, images: pa.Table, out: Path, size: int
) -> tuple[pa.Table, Card]:
    """What a checkpoint sees in images larger than those it learnt from; heatmaps are in `out`."""
    network, card = load_mined(checkpoint)
    device = pick_device(study.device)
    network = network.to(device)
    pixels = build_cache(images, size=size, root=study.data.pixels)
    ids, logits = images["image_id"].to_pylist(), []
    rows = pixels.rows(ids)
    with HeatmapWriter(
        out, ids, card.findings, method="cam", checkpoint_id=card.checkpoint_id,
        centres=partial(larger_cells, card, size),
    ) as writer:  # fmt: skip
        for start in range(0, len(rows), _AT_ONCE):
            part = torch.from_numpy(pixels.read(rows[start : start + _AT_ONCE])).unsqueeze(1)
            values, maps = predict_batch(network, part.to(device))
            logits.append(values.cpu().double().numpy())
            writer.write(maps)
    return predictions_table(probability(np.concatenate(logits)), ids, card), card


def larger_cells(card: Card, size: int, side: int) -> tuple[float, ...]:
    """Where the `side` cells of a map of `size` × `size` pixels are centred, as shares of it."""
    settings = Preset(**card.preset).changed({"image_size": size, "grid": side})
    return tuple((p + 0.5) / size for p in network_of(settings, card.findings).cell_centres)


def tune(study: Study, arm: Arm, fold: int) -> tuple[str, list[str]]:
    """The study's recipe by name, and its curve on the inner validation part of a fold.

    The fold itself is neither trained on nor looked at.
    """
    text = ", ".join([arm.name, *(f"{key}={value}" for key, value in study.changes.items())])
    out = study.work / "tune" / re.sub(r"[^\w=.]+", "_", text)
    settings = arm.settings(0, {"validations": 5, **study.changes})
    learn, judge = (study.data.part(rows, settings.image_size) for rows in study.data.inner(fold))
    train(learn, judge, settings, out, resume=True, accelerator=study.device, workers=0,
          provenance=study.data.provenance)  # fmt: skip
    (out / RECIPE_TRIED).write_text(text + "\n")
    curve = (
        [float(row[key]) for key in ("epoch", "auc", "loss")]
        for row in read_curve(out / "validation.csv")
    )
    return text, [
        f"epoch {epoch:.1f}: AUC {auc:.3f}, loss {lost:.3f}" for epoch, auc, lost in curve
    ]


@contextmanager
def _lock(home: Path) -> Iterator[bool]:
    """Whether no other process is at this unit; none can be while the block runs."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
