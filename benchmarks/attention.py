"""What each part of attention mining does, on phantoms: an ablation over several seeds.

    python -m benchmarks.attention --work FOLDER [--images 4000] [--steps 3000] [--seeds 5]
    python -m benchmarks.attention --work FOLDER --backbone alexnet --size 128 --images 2400 \
        --steps 400 --rate 5e-4 --seeds 3 --device cpu --set precision=bf16 --set augment=false

Arms: the classifier (baseline); the same with its maps mined, untouched otherwise (maps mined);
mined without and with knowledge preservation (+ AM, + AM + KP); with aggregated scales (+ MSA);
all. Mined arms start from the classifier of their seed; an arm that is not mined draws its boxes
from plain heatmaps. Controls, "longer", are the baseline and + MSA trained on for as long as mining
takes: what AM does is its difference to that. The same test images judge all.

Everything is kept in the work folder under what it was made from: a run that is stopped goes on
where it was, also within a training. What is chosen is chosen on one draw of phantoms (--draw 0),
and reported on another.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor

from benchmarks.attention_figures import LEVEL, Judged, judge, load_seen, save_seen
from benchmarks.attention_pages import conditions, tables
from benchmarks.phantom_images import PhantomImages, make_phantoms
from benchmarks.view import print_figures, write_markdown
from flows.cli.train_options import read_changes
from modeling.attention import MiningOptions, merge_heatmaps, mine, positive_pairs
from modeling.attention_training import MiningStage, mining_stage, train_with_mining
from modeling.boxes import boxes_from_heatmaps
from modeling.cell_centres import cell_shares
from modeling.checkpoints import load_network
from modeling.localisation import pick_device
from modeling.network import Network
from modeling.preservation import Preservation
from modeling.presets import Preset, preset
from modeling.training import train

BASELINE, MAPS, LONGER, MSA = "baseline", "maps mined", "longer", "+ MSA"
AM, KP, MSA_LONGER, ALL = "+ AM", "+ AM + KP", "+ MSA, longer", "all"
ARMS = (BASELINE, MAPS, LONGER, AM, KP, MSA, MSA_LONGER, ALL)
Seen = tuple[npt.NDArray[np.float64], pa.Table]
AGGREGATED = (MSA, MSA_LONGER, ALL)


@dataclass(frozen=True)
class Bench:
    """What is trained on what: the images of all seeds, and how each arm is trained."""

    training: PhantomImages
    test: PhantomImages
    settings: Preset
    stage: MiningStage
    work: Path
    accelerator: str

    def preset_of(self, arm: str, seed: int) -> Preset:
        """The settings of the classifier that this arm is, or starts from."""
        suffix = "+msa" if arm in AGGREGATED else ""
        grid = self.settings.image_size // (16 if suffix else 32)
        backbone = self.settings.backbone
        # AlexNet's own map is as fine as the others' aggregated one.
        grid = grid * 2 if backbone == "alexnet" else grid
        return self.settings.changed({"backbone": backbone + suffix, "seed": seed, "grid": grid})

    def stage_of(self, arm: str) -> MiningStage | None:
        """How this arm is trained on; None for a classifier."""
        unkept = replace(self.stage, preservation=Preservation(0.0))
        plain = replace(unkept, mined=0.0)
        stages = {LONGER: plain, MSA_LONGER: plain, AM: unkept, KP: self.stage, ALL: self.stage}
        return stages.get(arm)

    def home(self, arm: str, seed: int) -> Path:
        """The folder of a training, by what decides its weights."""
        stage = self.stage_of(arm)
        if arm == MAPS:  # no training, but its figures depend on how is mined
            stage = MiningStage(self.stage.mining)
        made_from = [self.preset_of(arm, seed).to_json(), stage.to_text() if stage else None]
        digest = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()
        return self.work / f"{arm} {seed} {digest[:10]}"


def run_arm(bench: Bench, arm: str, seed: int) -> Seen:
    """What an arm says and draws of the test images, trained with this seed; kept, not done twice.

    Its logits (N, C) and its boxes.
    """
    home = bench.home(arm, seed)
    found = load_seen(home)
    if found is None:
        checkpoint = trained(bench, BASELINE if arm == MAPS else arm, seed)
        found = look(bench, checkpoint, bench.stage.mining if arm == MAPS else None)
        save_seen(*found, home)
    return found


def trained(bench: Bench, arm: str, seed: int) -> Path:
    """The folder of this arm's finished training."""
    home, settings, stage = bench.home(arm, seed), bench.preset_of(arm, seed), bench.stage_of(arm)
    common = {"accelerator": bench.accelerator, "workers": 0, "resume": True}
    if (home / "done").is_file():
        return home
    if stage is None:
        train(bench.training, None, settings, home, **common)  # type: ignore[arg-type]
    else:
        parent = trained(bench, MSA if arm in AGGREGATED else BASELINE, seed)
        train_with_mining(
            bench.training, None, settings, home, classifier=parent, stage=stage,
            **common,  # type: ignore[arg-type]
        )  # fmt: skip
    (home / "done").touch()
    return home


