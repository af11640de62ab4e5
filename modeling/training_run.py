"""A training under way: steps, validations, checkpoints.

Lightning's Fabric gives devices, precision and ranks. The loop is ours, because W-CEL needs the
targets of a whole accumulated batch before its first backward pass, and because a resume to the
bit needs to know every state there is.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor

from modeling.auc import macro, roc_auc
from modeling.augmentation import Augmentation
from modeling.batches import BatchStream
from modeling.checkpoints import (
    Card,
    CheckpointError,
    State,
    checkpoint_folder,
    checkpoints_in,
    drop_after,
    find_checkpoint,
    keep_newest,
    load_network,
    load_state,
    network_of,
    save_checkpoint,
)
from modeling.code_version import code_version
from modeling.dataset import Batch
from modeling.losses import loss
from modeling.optimisation import make_optimizer, rate_at, set_rate
from modeling.presets import Preset
from modeling.samples import Labelled, augmented, training_batches
from modeling.scoring import score_dataset
from modeling.training_log import CurveLog, Watcher
from modeling.training_state import capture, restore
from modeling.training_step import optimise

_LOGGED = 400  # rows of a curve in a whole training, about


class ResumeError(ValueError):
    """A training cannot be resumed here: its folder `out`, and the `key` that differs."""

    def __init__(self, out: Path, key: str, found: object, expected: object) -> None:
        self.out, self.key, self.found, self.expected = out, key, found, expected
        super().__init__(
            f"{out}: holds a training with {key} {found!r}, expected {expected!r}. "
            "Give the same settings and data, or another folder."
        )


@dataclass(frozen=True)
class TrainingResult:
    """A finished training: its folder, the best and the last checkpoint, and what the best gave."""

    out: Path
    best: Path
    last: Path
    steps: int
    metrics: Mapping[str, float | None]
    images_per_second: float


@dataclass
class _Progress:
    """What changes from step to step, beside tensors; part of every checkpoint."""

    step: int = 0
    best: float | None = None
    best_step: int = 0
    waited: int = 0
    stopped: bool = False
    loss_sum: float = 0.0
    loss_steps: int = 0
    metrics: dict[str, float | None] = field(default_factory=dict)


class Run:
    """One training under way."""

    def __init__(
        self,
        data: Labelled,
        validation: Labelled | None,
        settings: Preset,
        out: Path,
        fabric: Fabric,
        provenance: dict[str, str],
        workers: int,
        augmentation: Augmentation | None,
        watcher: Watcher,
    ) -> None:
        self.data, self.validation, self.settings, self.out = data, validation, settings, out
        self.fabric, self.provenance, self.workers = fabric, provenance, workers
        self.augmentation, self.watcher = augmentation, watcher
        self.total = settings.total_steps(len(data), fabric.world_size)
        self.loss = loss(
            settings.loss, reduction=settings.reduction, per_finding=settings.per_finding
        )
        self.now = _Progress()
        self.parent: str | None = None
        self._losses = torch.zeros((), dtype=torch.float64, device=fabric.device)

    def prepare(self, init: str | Path | None, resume: bool) -> None:
        """Network and optimiser as they are before the first step, or before the next one."""
        settings, there = self.settings, checkpoints_in(self.out, "step")
        if there and not resume:
            raise CheckpointError(self.out, "a training", "Resume it, or name another folder.")
        torch.manual_seed(settings.seed)
        self.model = network_of(settings, self.data.findings, settings.weights)
        if init is not None:
            self.parent = self._start_from(init)
        self.model.train()
        saved = self._load(there[-1]) if there else None
        if settings.channels_last:
            self.model.to(memory_format=torch.channels_last)
        inner = make_optimizer(self.model, settings)
        wrapped: Any = self.fabric.setup(self.model, inner)
        self.network, self.optimizer = wrapped
        self.inner = inner
        if saved is not None:
            restore(inner, saved)
        if self.fabric.is_global_zero:  # what a killed run had, and could not say so
            drop_after(self.out, self.now.step)
        self.fabric.barrier()

    def _start_from(self, init: str | Path) -> str:
        """The id of the checkpoint whose weights the network has from now on."""
        other, card = load_network(init)
        if (there := card.findings) != self.data.findings:
            found = f"findings {', '.join(there)}, expected {', '.join(self.data.findings)}"
            raise CheckpointError(Path(init), found, "Give --findings as it was trained on.")
        try:
            self.model.load_state_dict(other.state_dict())
        except RuntimeError as error:
            kinds = f"{card.preset['backbone']}, expected {self.settings.backbone}"
            found = f"weights of {kinds} ({str(error).splitlines()[1].strip()})"
            raise CheckpointError(Path(init), found, "Give its backbone and widths.") from None
        return card.checkpoint_id

    def go(self) -> TrainingResult:
        """Trains to the end."""
        stream = BatchStream(
            len(self.data), batch=self.settings.batch, accumulate=self.settings.accumulate,
            seed=self.settings.seed, first=self.now.step, last=self.total,
            rank=self.fabric.global_rank, ranks=self.fabric.world_size,
        )  # fmt: skip
        batches = self._batches(stream)
        first, begun = self.now.step, time.perf_counter()
        self.curve = self._log("steps")
        self.judged = self._log("validation")
        self.watcher.begin(self.now.step, self.total)
        while self.now.step < self.total and not self.now.stopped:
            parts = list(islice(batches, self.settings.accumulate))
            set_rate(self.inner, rate_at(self.settings, self.now.step, self.total))
            self._losses += self._optimise(parts)
            self.now.step += 1
            self.now.loss_steps += 1
            self._after_step()
        for log in filter(None, (self.curve, self.judged)):
            log.close()
        seconds = time.perf_counter() - begun
        images = (self.now.step - first) * self._step_images()
        last = checkpoints_in(self.out, "step")[-1]
        return TrainingResult(
            self.out, find_checkpoint(self.out), last, self.now.step,
            dict(self.now.metrics), images / seconds if seconds else 0.0,
        )  # fmt: skip

    def _optimise(self, parts: Sequence[Batch]) -> Tensor:
        """The loss of one step; the place where another objective comes in."""
        return optimise(
            self.network, self.optimizer, self.loss, parts, self.fabric, self.settings.clip_norm
        )

    def _batches(self, stream: BatchStream) -> Iterator[Batch]:
        device, augmentation = self.fabric.device, self.augmentation
        for batch in training_batches(self.data, stream, workers=self.workers, device=device):
            if augmentation is None:
                yield batch
            else:
                yield augmented(batch, augmentation, images=len(self.data), seed=self.settings.seed)

    def _after_step(self) -> None:
        step, end = self.now.step, self.now.step == self.total
        if end or _due(step, self.total, _LOGGED):
            self._write_loss()
        if self.validation is not None and (end or self._validates()):
            self._validate(self.validation)
        if end or self.now.stopped or _due(step, self.total, self.settings.checkpoints):
            self._keep()

    def _validates(self) -> bool:
        return _due(self.now.step, self.total, self.settings.validations)

    def _write_loss(self) -> None:
        mean = self._loss_sum() / max(1, self.now.loss_steps)
        if not math.isfinite(mean):
            raise FloatingPointError(
                f"{self.out}: the loss is {mean} at step {self.now.step}, expected a number. "
                "Lower learning_rate, or set clip_norm."
            )
        rate = rate_at(self.settings, self.now.step - 1, self.total)
        if self.curve is not None:
            row = {"step": self.now.step, "epoch": self._epoch(), "loss": mean, "rate": rate}
            self.curve.add(row)
        self.watcher.stepped(self.now.step, mean, rate)
        self.now.loss_sum, self.now.loss_steps = 0.0, 0
        self._losses.zero_()

    def _loss_sum(self) -> float:
        """The losses of all ranks since the last row of the curve; every rank has to ask."""
        here = self._losses.clone()
        if self.fabric.world_size > 1:
            torch.distributed.all_reduce(here)
        return self.now.loss_sum + float(here)

    def _validate(self, data: Labelled) -> None:
        found = score_dataset(
            self.network, data, self.fabric, batch=self.settings.batch, workers=self.workers
        )
        each = [roc_auc(found.logits[:, n], found.targets[:, n]) for n in range(len(data.findings))]
        metrics: dict[str, float | None] = {"loss": found.loss(self.loss), "auc": macro(each)}
        metrics |= {f"auc_{name}": value for name, value in zip(data.findings, each, strict=True)}
        value = metrics[self.settings.monitor]
        # A validation without any positive cannot be judged by its AUC: the last one counts then.
        score = None if value is None else value if self.settings.monitor == "auc" else -value
        better = self.now.best is None or score is None or score > self.now.best
        if better:
            self.now.best, self.now.best_step, self.now.waited = score, self.now.step, 0
            self.now.metrics = metrics
            self._save("best", with_state=False)
        else:
            self.now.waited += 1
            self.now.stopped = 0 < self.settings.patience <= self.now.waited
        if self.judged is not None:
            self.judged.add({"step": self.now.step, "epoch": self._epoch(), **metrics})
        self.watcher.validated(self.now.step, metrics, better)

    def _keep(self) -> None:
        self._save("step", with_state=True)
        if self.fabric.is_global_zero:
            for kind in ("step", "best"):  # only now: a resume may need what was there before
                keep_newest(self.out, kind)

    def _save(self, kind: str, *, with_state: bool) -> None:
        losses = self._loss_sum()
        if self.fabric.is_global_zero:
            now = self.now
            card = Card(
                self.data.findings, self.settings.to_json(), now.step, self._epoch(),
                self.provenance, code_version(), self.parent, dict(now.metrics),
            )  # fmt: skip
            values = {**vars(now), "loss_sum": losses}
            state = capture(self.inner, {"progress": values}) if with_state else None
            folder = checkpoint_folder(self.out, kind, now.step)
            save_checkpoint(folder, self.model.state_dict(), card, state)
        self.fabric.barrier()

    def _load(self, folder: Path) -> State:
        weights, state, card = load_state(folder)
        for key, value in self.settings.to_json().items():
            if card.preset.get(key) != value:
                raise ResumeError(self.out, key, card.preset.get(key), value)
        for key, text in self.provenance.items():
            if card.provenance.get(key) != text:
                raise ResumeError(self.out, key, card.provenance.get(key), text)
        if card.findings != self.data.findings:
            raise ResumeError(self.out, "findings", card.findings, self.data.findings)
        self.model.load_state_dict(weights)
        self.now, self.parent = _Progress(**state.values["progress"]), card.parent
        return state

    def _log(self, name: str) -> CurveLog | None:
        if not self.fabric.is_global_zero:
            return None
        return CurveLog(self.out, name, self.now.step)

    def _step_images(self) -> int:
        return self.settings.batch * self.settings.accumulate * self.fabric.world_size

    def _epoch(self) -> float:
        return round(self.now.step * self._step_images() / len(self.data), 4)


def _due(step: int, total: int, times: int) -> bool:
    """Whether something that happens so often in `total` steps happens after this one."""
    return times > 0 and step * times // total > (step - 1) * times // total
