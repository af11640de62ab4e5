"""How the second stage mines, preserves and trains: its options, on cards and from texts."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from modeling.attention import MiningError, MiningOptions
from modeling.checkpoints import Card
from modeling.preservation import Preservation
from modeling.presets import Preset, PresetError, typed

STAGE, CLASSIFIER, MINING = "stage", "classifier", "attention-mining"
# What its options are called beside those of a preset: mining.steps, preservation.weight, …
_STAGE, _KEPT = "mining", "preservation"


@dataclass(frozen=True)
class MiningStage:
    """How the second stage trains. Not one of these is known of the paper."""

    mining: MiningOptions = field(default_factory=MiningOptions)
    preservation: Preservation = field(default_factory=Preservation)
    classification: float = 1.0  # weight of the loss of what the network says of whole images
    mined: float = 1.0  # weight of the mean loss of the K steps; 0 = no mining
    length: float = 0.25  # steps of the optimiser, as a share of the classifier's
    rate: float = 0.1  # learning rate, as a share of the classifier's
    freeze_norms: bool = True  # batch normalisations keep the classifier's statistics

    def __post_init__(self) -> None:
        for option in ("classification", "mined"):
            if not getattr(self, option) >= 0:
                raise MiningError(option, getattr(self, option), "0 or more")
        for option in ("length", "rate"):
            if not getattr(self, option) > 0:
                raise MiningError(option, getattr(self, option), "a number above 0")

    def settings(self, classifier: Preset) -> Preset:
        """The classifier's settings, as long and as fast as this stage is.

        >>> from modeling.presets import preset
        >>> MiningStage().settings(preset("chestxray8")).steps
        2500
        """
        return classifier.changed(
            {
                "steps": max(1, round(classifier.steps * self.length)),
                "epochs": classifier.epochs * self.length,
                "learning_rate": classifier.learning_rate * self.rate,
            }
        )

    def changed(self, changes: Mapping[str, object]) -> MiningStage:
        """The stage with these values by the names of `to_values`; texts are read, as by `Preset`.

        PresetError for a name that is not there, naming the nearest, or a value of another type;
        MiningError, UnknownChoiceError or ValueError for one that cannot be.

        >>> MiningStage().changed({"mining.steps": "3", "preservation.weight": "0.5"}).mining.steps
        3
        """
        known = self.to_values()
        for name in changes:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
                expected = f"the nearest is {near[0]}" if near else f"one of {', '.join(known)}"
                raise PresetError(name, None, expected)
        values = known | {name: typed(name, changes[name], known[name]) for name in changes}
        given = {part: _only(values, part) for part in (_STAGE, _KEPT)}
        own = {item.name for item in fields(MiningOptions)}
        return replace(
            self,
            mining=MiningOptions(**{k: v for k, v in given[_STAGE].items() if k in own}),
            preservation=Preservation(**given[_KEPT]),
            **{k: v for k, v in given[_STAGE].items() if k not in own},
        )

    def to_values(self) -> dict[str, Any]:
        """Every option by name: mining.steps, mining.length, preservation.weight, …"""
        values = asdict(self)
        kept = {f"{_KEPT}.{name}": value for name, value in values.pop("preservation").items()}
        values |= values.pop("mining")
        return {f"{_STAGE}.{name}": value for name, value in values.items()} | kept

    def to_text(self) -> str:
        """The options as JSON, for a card."""
        return json.dumps(asdict(self), sort_keys=True)


def is_stage_option(name: str) -> bool:
    """Whether this names an option of the second stage and not one of a preset.

    >>> is_stage_option("mining.steps"), is_stage_option("steps")
    (True, False)
    """
    return name.partition(".")[0] in (_STAGE, _KEPT) and "." in name


def mining_stage(card: Card) -> MiningStage | None:
    """How a checkpoint was mined; None for a classifier."""
    if card.provenance.get(STAGE) != MINING:
        return None
    values: dict[str, Any] = json.loads(card.provenance[MINING])
    mining = MiningOptions(**values.pop("mining"))
    return MiningStage(mining, Preservation(**values.pop("preservation")), **values)


def _only(values: Mapping[str, Any], part: str) -> dict[str, Any]:
    start = f"{part}."
    return {name.removeprefix(start): v for name, v in values.items() if name.startswith(start)}
