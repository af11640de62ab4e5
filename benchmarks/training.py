"""The training step: the whole pipeline against a tensor on the device, and what our layers cost.

    python -m benchmarks.training [--backbone resnet50] [--size 512] [--batch 64] [--precision bf16]

Four ways to take the same number of steps, in turn, round after round, so that a busy machine slows
all of them:

    pipeline     loader + augmentation + step
    at hand      the same network and optimiser on one batch that is already on the device
    plain head   the same backbone with the mean over positions, one linear layer and torch's mean
                 cross entropy: what is left without transition, pooling, heatmaps and our loss
    torchvision  torchvision's whole network of that name, its own classifier included

A ratio is the median of the rounds' own ratios; the least and the largest stand behind it. On a CPU
without loader processes it is taken of CPU seconds as well, which other programs disturb less. On a
GPU the default is ResNet-50 at 512 px, bf16, channels last; on a CPU AlexNet at 128 px.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import torchvision
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from benchmarks.view import Figures, print_figures, write_markdown
from data_contracts import CHESTXRAY8
from modeling.augmentation import Augmentation
from modeling.backbones import backbone
from modeling.batches import BatchStream
from modeling.checkpoints import network_of
from modeling.data_sides import everything, make_sides
from modeling.dataset import Batch, CachedImages
from modeling.devices import make_fabric
from modeling.labelled_images import bring_together
from modeling.losses import loss
from modeling.optimisation import make_optimizer
from modeling.phantom import generate_phantoms
from modeling.presets import Preset, preset
from modeling.samples import augmented, default_workers, training_batches
from modeling.training_step import optimise

Way = Callable[[], None]
Rounds = list[tuple[float, float]]
_TARGETS = {"cuda": 0.90, "cpu": 0.95}
_LAYERS = 0.95  # transition, pooling and loss may cost 5 %
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "cuda": {"backbone": "resnet50", "size": 512, "batch": 64, "images": 1024, "steps": 20},
    "cpu": {"backbone": "alexnet", "size": 128, "batch": 16, "images": 256, "steps": 8},
}


class PlainHead(nn.Module):
    """A backbone, the mean over its positions, and one linear layer."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.body, channels, _ = backbone(name)
        self.fc = nn.Linear(channels, len(CHESTXRAY8))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, C)."""
        logits: Tensor = self.fc(self.body(images).mean(dim=(-2, -1)))
        return logits


def phantom_data(folder: Path, images: int, size: int) -> CachedImages:
    """Phantoms in the pixel cache at this size."""
    made = generate_phantoms(folder / "set", count=images, seed=0, size=size, reports=False)
    found = everything(bring_together(made.folder, made.folder))
    sides = make_sides(found, findings=CHESTXRAY8, size=size, cache=folder / "cache")
    return sides.part("all")[0]


def our_ways(
    settings: Preset, data: CachedImages, fabric: Fabric, batches: Iterator[Batch], steps: int
) -> dict[str, Way]:
    """Steps of one network: through the pipeline, and on a batch at hand."""
    torch.manual_seed(0)
    network, optimizer = _on_device(network_of(settings, CHESTXRAY8), settings, fabric)
    chosen = loss(settings.loss, reduction=settings.reduction)
    augmentation = Augmentation() if settings.augment else None
    first = next(batches)
    ready = first._replace(images=first.images.float() / 255)

    def step(batch: Batch) -> None:
        optimise(network, optimizer, chosen, [batch], fabric, settings.clip_norm)

    def pipeline() -> None:
        for batch in islice(batches, steps):
            if augmentation is not None:
                batch = augmented(batch, augmentation, images=len(data), seed=0)
            step(batch)

    def at_hand() -> None:
        for _ in range(steps):
            step(ready)

    return {"pipeline": pipeline, "at hand": at_hand}


def plain_ways(settings: Preset, fabric: Fabric, steps: int) -> dict[str, Way]:
    """Steps of the backbone with a plain head, and of torchvision's whole network."""
    size = (settings.batch, 3, settings.image_size, settings.image_size)
    images = torch.rand(size, device=fabric.device)
    if settings.channels_last:
        images = images.contiguous(memory_format=torch.channels_last)
    wanted = torch.randint(0, 2, (settings.batch, len(CHESTXRAY8)), device=fabric.device).float()
    extra: dict[str, Any] = {"init_weights": False, "aux_logits": False}
    whole = torchvision.models.get_model(
        settings.backbone, weights=None, num_classes=len(CHESTXRAY8),
        **(extra if settings.backbone == "googlenet" else {}),
    )  # fmt: skip

    def way(module: nn.Module) -> Way:
        network, optimizer = _on_device(module, settings, fabric)

        def plain() -> None:
            for _ in range(steps):
                fabric.backward(binary_cross_entropy_with_logits(network(images), wanted))
                if settings.clip_norm:
                    fabric.clip_gradients(network, optimizer, max_norm=settings.clip_norm)
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)

        return plain

    return {"plain head": way(PlainHead(settings.backbone)), "torchvision": way(whole)}


