"""What an ablation on phantoms says of the paper's claims, as a page with intervals.

    cxrmine phantoms --count 6000 --out phantoms
    cxrmine ablate --labels phantoms --images phantoms --out ablation … --grid loss=cel,wcel \\
        --grid pooling=average,max,lse --grid r=1,5,10
    python -m benchmarks.phantom_ablation ablation --phantoms phantoms \\
        --markdown docs/results/phantom_ablation.md

Claims of ChestX-ray8: Log-Sum-Exp pooling with a suitable r is at least as good as the average and
the maximum; W-CEL helps where positives are rare. Each is a difference of recipes that were scored
on the same images; intervals are over the same draws of patients and of seeds for all of them. The
suitable r is the one with the best mean AUC on the validation images.
"""

from __future__ import annotations

import argparse
import json
import platform
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.view import Figures, print_figures, write_markdown
from modeling.ablation import drawn_aucs, mean_aucs
from modeling.assessment import score_checkpoint
from modeling.auc import Interval, interval, macro, macro_replicates, patient_draws, patient_numbers
from modeling.checkpoints import read_card
from modeling.data_sides import make_sides, read_data
from modeling.dataset import CachedImages
from modeling.scoring import Floats

_RARE = 0.06  # share of positives up to which a finding counts as rare here


@dataclass(frozen=True)
class Cell:
    """A recipe: its changes, AUC per finding, the same drawn (replicates, C), validation AUC."""

    name: str
    changes: Mapping[str, str]
    auc: list[float | None]
    drawn: Floats
    validation: float


def read_cells(folder: Path, test: CachedImages, replicates: int) -> list[Cell]:
    """The recipes of an ablation in the order of its grid, their checkpoints scored on `test`."""
    draws = patient_draws(test.patient_ids, replicates, 0)
    numbers = patient_numbers(test.patient_ids)
    cells = []
    for number, body in enumerate(json.loads((folder / "ablation.json").read_text())["cells"]):
        homes = sorted(next((folder / "runs").glob(f"{number:03d}-*")).glob("seed-*"))
        runs = [score_checkpoint(home, test, accelerator="cpu")[0] for home in homes]
        judged = [read_card(home).metrics["auc"] for home in homes]
        known = [value for value in judged if value is not None]
        drawn = drawn_aucs(runs, draws, numbers)
        validation = float(np.mean(known))
        cells.append(Cell(body["name"], body["changes"], mean_aucs(runs), drawn, validation))
    return cells


def difference(better: Sequence[Cell], than: Sequence[Cell], columns: Sequence[int]) -> Interval:
    """Mean AUC over these findings and the first recipes, minus that of the second ones."""

    def mean(cells: Sequence[Cell]) -> tuple[float, Floats]:
        values = [macro([cell.auc[n] for n in columns]) or np.nan for cell in cells]
        drawn = [macro_replicates(cell.drawn[:, list(columns)]) for cell in cells]
        return float(np.mean(values)), np.mean(drawn, axis=0)

    (one, one_drawn), (other, other_drawn) = mean(better), mean(than)
    return interval(one - other, one_drawn - other_drawn)


def recipe_table(cells: Sequence[Cell], findings: Sequence[str]) -> Figures:
    """Mean and per-finding AUC of every recipe."""
    rows = []
    for cell in cells:
        whole = interval(macro(cell.auc), macro_replicates(cell.drawn))
        each = [interval(value, cell.drawn[:, n]).text() for n, value in enumerate(cell.auc)]
        rows.append([cell.name, whole.text(), f"{cell.validation:.3f}", *each])
    header = ["recipe", "mean AUC [95 %]", "validation", *findings]
    return Figures("AUC on the test images", header, rows)


def verdict(found: Interval) -> str:
    """What a difference says of "the first is better".

    >>> verdict(Interval(0.02, 0.01, 0.03)), verdict(Interval(0.02, -0.01, 0.05))
    ('better', 'no difference shown')
    >>> verdict(Interval(-0.02, -0.03, -0.01)), verdict(Interval(None))
    ('worse', 'no difference shown')
    """
    if found.low is None or found.high is None or found.low <= 0 <= found.high:
        return "no difference shown"
    return "better" if found.low > 0 else "worse"


