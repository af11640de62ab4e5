"""The arms of the study: what is trained how, and in which order, so that whole tables come first.

An arm is a preset with changes. One that has a parent starts from the parent's checkpoint of the
same seed and fold: it is trained on, or only looked at in another way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from modeling.attention_training import MiningStage
from modeling.preservation import Preservation
from modeling.presets import Preset, preset

ALEXNET, GOOGLENET, MSA = "alexnet", "googlenet", "alexnet+msa"
UNTRAINED = " untrained"
LONGER, AM, KP, ALL = "longer", "+ AM", "+ AM + KP", "all"

# Chosen by `tune` on the inner validation part of one fold; see docs/results/nih_small.md.
RECIPE: Mapping[str, object] = {
    "image_size": 128, "batch": 32, "epochs": 15.0, "learning_rate": 3e-4, "grid": 8,
    "precision": "bf16", "patience": 0, "validations": 1, "checkpoints": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Arm:
    """What is trained: `changes` to the preset, or from the `parent`'s checkpoint by `stage`.

    `trained` False leaves the weights as they are drawn. `method` and `size` are how heatmaps are
    made: of an arm that is only looked at in another way they are all there is.
    """

    name: str
    changes: Mapping[str, object] = field(default_factory=dict)
    parent: str | None = None
    stage: MiningStage | None = None
    trained: bool = True
    method: str = "cam"
    size: int | None = None

    def settings(self, seed: int, changes: Mapping[str, object]) -> Preset:
        """How it is trained with this seed; `changes` go before the recipe and the arm's own."""
        return preset("modern").changed({**RECIPE, **self.changes, **changes, "seed": seed})


class Unit(NamedTuple):
    """One training: an arm, a seed and the fold that is left out."""

    arm: str
    seed: int
    fold: int


_PLAIN = {"backbone": ALEXNET}
_SCALES = {"backbone": MSA}
# Four times the cost of AlexNet: as many images as the time allows.
_GOOGLE = {"backbone": GOOGLENET, "epochs": 8.0}

ARMS: Mapping[str, Arm] = {
    arm.name: arm
    for arm in (
        Arm(ALEXNET, _PLAIN),
        Arm(ALEXNET + UNTRAINED, _PLAIN, trained=False),
        Arm(LONGER, _PLAIN, ALEXNET, MiningStage(mined=0.0, preservation=Preservation(0.0))),
        Arm(AM, _PLAIN, ALEXNET, MiningStage(preservation=Preservation(0.0))),
        Arm(KP, _PLAIN, ALEXNET, MiningStage()),
        Arm("alexnet gradcam++", _PLAIN, ALEXNET, method="gradcam++"),
        Arm("alexnet larger", _PLAIN, ALEXNET, size=192),
        Arm(MSA, _SCALES),
        Arm(MSA + UNTRAINED, _SCALES, trained=False),
        Arm(ALL, _SCALES, MSA, MiningStage()),
        Arm(GOOGLENET, _GOOGLE),
        Arm(GOOGLENET + UNTRAINED, _GOOGLE, trained=False),
    )
}


def queue(arms: Sequence[str], seeds: int, folds: int) -> Iterator[Unit]:
    """All units, those of the first seed first: stopped at any time, whole tables are there.

    >>> [tuple(unit) for unit in queue(["a", "b"], 2, 1)]
    [('a', 0, 0), ('b', 0, 0), ('a', 1, 0), ('b', 1, 0)]
    """
    for seed in range(seeds):
        for arm in arms:
            for fold in range(folds):
                yield Unit(arm, seed, fold)