def take_turns(ways: Mapping[str, Way], rounds: int, device: torch.device) -> dict[str, Rounds]:
    """Seconds by the clock and of the CPU, of each way in each round, after one to warm up."""
    taken: dict[str, Rounds] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            _wait(device)
            begun, spent = time.perf_counter(), time.process_time()
            way()
            _wait(device)
            if number:
                taken[name].append((time.perf_counter() - begun, time.process_time() - spent))
    return taken


def ratio(faster: Rounds, slower: Rounds, clock: int = 0) -> tuple[float, str]:
    """The median share of the first's speed that the second has, and it with its range as text.

    >>> ratio([(1.0, 1.0), (1.0, 1.0), (1.0, 1.0)], [(2.0, 1.0), (1.25, 1.0), (1.0, 1.0)])
    (0.8, '0.800 (0.500 to 1.000)')
    """
    each = [one[clock] / other[clock] for one, other in zip(faster, slower, strict=True)]
    middle = statistics.median(each)
    return middle, f"{middle:.3f} ({min(each):.3f} to {max(each):.3f})"


def tables(
    taken: Mapping[str, Rounds], images: int, device: str, workers: int, about: str
) -> list[Figures]:
    """Images per second of each way, and the three ratios with their targets."""
    speeds = [
        [name, f"{images / statistics.median(wall for wall, _ in seconds):,.1f}"]
        for name, seconds in taken.items()
    ]
    alone = device == "cpu" and not workers  # all the work is this process's
    rows = []
    for slower, faster, target in (
        ("pipeline", "at hand", _TARGETS[device]), ("at hand", "plain head", _LAYERS),
        ("at hand", "torchvision", None),
    ):  # fmt: skip
        middle, text = ratio(taken[faster], taken[slower])
        row = [f"{slower} / {faster}", text]
        if alone:
            middle, text = ratio(taken[faster], taken[slower], clock=1)
            row.append(text)
        reached = "" if target is None else "yes" if middle >= target else "no"
        rows.append([*row, "" if target is None else f"{target:.2f}", reached])
    header = ["ratio", "by the clock", *(["by CPU seconds"] if alone else []), "target", "reached"]
    note = (
        "Medians of the rounds (least to largest). at hand / plain head is what transition, "
        "pooling, heatmaps and loss leave: a cost of 5 % at most is a ratio of 0.95 at least."
    )
    return [
        Figures("Images per second", ["way", "median of the rounds"], speeds, [about]),
        Figures("Ratios", header, rows, [note]),
    ]


def main() -> None:
    """Prints the tables; with --markdown writes them too."""
    given = _arguments()
    kind = "cuda" if given.accelerator != "cpu" and torch.cuda.is_available() else "cpu"
    for name, value in _DEFAULTS[kind].items():
        if getattr(given, name) is None:
            setattr(given, name, value)
    settings = preset(
        given.preset, backbone=given.backbone, image_size=given.size, batch=given.batch,
        accumulate=1, **({"precision": given.precision} if given.precision else {}),
    )  # fmt: skip
    fabric = make_fabric(settings, given.accelerator)
    workers = default_workers(fabric.device) if given.workers is None else given.workers
    with tempfile.TemporaryDirectory() as folder:
        data = phantom_data(Path(folder), given.images, given.size)
        last = given.steps * (given.rounds + 1) + 1
        stream = BatchStream(len(data), batch=given.batch, accumulate=1, seed=0, first=0, last=last)
        batches = training_batches(data, stream, workers=workers, device=fabric.device)
        ways = our_ways(settings, data, fabric, batches, given.steps)
        ways |= plain_ways(settings, fabric, given.steps)
        taken = take_turns(ways, given.rounds, fabric.device)
    about = (
        f"{given.backbone}, {given.size} px, batch {given.batch}, preset {given.preset}, "
        f"precision {fabric.strategy.precision.precision}; {_device_name(fabric.device)}, "
        f"{torch.get_num_threads()} threads, {workers} loader processes; "
        f"torch {torch.__version__}; {time.strftime('%Y-%m-%d')}; {given.rounds} rounds of "
        f"{given.steps} steps"
    )
    found = tables(taken, given.steps * given.batch, fabric.device.type, workers, about)
    print_figures(found)
    if given.markdown is not None:
        write_markdown(given.markdown, "Training step", "python -m benchmarks.training", found)


def _on_device(module: nn.Module, settings: Preset, fabric: Fabric) -> tuple[Any, Any]:
    module.train()
    if settings.channels_last:
        module.to(memory_format=torch.channels_last)
    wrapped: Any = fabric.setup(module, make_optimizer(module, settings))
    network, optimizer = wrapped
    return network, optimizer


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU ({os.cpu_count()} cores)"


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Speed of the training step.", allow_abbrev=False)
    parser.add_argument("--backbone", help="alexnet, googlenet, vgg16, resnet50, densenet121")
    parser.add_argument("--preset", default="modern")
    parser.add_argument("--precision", help="32, bf16, auto (default: the preset's)")
    for name in ("size", "batch", "images", "steps"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--accelerator", default="auto")
    parser.add_argument("--markdown", type=Path, help="write the tables to this file as well")
    return parser.parse_args()


if __name__ == "__main__":
    main()
