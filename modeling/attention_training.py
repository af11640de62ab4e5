"""Training with attention mining: first the classifier, then mining and preservation refine it.

Cai et al., MICCAI 2018. The second stage starts from the classifier's best checkpoint, of which a
frozen copy says what is to be preserved; it is the parent on the card, whose provenance says which
stage it is and how was mined. What is left open there: docs/attention_mining.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from modeling.attention import MiningError, MiningNetwork, mine, positive_pairs
from modeling.attention_stage import CLASSIFIER, MINING, STAGE, MiningStage, mining_stage
from modeling.augmentation import Augmentation
from modeling.checkpoints import Card, load_network
from modeling.dataset import Batch
from modeling.devices import make_fabric
from modeling.losses import Counts, Loss
from modeling.network import Network, Output
from modeling.preservation import discrepancy, frozen_copy
from modeling.presets import Preset
from modeling.samples import Labelled, default_workers
from modeling.training import train
from modeling.training_log import NobodyWatches, Watcher
from modeling.training_run import ResumeError, Run, TrainingResult
from modeling.training_step import counts_of

__all__ = ["CLASSIFIER", "MINING", "STAGE", "MiningRun", "MiningStage", "Objective", "load_mined",
           "mining_stage", "train_with_mining"]  # fmt: skip


def load_mined(path: str | Path) -> tuple[Network | MiningNetwork, Card]:
    """As `load_network`; one of the second stage mines for its heatmaps as it learnt to."""
    network, card = load_network(path)
    stage = mining_stage(card)
    if stage is None or not stage.mined:
        return network, card
    return MiningNetwork(network, stage.mining).eval(), card


def train_with_mining(
    data: Labelled,
    validation: Labelled | None,
    settings: Preset,
    out: str | Path,
    *,
    stage: MiningStage | None = None,
    classifier: str | Path | None = None,
    provenance: Mapping[str, str] | None = None,
    init: str | Path | None = None,
    resume: bool = False,
    augmentation: Augmentation | None = None,
    workers: int | None = None,
    accelerator: str = "auto",
    devices: int = 1,
    watcher: Watcher | None = None,
) -> TrainingResult:
    """The mined network's checkpoints and curves in the folder `out`, the classifier's below it.

    The classifier is trained in out/classifier (from `init`, if given), unless `classifier` is the
    checkpoint of one of the same findings and network. With `resume` a training in `out` goes on,
    in whichever stage it was stopped, as `modeling.training.train` does: on a CPU to the bit.
    Errors: those of `train`, and ResumeError when the classifier is not the one it began with.
    """
    stage, out, given = stage or MiningStage(), Path(out), dict(provenance or {})
    if classifier is None:
        train(
            data, validation, settings, out / CLASSIFIER,
            provenance=given | {STAGE: CLASSIFIER}, init=init, resume=resume,
            augmentation=augmentation, workers=workers, accelerator=accelerator, devices=devices,
            watcher=watcher,
        )  # fmt: skip
        classifier = out / CLASSIFIER
    settings = stage.settings(settings)
    fabric = make_fabric(settings, accelerator, devices)
    run = MiningRun(
        data, validation, settings, out, fabric,
        given | {STAGE: MINING, MINING: stage.to_text()},
        default_workers(fabric.device) if workers is None else workers,
        (augmentation or Augmentation()) if settings.augment else None,
        watcher or NobodyWatches(),
    )  # fmt: skip
    run.stage = stage
    run.prepare(classifier, resume)
    return run.go()


class MiningRun(Run):
    """A training under way whose steps mine and preserve; `stage` says how."""

    stage: MiningStage

    def prepare(self, init: str | Path | None, resume: bool) -> None:
        """As `Run`, from the classifier `init`, and with its frozen copy beside."""
        if init is None:
            raise MiningError("classifier", None, "a checkpoint to mine")
        network, card = load_network(init)
        if card.findings != self.data.findings:
            raise ResumeError(self.out, "findings", card.findings, self.data.findings)
        for key in ("backbone", "pooling", "r", "image_size", "transition_width", "grid"):
            if card.preset.get(key) != getattr(self.settings, key):
                found, expected = card.preset.get(key), getattr(self.settings, key)
                raise ResumeError(self.out, f"a classifier of {key}", found, expected)
        super().prepare(init, resume)
        if self.parent != card.checkpoint_id:
            raise ResumeError(self.out, "parent", self.parent, card.checkpoint_id)
        self.original: Network | None = None
        if self.stage.preservation.weight:
            self.original = frozen_copy(network).to(self.fabric.device)

    def _optimise(self, parts: Sequence[Batch]) -> Tensor:
        if self.stage.freeze_norms:  # each time: a validation has set the mode again
            freeze_norms(self.model)
        objective = Objective(self.model, self.original, self.loss, self.stage)
        counts = counts_of(parts, self.loss.per_finding)
        ranks = self.fabric.world_size
        images = sum(len(part.images) for part in parts) * ranks
        network: Any = self.network
        total = torch.zeros((), device=self.fabric.device)
        for number, part in enumerate(parts):
            more = number + 1 < len(parts)
            with self.fabric.no_backward_sync(network, enabled=more and ranks > 1):
                with self.fabric.autocast():  # the frozen copy too, which Fabric knows nothing of
                    here = objective(network, part, counts, images)
                self.fabric.backward(here * ranks)
            total += here.detach().float()
        if self.settings.clip_norm:
            self.fabric.clip_gradients(network, self.optimizer, max_norm=self.settings.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return total


@dataclass(frozen=True)
class Objective:
    """What the second stage makes small; the parts of an accumulated batch sum to the whole."""

    model: Network
    original: Network | None
    loss: Loss
    stage: MiningStage

    def __call__(self, network: nn.Module, batch: Batch, counts: Counts, images: int) -> Tensor:
        """classification · loss + mined · mean loss of the steps + weight · discrepancy.

        `network` is the model as the devices want it called; `counts` and `images` are those of
        the whole accumulated batch on all ranks.
        """
        output: Output = network(batch.images, features=True)
        said = self.loss(output.logits, batch.targets, batch.weights, counts=counts)
        total = self.stage.classification * said
        if self.stage.mined and self.stage.mining.steps:
            total = total + self.stage.mined * self._mined(output, batch, counts)
        if self.original is not None:
            total = total + self.stage.preservation.weight * self._moved(output, batch, images)
        return total

    def _mined(self, output: Output, batch: Batch, counts: Counts) -> Tensor:
        """The mean over the steps of the loss of positive findings, their hottest part blocked.

        Blocked images go through the model itself: its wrapper speaks to the other ranks in each
        pass, and one whose part shows no finding has no pass to make.
        """
        pairs, options = positive_pairs(batch.targets), self.stage.mining
        rows, columns = pairs[:, 0], pairs[:, 1]
        targets = torch.full_like(batch.targets, float("nan"))
        targets[rows, columns] = 1.0
        total = output.logits.sum() * 0.0  # of the graph also where there is no positive
        found = mine(self.model, output, pairs, options, images=batch.images)
        for number, step in enumerate(found):
            if number:
                said = step.logits.to(output.logits)
                logits = torch.zeros_like(output.logits).index_put((rows, columns), said)
                total = total + self.loss(logits, targets, batch.weights, counts=counts)
        return total / options.steps

    def _moved(self, output: Output, batch: Batch, images: int) -> Tensor:
        """The discrepancy, reduced as the loss is: a mean over the images, or N · C times it."""
        assert self.original is not None
        wanted = self.stage.preservation.responses
        with torch.no_grad():
            before = self.original(batch.images, features=wanted != "logits")
        apart = discrepancy(output, before, wanted).sum()
        return apart / images if self.loss.reduction == "mean" else apart * batch.targets.shape[1]


def freeze_norms(network: nn.Module) -> None:
    """Returns when all batch normalisations use, and keep, the statistics they have."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()
