"""A checkpoint of attention mining that always sees something left, and phantoms for it."""

from __future__ import annotations

from pathlib import Path

import torch

from data_contracts import CHESTXRAY8
from modeling.attention import MiningOptions
from modeling.attention_stage import MINING, STAGE, MiningStage
from modeling.checkpoints import Card, save_checkpoint
from tests.modeling.sight import small_network
from tests.modeling.small import small_preset

FREE = MiningOptions(steps=2, keep=0.0, hills=False)  # every step counts


def mined_checkpoint(folder: Path, options: MiningOptions = FREE, **provenance: str) -> Card:
    """The card of an untrained network of 64 pixels that says it was mined with these options."""
    settings = small_preset(grid=8)
    network = small_network(grid=8)
    with torch.no_grad():
        network.prediction.weight.abs_()  # evidence for every finding
    said = {STAGE: MINING, MINING: MiningStage(options).to_text()} | provenance
    card = Card(CHESTXRAY8, settings.to_json(), 6, 1.0, said, {"cxrmine": "0"})
    return save_checkpoint(folder, network.state_dict(), card)
