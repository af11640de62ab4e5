"""What the parts of attention mining's second stage cost, relative to a plain training step.

    python -m benchmarks.mining_cost [--backbone alexnet] [--size 128] [--batch 16]

The same network, batch and optimiser; one step each in turn, round after round, so that a busy
machine slows all of them. A ratio is the median of the rounds' own ratios, of CPU seconds on a CPU;
the least and the largest stand behind it. One target in five is positive.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.view import Figures, print_figures, write_markdown
from data_contracts import CHESTXRAY8
from modeling.attention import MiningOptions
from modeling.attention_training import MiningStage, Objective, freeze_norms
from modeling.checkpoints import network_of
from modeling.dataset import Batch
from modeling.devices import make_fabric
from modeling.losses import loss
from modeling.optimisation import make_optimizer
from modeling.preservation import Preservation, frozen_copy
from modeling.presets import Preset, preset
from modeling.training_step import counts_of

PLAIN = "plain step"
OFF, KEPT = Preservation(0.0), Preservation(1.0)
STAGES = {
    PLAIN: MiningStage(mined=0.0, preservation=OFF),
    "AM, K = 1": MiningStage(MiningOptions(steps=1), OFF),
    "AM, K = 2": MiningStage(MiningOptions(steps=2), OFF),
    "AM, K = 4": MiningStage(MiningOptions(steps=4), OFF),
    "KP alone": MiningStage(mined=0.0, preservation=KEPT),
    "AM, K = 2, and KP": MiningStage(MiningOptions(steps=2), KEPT),
    "AM, K = 2, blocked in the image": MiningStage(MiningOptions(steps=2, block="image"), OFF),
}


def random_batch(settings: Preset, positive: float = 0.2) -> Batch:
    """Images of noise; what they show changes nothing of the price."""
    count, side = settings.batch, settings.image_size
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 1, side, side), dtype=torch.uint8, generator=generator)
    targets = (torch.rand(count, len(CHESTXRAY8), generator=generator) < positive).float()
    rows = torch.arange(count)
    return Batch(images, targets, torch.ones_like(targets), rows, rows)


def ways(settings: Preset, accelerator: str) -> dict[str, Callable[[], None]]:
    """One step of the optimiser in each of the ways."""
    fabric = make_fabric(settings, accelerator)
    torch.manual_seed(0)
    model = network_of(settings, CHESTXRAY8)
    optimizer = make_optimizer(model, settings)
    network, wrapped = fabric.setup(model, optimizer)
    batch = Batch(*(part.to(fabric.device) for part in random_batch(settings)))
    chosen = loss(settings.loss, reduction=settings.reduction)
    original = frozen_copy(model).to(fabric.device)
    freeze_norms(model)

    def way(stage: MiningStage) -> Callable[[], None]:
        kept = original if stage.preservation.weight else None
        objective = Objective(model, kept, chosen, stage)

        def step() -> None:
            with fabric.autocast():
                here = objective(network, batch, counts_of([batch], False), len(batch.images))
            fabric.backward(here)
            wrapped.step()
            wrapped.zero_grad(set_to_none=True)
            if fabric.device.type == "cuda":
                torch.cuda.synchronize()

        return step

    return {name: way(stage) for name, stage in STAGES.items()}


def measure(
    steps: dict[str, Callable[[], None]], rounds: int, clock: Callable[[], float]
) -> Figures:
    """The price of each way, in plain steps of the same round."""
    for step in steps.values():
        step()  # what is done once only
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            start = clock()
            step()
            seconds[name].append(clock() - start)
    rows = []
    for name, own in seconds.items():
        ratios = [one / plain for one, plain in zip(own, seconds[PLAIN], strict=True)]
        rows.append([
            name, f"{statistics.median(own) * 1000:.0f} ms", f"{statistics.median(ratios):.2f}",
            f"{min(ratios):.2f} to {max(ratios):.2f}",
        ])  # fmt: skip
    return Figures("Price of a step", ("", "median", "in plain steps", "least to largest"), rows)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", default="alexnet")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--precision", default="32")
    parser.add_argument("--device", default="cpu", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--markdown", type=Path)
    given = parser.parse_args()
    settings = preset(
        "modern", backbone=given.backbone, image_size=given.size, batch=given.batch,
        precision=given.precision, grid=given.size // 16,
    )  # fmt: skip
    clock = time.process_time if given.device == "cpu" else time.perf_counter
    figures = measure(ways(settings, given.device), given.rounds, clock)
    where = f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads"
    how = [["network", f"{given.backbone}, {given.size} px, {given.batch} images, "
                       f"precision {given.precision}"],
           ["machine", where], ["torch", torch.__version__]]  # fmt: skip
    tables = [figures, Figures("How", ("", ""), how)]
    print_figures(tables)
    if given.markdown:
        command = (f"python -m benchmarks.mining_cost --backbone {given.backbone} "
                   f"--size {given.size} --batch {given.batch}")  # fmt: skip
        write_markdown(given.markdown, "What attention mining costs", command, tables)


if __name__ == "__main__":
    main()
