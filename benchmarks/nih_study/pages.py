"""The two pages of results: what is said in words, and the tables under it."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import torch

from benchmarks.nih_study.arms import ALEXNET, ARMS, GOOGLENET, MSA, RECIPE, UNTRAINED, Unit
from benchmarks.nih_study.boxes import (
    System,
    by_finding_table,
    everywhere_table,
    means_table,
    rivals_table,
)
from benchmarks.nih_study.classify import tables
from benchmarks.nih_study.collected import Seen, whole_arms, whole_seeds
from benchmarks.nih_study.data import StudyError
from benchmarks.nih_study.drawing import Rows
from benchmarks.nih_study.effects import attention_tables
from benchmarks.nih_study.options_study import learnt_system, options_table
from benchmarks.nih_study.units import DONE, RECIPE_TRIED, Study
from benchmarks.view import Figures
from modeling.attention import MiningOptions
from modeling.training_log import read_curve

_CHOICE = (
    "The images were gathered by convenience: some that carry boxes, others that were chosen as "
    "pneumonia or as no finding. How many images show a finding means nothing, no prevalence can "
    "be read off, and view, age and sex foretell labels. The labels are NIH's, mined from "
    "reports, with their errors. Networks are trained from scratch on image-level labels of "
    "the other folds; folds are by patient."
)


_CURVE = {"epoch": 1, "auc": 3}  # decimals
_AGAIN = (
    "To run it again, with NIH's images, labels and boxes in the folder nih/ of $CXRMINE_DATA: "
    "`python -m benchmarks.nih_study train --work DIR` (hours on a CPU; stopped and started "
    "again it goes on; several may work in one folder; `--device cuda` on a GPU), then `… classify "
    "--work DIR` and `… boxes --work DIR`."
)


def classification_page(study: Study, replicates: int) -> tuple[list[str], list[Figures]]:
    """What is said of classification, and its tables. StudyError when nothing is trained yet."""
    seen = _seen(study)
    figures, said = tables(study.data, list(seen.values()), replicates)
    return [*_about(study, seen), *said], [*figures, *_recipes(study)]


def boxes_page(study: Study, replicates: int) -> tuple[list[str], list[Figures]]:
    """What is said of boxes, and their tables. StudyError when nothing is trained yet."""
    seen, rows = _seen(study), Rows(study.data)
    if ALEXNET not in seen:
        raise StudyError("no whole seed of alexnet", "one", "Train it first.")
    plain = [_plain(rows, seen, name) for name in (ALEXNET, MSA, GOOGLENET) if name in seen]
    learnt = learnt_system(rows, seen, ALEXNET)
    systems = [*plain, learnt]
    beside, said = rivals_table(rows, systems, replicates)
    mined, mined_said = attention_tables(rows, seen, replicates)
    figures = [
        beside,
        means_table(rows, systems, replicates),
        *(by_finding_table(rows, system) for system in (plain[0], learnt)),
        everywhere_table(rows, ALEXNET, seen[ALEXNET].heatmaps),
        options_table(rows, seen, learnt, replicates),
        *mined,
    ]
    words = [*_about(study, seen), _boxes_words(study), *said, *mined_said]
    return [*words, *_mining_words(study, seen)], figures


def _seen(study: Study) -> dict[str, Seen]:
    seen = {one.arm: one for one in whole_arms(study)}
    if not seen:
        raise StudyError(
            f"no arm of which a seed has all folds in {study.work}", "one", "Train it first."
        )
    return seen


def _plain(rows: Rows, seen: dict[str, Seen], arm: str) -> System:
    """An arm's boxes with the paper's options, and those of its untrained network."""

    def drawn(name: str) -> tuple[object, ...]:
        return tuple(rows.draw(maps) for maps in seen[name].heatmaps) if name in seen else ()

    return System(arm, drawn(arm), drawn(arm + UNTRAINED))


def _boxes_words(study: Study) -> str:
    truth = study.data.truth
    images = len(set(truth["image_id"].to_pylist()))
    return (
        f"{truth.num_rows} true boxes on {images} images. True boxes are used for nothing but the "
        "score, but in what is called learnt: there, thresholds, priors, area limits and the "
        "number of boxes of a fold are chosen on the true boxes of the other folds. No loss sees "
        "a box."
    )


def _mining_words(study: Study, seen: dict[str, Seen]) -> list[str]:
    """How the mined arms were mined, beside the defaults of now."""
    now = asdict(MiningOptions())
    found: dict[str, list[str]] = {}
    for name, one in seen.items():
        for seed in one.seeds:
            about = json.loads((study.home(Unit(name, seed, 0)) / DONE).read_text())
            if not (options := about.get("mining")):
                continue
            found.setdefault(_options_said(options, now), []).append(f"{name} {seed}")
    return [f"Heatmaps of {', '.join(a)} are mined with {said}." for said, a in found.items()]


def _options_said(options: dict[str, object], now: dict[str, object]) -> str:
    """The options of a mining, and how they differ from those of `now`.

    >>> _options_said({"steps": 2, "keep": 0.5}, {"steps": 2, "keep": 0.3, "measure": "evidence"})
    'steps 2, keep 0.5; today the default is keep 0.3, measure evidence'
    """
    own = ", ".join(f"{key} {value}" for key, value in options.items())
    new = ", ".join(f"{key} {value}" for key, value in now.items() if options.get(key) != value)
    return f"{own}; today the default is {new}" if new else own


def _recipes(study: Study) -> list[Figures]:
    """What `tune` has tried, if anything."""
    rows = []
    for path in sorted(study.work.glob(f"tune/*/{RECIPE_TRIED}")):
        last = read_curve(path.with_name("validation.csv"))[-1]
        name = path.read_text().strip()
        rows.append([name, *(f"{float(last[key]):.{n}f}" for key, n in _CURVE.items())])
    notes = (
        "the last step, judged on a fifth of the patients that are not in fold 0; some 200 images: "
        "differences of .02 say nothing. The recipe was fixed by this before any fold was judged",
    )
    header = ("recipe", "epochs", "AUC")
    return [Figures("Recipes tried on the inner part of fold 0", header, rows, notes)]


def _about(study: Study, seen: dict[str, Seen]) -> list[str]:
    data = study.data
    stamps, seconds = [], 0.0
    for name in ARMS:
        for seed in whole_seeds(study, name):
            for fold in range(data.folds):
                path = study.home(Unit(name, seed, fold)) / DONE
                stamps.append(path.stat().st_mtime)
                seconds += json.loads(path.read_text())["seconds"]
    days = sorted({datetime.fromtimestamp(stamp, UTC).date().isoformat() for stamp in stamps})
    threads = {
        int(json.loads((study.home(Unit(n, one.seeds[0], 0)) / DONE).read_text())["threads"])
        for n, one in seen.items()
    }
    arms = "; ".join(f"{name}: {len(one.seeds)}" for name, one in seen.items())
    refused = "; ".join(f"{count} × {reason}" for reason, count in data.left_out.items())
    recipe = ", ".join(f"{key} {value}" for key, value in RECIPE.items())
    return [
        f"NIH ChestX-ray14, a part: {data.images.num_rows} images of {len(set(data.patients))} "
        f"patients, {data.folds} folds (left out: {refused or 'none'}). {_CHOICE}",
        f"Trained {' and '.join(days)} on {processor()}, {max(threads)} thread each, torch "
        f"{torch.__version__.split('+')[0]}: {seconds / 3600:.1f} hours for the {len(stamps)} "
        f"units of whole seeds. Preset modern with {recipe}; fixed length, the last step counts. "
        f"Seeds by arm: {arms}.",
        _AGAIN,
    ]


def processor() -> str:
    """The processor's name as the system knows it."""
    path = Path("/proc/cpuinfo")
    match = re.search(r"model name\s*:\s*(.+)", path.read_text()) if path.is_file() else None
    return match[1] if match else platform.processor() or platform.machine()


def page(title: str, command: str, said: Sequence[str], figures: Sequence[Figures]) -> str:
    """Both as Markdown."""
    lines = [f"# {title}", "", f"Written by `{command}`.", ""]
    for paragraph in said:
        lines += [paragraph, ""]
    for one in figures:
        lines += [f"## {one.title}", "", _line(one.header)]
        lines.append(_line(["---", *["---:"] * (len(one.header) - 1)]))
        lines += [_line(row) for row in one.rows]
        lines += ["", *(f"- {note}" for note in one.notes), ""]
    return "\n".join(lines).rstrip() + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
