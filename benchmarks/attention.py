"""What each part of attention mining does, on phantoms: an ablation over several seeds.

    python -m benchmarks.attention [--images 4000] [--steps 3000] [--seeds 5] [--size 256]
    nice python -m benchmarks.attention --images 240 --steps 60 --seeds 2 --size 96 \
        --backbone alexnet --batch 8                         # some CPU minutes, says little

Arms: the classifier (baseline); with aggregated scales (+ MSA); mined without and with knowledge
preservation (+ AM, + AM + KP); all. Mined arms start from the classifier of their seed; an arm that
is not mined draws its boxes from plain heatmaps. A control, "longer", is the baseline trained on
for as long as mining takes: what AM does is its difference to that. The same test images judge all.

Hypotheses: images with 2 and 3 lesions of a finding have more of them found with AM; AUC falls
with AM alone and holds with KP; nodules gain from MSA. Intervals are percentiles of samples of
patients and of seeds, drawn alike for all arms; a difference whose interval holds 0 is no effect
seen. A second table gives the differences.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from benchmarks.attention_figures import FIGURES, Judged, judge, sample
from benchmarks.phantom_images import PhantomImages, make_phantoms
from benchmarks.view import Figures, print_figures, write_markdown
from modeling.attention_training import MiningStage, load_mined, train_with_mining
from modeling.boxes import boxes_from_heatmaps
from modeling.heatmaps import predict_batch
from modeling.localisation import pick_device
from modeling.preservation import Preservation
from modeling.presets import Preset, preset
from modeling.training import train

Floats = npt.NDArray[np.float64]

BASELINE, LONGER, MSA = "baseline", "longer", "+ MSA"
AM, KP, ALL = "+ AM", "+ AM + KP", "all"
ARMS = (BASELINE, LONGER, MSA, AM, KP, ALL)
STAGES = {
    LONGER: MiningStage(mined=0.0, preservation=Preservation(0.0)),
    AM: MiningStage(preservation=Preservation(0.0)),
    KP: MiningStage(),
    ALL: MiningStage(),
}
# What a part does is the difference of two arms.
EFFECTS = {
    "MSA": (MSA, BASELINE),
    "AM alone": (AM, LONGER),
    "AM with KP": (KP, LONGER),
    "KP in AM": (KP, AM),
    "all": (ALL, BASELINE),
}


EFFECT_NOTES = (
    "differences of two arms; * where the interval leaves out 0",
    "with fewer than 5 seeds the intervals are too narrow: another seed may do what none did",
    "where AUC is near .5 the classifier has learnt nothing, and no effect on it means anything",
)


@dataclass(frozen=True)
class Bench:
    """What is trained on what: the images of all seeds, and how each arm is trained."""

    training: PhantomImages
    test: PhantomImages
    settings: Preset
    work: Path
    accelerator: str


def run_seed(bench: Bench, seed: int) -> dict[str, Judged]:
    """What each arm gives on the test images, trained with this seed."""
    found = {}
    for suffix, plain, mined in (
        ("", BASELINE, (LONGER, AM, KP)),
        ("+msa", MSA, (ALL,)),
    ):
        grid = bench.settings.image_size // (16 if suffix else 32)
        settings = bench.settings.changed(
            {
                "backbone": bench.settings.backbone + suffix,
                "seed": seed,
                # AlexNet's own map is as fine as the others' aggregated one.
                "grid": grid * 2 if bench.settings.backbone == "alexnet" else grid,
            }
        )
        home = bench.work / f"{seed}{suffix}"
        common = {"accelerator": bench.accelerator, "workers": 0}
        train(bench.training, None, settings, home, **common)  # type: ignore[arg-type]
        found[plain] = look(bench, home)
        for arm in mined:
            stage = STAGES[arm]
            out = bench.work / f"{seed} {arm}"
            train_with_mining(
                bench.training, None, settings, out, classifier=home, stage=stage,
                **common,  # type: ignore[arg-type]
            )  # fmt: skip
            found[arm] = look(bench, out)
    return found


def look(bench: Bench, checkpoint: Path) -> Judged:
    """What a checkpoint says and draws of the test images."""
    device = pick_device(bench.accelerator)
    network = load_mined(checkpoint)[0].to(device)
    logits, boxes = [], []
    for start in range(0, len(bench.test), 32):
        places = range(start, min(start + 32, len(bench.test)))
        images = bench.test.images[places.start : places.stop].to(device)
        values, maps = predict_batch(network, images)  # type: ignore[arg-type]
        logits.append(values.cpu().double().numpy())
        boxes.append(
            boxes_from_heatmaps(
                maps,
                image_ids=[bench.test.image_ids[place] for place in places],
                findings=bench.test.findings,
                image_size=bench.settings.image_size,
            )
        )
    return judge(np.concatenate(logits), pa.concat_tables(boxes), bench.test)


def tables(
    judged: dict[str, list[Judged]], patients: Sequence[str], replicates: int
) -> list[Figures]:
    """Every arm's figures, and every part's effect, with intervals."""
    samples = {arm: sample(seeds, patients, replicates=replicates) for arm, seeds in judged.items()}
    values = [[arm, *(_cell(column) for column in samples[arm].T)] for arm in judged]
    effects = [
        [name, *(_cell(column, signed=True) for column in (samples[one] - samples[other]).T)]
        for name, (one, other) in EFFECTS.items()
    ]
    header = ("", *FIGURES)
    notes = (
        "mean over the seeds [95 % interval over patients and seeds]; boxes at 60 and 180, on "
        "images that show the finding; a lesion is found when a box of its own overlaps it by "
        "IoBB > 0.25; AFP: boxes there that overlap none so, per lesion; 2nd, 3rd: share of images "
        "with so many lesions of a finding in which as many are found",
    )
    return [
        Figures("Arms", header, values, notes),
        Figures("Effects", header, effects, EFFECT_NOTES),
    ]


def _cell(column: Floats, *, signed: bool = False) -> str:
    """The value and its interval; the first row of the column is the value."""
    known = column[1:][~np.isnan(column[1:])]
    if np.isnan(column[0]) or not len(known):
        return "–"
    low, high = np.quantile(known, [0.025, 0.975])
    sign = "+" if signed else ""
    star = " *" if signed and (low > 0 or high < 0) else ""
    text = f"{column[0]:{sign}.3f} [{low:{sign}.2f}, {high:{sign}.2f}]{star}"
    return text.replace("0.", ".")


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--images", type=int, default=4000, help="to train on; half as many to test"
    )
    parser.add_argument("--steps", type=int, default=3000, help="of the classifier's optimiser")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--size", type=int, default=256, help="side of an image")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--backbone", default="densenet121")
    parser.add_argument("--weights", default="none", help="of the backbone: imagenet, or a file")
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--markdown", type=Path)
    given = parser.parse_args()
    settings = preset(
        "modern", backbone=given.backbone, image_size=given.size, steps=given.steps, epochs=0.0,
        batch=given.batch, learning_rate=given.rate, weights=given.weights, patience=0,
        checkpoints=1,
    )  # fmt: skip
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        training = make_phantoms(work / "training", given.images, given.size, seed=0)
        test = make_phantoms(work / "test", given.images // 2, given.size, seed=1)
        bench = Bench(training, test, settings, work, given.device)
        judged: dict[str, list[Judged]] = {arm: [] for arm in ARMS}
        for seed in range(given.seeds):
            for arm, found in run_seed(bench, seed).items():
                judged[arm].append(found)
    figures = tables(judged, test.patient_ids, given.replicates)
    print_figures(figures)
    if given.markdown:
        command = (
            f"python -m benchmarks.attention --images {given.images} --steps {given.steps} "
            f"--seeds {given.seeds} --size {given.size} --batch {given.batch} "
            f"--backbone {given.backbone} --weights {given.weights}"
        )
        write_markdown(given.markdown, "Attention mining, part by part", command, figures)


if __name__ == "__main__":
    main()
