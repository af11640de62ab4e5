"""How a network is trained: two named presets, every value of which can be changed by its name.

What Wang et al. (CVPR 2017) state of their training is: SGD, batch × iter_size = 80, about 10,000
iterations for ResNet-50. Learning rate, momentum, decay, schedule, augmentation and the size of
the network's input are not stated; those below are ours.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from modeling.choices import choose

OPTIMIZERS = ("sgd", "adamw")
SCHEDULES = ("constant", "step", "cosine")
PRECISIONS = ("32", "bf16", "auto")
MONITORS = ("auc", "loss")


class PresetError(ValueError):
    """A preset cannot be what was asked for: the `key`, its `value`, what was `expected`."""

    def __init__(self, key: str, value: object, expected: str) -> None:
        self.key, self.value, self.expected = key, value, expected
        found = f" = {value!r}" if value is not None else ""
        super().__init__(f"training setting {key}{found}: expected {expected}.")


@dataclass(frozen=True)
class Preset:
    """Everything that decides which weights come out, but the data. The defaults: chestxray8."""

    name: str = "chestxray8"
    # --- network
    backbone: str = "resnet50"  # the paper's best of four
    pooling: str = "lse"
    r: float = 10.0  # of Log-Sum-Exp; the paper's best of seven
    image_size: int = 1024  # the paper's images; its network's input is not stated
    weights: str = "none"  # of the backbone: none, imagenet, or the path of a state dict
    transition_width: int = 0  # D; 0 = 1024 for GoogLeNet, 2048 for ResNet-50, else as it comes
    grid: int = 0  # S; 0 = image_size // 32
    # --- loss
    loss: str = "wcel"
    reduction: str = "mean"  # over the known targets, so that a rate fits every batch and C
    per_finding: bool = False  # β per finding; the paper counts over all labels of the batch
    # --- optimiser
    optimizer: str = "sgd"
    learning_rate: float = 0.01  # not stated; ours
    momentum: float = 0.9  # not stated; Caffe's usual (for adamw: β₁)
    weight_decay: float = 5e-4  # not stated; Caffe's usual; never on biases and norms
    clip_norm: float = 0.0  # the gradient's largest norm; 0 = none
    # --- schedule
    schedule: str = "step"  # constant; step: × 0.1 after 2/3 of all steps; cosine: down to 0
    warmup: float = 0.0  # share of the steps in which the rate rises from 0
    steps: int = 10_000  # of the optimiser; the paper's "about 10,000 iterations"
    epochs: float = 0.0  # above 0: passes over the images, instead of steps
    batch: int = 16  # images in one forward pass, on each device
    accumulate: int = 5  # forward passes per step (Caffe's iter_size): 16 × 5 = the paper's 80
    # --- how it is computed
    precision: str = "32"  # 32; bf16 (mixed); auto: bf16 where the device has it
    channels_last: bool = False
    augment: bool = False  # not stated; off, as in Caffe
    # --- when to look and to stop
    validations: int = 20  # how often in a whole training it is validated and may stop
    monitor: str = "auc"  # what "best" means on the validation images: macro auc, or loss
    patience: int = 0  # validations without a better one before it stops; 0 = never
    checkpoints: int = 20  # how often in a whole training its state is kept for resuming
    seed: int = 0

    def __post_init__(self) -> None:
        choose("optimizer", self.optimizer, OPTIMIZERS)
        choose("schedule", self.schedule, SCHEDULES)
        choose("precision", self.precision, PRECISIONS)
        choose("monitor", self.monitor, MONITORS)
        for key in ("learning_rate", "image_size", "batch", "accumulate", "steps"):
            if not getattr(self, key) > 0:
                raise PresetError(key, getattr(self, key), "a number above 0")
        for key in ("momentum", "weight_decay", "clip_norm", "epochs", "transition_width",
                    "grid", "validations", "patience", "checkpoints", "seed"):  # fmt: skip
            if not getattr(self, key) >= 0:
                raise PresetError(key, getattr(self, key), "0 or more")
        if not 0 <= self.warmup < 1:
            raise PresetError("warmup", self.warmup, "a share of the steps, from 0 to below 1")

    def changed(self, changes: Mapping[str, object]) -> Preset:
        """The preset with these values; texts are read as the value's type ("0.1", "true").

        PresetError for a key that is not there, naming the nearest, or a value of another type.

        >>> MODERN.changed({"learning_rate": "0.01"}).learning_rate
        0.01
        >>> MODERN.changed({"batchsize": 1})  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        modeling.presets.PresetError: training setting batchsize: expected a known key; ...
        """
        known = [item.name for item in fields(self)]
        for key in changes:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
                raise PresetError(key, None, _nearest(near, known))
        values = {key: typed(key, value, getattr(self, key)) for key, value in changes.items()}
        return replace(self, **values)

    def to_json(self) -> dict[str, Any]:
        """Its values by name, for a card."""
        return asdict(self)

    def total_steps(self, images: int, ranks: int = 1) -> int:
        """Steps of the optimiser over this number of images.

        >>> CHESTXRAY8.changed({"epochs": 3}).total_steps(100)  # 3.75 batches of 80
        4
        """
        if not self.epochs:
            return self.steps
        step = self.batch * self.accumulate * ranks
        return max(1, -int(-self.epochs * images // step))


CHESTXRAY8 = Preset()

# A recipe of today: one pass of 64 at 512 px fits every data-centre GPU.
MODERN = Preset(
    name="modern",
    image_size=512,  # about the best published per cost: DenseNet-121 at 512 px, AUC .82
    optimizer="adamw",
    learning_rate=3e-4,  # a usual one for AdamW on convolutional networks
    weight_decay=0.05,  # AdamW's is relative to the rate, hence larger than SGD's
    clip_norm=1.0,  # a batch whose few positives weigh much cannot throw the weights away
    schedule="cosine",
    warmup=0.05,
    epochs=20.0,
    batch=64,
    accumulate=1,
    precision="auto",
    channels_last=True,  # the layout that tensor cores and oneDNN compute in
    augment=True,
    patience=5,
)

# The classifier that attention mining refines (modeling.attention_training): aggregated scales.
ATTENTION_MINING = replace(MODERN, name="attention-mining", backbone="densenet121+msa")

PRESETS: Mapping[str, Preset] = {
    "chestxray8": CHESTXRAY8, "modern": MODERN, "attention-mining": ATTENTION_MINING,
}  # fmt: skip


def preset(name: str, **changes: object) -> Preset:
    """The preset of this name with these values changed.

    UnknownChoiceError for another name; PresetError for a key or value that cannot be.

    >>> preset("modern", backbone="densenet121").schedule
    'cosine'
    """
    return PRESETS[choose("preset", name, PRESETS)].changed(changes)


def _nearest(near: list[str], known: list[str]) -> str:
    return f"a known key; the nearest is {near[0]}" if near else f"one of {', '.join(known)}"


def typed(key: str, value: object, like: object) -> Any:
    """The value in the type of the one it replaces; texts are read. PresetError if it has another.

    >>> typed("batch", "8", 16), typed("augment", "true", False)
    (8, True)
    """
    kind = type(like)
    if isinstance(value, bool) is not (kind is bool) and not isinstance(value, str):
        raise PresetError(key, value, f"a {kind.__name__}")
    if kind is bool:
        texts = {"true": True, "false": False, "1": True, "0": False}
        found = value if isinstance(value, bool) else texts.get(str(value).lower())
        if found is None:
            raise PresetError(key, value, "true or false")
        return found
    try:
        read = kind(str(value)) if isinstance(value, str) else kind(value)  # type: ignore[call-arg]
    except (TypeError, ValueError):
        raise PresetError(key, value, f"a {kind.__name__}") from None
    if kind is int and not isinstance(value, str) and read != value:
        raise PresetError(key, value, "a whole number")
    return read