def look(bench: Bench, checkpoint: Path, mining: MiningOptions | None = None) -> Seen:
    """What a checkpoint says and draws of the test images; `mining` mines a classifier's maps."""
    device, test = pick_device(bench.accelerator), bench.test
    network, card = load_network(checkpoint)
    stage = mining_stage(card)
    if stage is not None and stage.mined:
        mining = stage.mining
    network = network.to(device)
    logits, boxes = [], []
    for start in range(0, len(test), 32):
        places = slice(start, min(start + 32, len(test)))
        values, maps = seen(network, test.images[places].to(device), test.targets[places], mining)
        logits.append(values.cpu().double().numpy())
        boxes.append(
            boxes_from_heatmaps(
                maps,
                image_ids=test.image_ids[places],
                findings=test.findings,
                image_size=bench.settings.image_size,
                centres=cell_shares(network, Preset(**card.preset), maps.shape[-1]),
            )
        )
    return np.concatenate(logits), pa.concat_tables(boxes)


@torch.inference_mode()
def seen(
    network: Network, images: Tensor, targets: Tensor, mining: MiningOptions | None
) -> tuple[Tensor, Tensor]:
    """Logits and heatmaps; those of findings that are there are mined: only they are judged."""
    output = network(images, features=True)
    heatmaps = output.heatmaps.float()
    if mining is not None:
        pairs = positive_pairs(targets).to(images.device)
        steps = list(mine(network, output, pairs, mining, images=images))
        heatmaps[pairs[:, 0], pairs[:, 1]] = merge_heatmaps(steps, mining)
    return output.logits.float(), heatmaps


def make_bench(given: argparse.Namespace) -> Bench:
    """The phantoms, drawn or found, and the settings that the command line describes."""
    settings = preset(
        "modern", backbone=given.backbone, image_size=given.size, steps=given.steps, epochs=0.0,
        batch=given.batch, learning_rate=given.rate, weights=given.weights, patience=0,
        checkpoints=4,
    ).changed(read_changes(given.set))  # fmt: skip
    drawn = {}
    for name, count, seed in (
        ("training", given.images, 2 * given.draw),
        ("test", given.test, 2 * given.draw + 1),
    ):
        out = given.work / f"phantoms-{seed}-{count}-{given.size}"
        drawn[name] = make_phantoms(out, count, given.size, seed=seed)
    stage = MiningStage().changed(read_changes(given.stage))
    work = given.work / f"trained-{given.draw}-{given.images}-{given.test}"
    work.mkdir(exist_ok=True)
    return Bench(**drawn, settings=settings, stage=stage, work=work, accelerator=given.device)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder that keeps everything")
    parser.add_argument("--images", type=int, default=4000, help="phantoms to train on")
    parser.add_argument("--test", type=int, default=1000, help="phantoms to judge by")
    parser.add_argument("--draw", type=int, default=1, help="0: for choosing; others: to report")
    parser.add_argument("--steps", type=int, default=3000, help="of the classifier's optimiser")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--arms", nargs="+", default=ARMS, choices=ARMS)
    parser.add_argument("--size", type=int, default=256, help="side of an image")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--backbone", default="densenet121")
    parser.add_argument("--weights", default="none", help="of the backbone: imagenet, or a file")
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--set", action="append", help="any setting of the classifier's preset")
    parser.add_argument("--stage", action="append", help="of mining, as mining.steps=3")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--judge-only", action="store_true", help="train nothing; what is kept")
    parser.add_argument("--levels", type=float, nargs="+", default=[LEVEL, 0.25], help="of IoBB")
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--markdown", type=Path)
    return parser.parse_args(arguments)


def main() -> None:
    """Trains what is not trained yet, and prints the tables."""
    given = parse()
    torch.manual_seed(0)
    bench = make_bench(given)
    seen: dict[str, list[Seen]] = {arm: [] for arm in given.arms}
    for seed in range(given.seeds):
        for arm in given.arms:
            found = load_seen(bench.home(arm, seed)) if given.judge_only else None
            if found is None and given.judge_only:
                continue
            seen[arm].append(found or run_arm(bench, arm, seed))
            print(f"{arm}, seed {seed}: done", file=sys.stderr, flush=True)
    seen = {arm: runs for arm, runs in seen.items() if runs}
    judged: dict[float, dict[str, list[Judged]]] = {
        level: {
            arm: [judge(*each, bench.test, level) for each in runs] for arm, runs in seen.items()
        }
        for level in given.levels
    }
    figures = tables(judged, bench.test.patient_ids, given.replicates)
    figures = [*figures, conditions(bench.settings, bench.stage, bench.training, bench.test)]
    print_figures(figures)
    if given.markdown:
        command = shlex.join(["python", "-m", "benchmarks.attention", *sys.argv[1:]])
        threads = os.environ.get("OMP_NUM_THREADS")
        command = f"OMP_NUM_THREADS={threads} {command}" if threads else command
        write_markdown(given.markdown, "Attention mining, part by part", command, figures)


if __name__ == "__main__":
    main()