def pooling_table(cells: Sequence[Cell], every: Sequence[int], rare: Sequence[int]) -> Figures:
    """Log-Sum-Exp beside average and maximum, under each loss."""
    rows, read = [], []
    for loss in dict.fromkeys(cell.changes["loss"] for cell in cells):
        own = [cell for cell in cells if cell.changes["loss"] == loss]
        plain = {cell.changes["pooling"]: cell for cell in own if cell.changes["pooling"] != "lse"}
        soft = [cell for cell in own if cell.changes["pooling"] == "lse"]
        best = max(soft, key=lambda cell: cell.validation)
        for cell in soft:
            mark = ", the suitable one" if cell is best else ""
            for name, other in plain.items():
                found = difference([cell], [other], every)
                called = f"{loss}: LSE r = {cell.changes['r']}"
                text = difference([cell], [other], rare).text()
                rows.append([f"{called}{mark}, minus {name}", found.text(), text])
                if mark:
                    read.append(f"{called} against {name}: {verdict(found)}")
    notes = [
        "Suitable: the r with the best mean AUC on the validation images under that loss.",
        f"The claim, LSE with a suitable r is at least as good: {'; '.join(read)}.",
    ]
    header = ["difference", "all findings [95 %]", "rare findings [95 %]"]
    return Figures("Does Log-Sum-Exp pooling help?", header, rows, notes)


def loss_table(
    cells: Sequence[Cell], findings: Sequence[str], rates: Sequence[float], rare: Sequence[int]
) -> Figures:
    """W-CEL minus CEL over all poolings alike, per finding, the rarest first."""
    sides = {
        loss: [cell for cell in cells if cell.changes["loss"] == loss] for loss in ("wcel", "cel")
    }
    order = sorted(range(len(findings)), key=lambda n: rates[n])
    rows = [
        [findings[n], f"{rates[n]:.1%}", difference(sides["wcel"], sides["cel"], [n]).text()]
        for n in order
    ]
    groups = {"mean of the rare ones": list(rare), "mean of all": list(range(len(findings)))}
    for name, columns in groups.items():
        rows.append([name, "", difference(sides["wcel"], sides["cel"], columns).text()])
    notes = [
        f"Rare: positive in {_RARE:.0%} of the training images or fewer.",
        "The claim, W-CEL helps rare findings: "
        f"{verdict(difference(sides['wcel'], sides['cel'], rare))}.",
    ]
    header = ["finding", "positive in training", "W-CEL minus CEL [95 %]"]
    return Figures("Does W-CEL help rare findings?", header, rows, notes)


def main() -> None:
    """Prints the tables; with --markdown writes the page."""
    parser = argparse.ArgumentParser(description="The claims, on phantoms.", allow_abbrev=False)
    parser.add_argument("ablation", type=Path)
    parser.add_argument("--phantoms", type=Path, help="their folder, named on the page")
    parser.add_argument("--bootstrap", type=int, default=1000)
    parser.add_argument("--markdown", type=Path)
    given = parser.parse_args()
    about: dict[str, Any] = json.loads((given.ablation / "ablation.json").read_text())
    findings = tuple(about["cells"][0]["auc"])
    sides = make_sides(
        read_data(given.ablation), findings=findings, size=about["preset"]["image_size"]
    )
    train, test = sides.part("train")[0], sides.part("test")[0]
    rates = train.targets.nanmean(dim=0).tolist()
    rare = [n for n, rate in enumerate(rates) if rate <= _RARE]
    cells = read_cells(given.ablation, test, given.bootstrap)
    found = [
        pooling_table(cells, range(len(findings)), rare),
        loss_table(cells, findings, rates, rare),
        recipe_table(cells, findings),
    ]
    facts = _facts(given.ablation, given.phantoms, about, len(train), len(test))
    found[0] = Figures(found[0].title, found[0].header, found[0].rows, [*found[0].notes, *facts])
    print_figures(found)
    if given.markdown is not None:
        command = f"python -m benchmarks.phantom_ablation {given.ablation.name}"
        write_markdown(given.markdown, "Pooling and loss on phantoms", command, found)


def _facts(
    folder: Path, phantoms: Path | None, about: Mapping[str, Any], train: int, test: int
) -> list[str]:
    """How it was made, for the notes."""
    facts = [
        f"{train:,} phantoms trained, {test:,} tested; {about['seeds']} seeds of each recipe; "
        f"{about['replicates']:,} draws of patients and seeds. A difference whose interval holds 0 "
        "is none.",
    ]
    if phantoms is not None:
        made = json.loads((phantoms / "manifest.json").read_text())
        given = made["settings"]
        facts.append(
            f"`cxrmine phantoms --count {given['count']} --size {given['size']} --seed "
            f"{given['seed']}`, generator version {made['version']}, fixed before this ablation; "
            f"{given['label_noise']:.0%} of the labels wrong."
        )
    record = folder / "run.json"
    if record.is_file():
        body = json.loads(record.read_text())
        called = shlex.join(["cxrmine", *body["called"][1:]])
        facts.append(f"`{called}`, {body['started'][:10]}, {_processor()}.")
    return facts


def _processor() -> str:
    """What this machine computes with, as the kernel names it."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} cores of {names[0]}" if names else platform.machine()


if __name__ == "__main__":
    main()
