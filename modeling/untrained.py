"""The network of a checkpoint as it was before any training: the baseline that saw no label."""

from __future__ import annotations

from pathlib import Path

import torch

from modeling.attention import MiningNetwork
from modeling.attention_training import mining_stage
from modeling.checkpoints import network_of, read_card
from modeling.network import Network
from modeling.presets import Preset

UNTRAINED = "untrained"


def untrained_network(path: str | Path) -> Network | MiningNetwork:
    """A network as the checkpoint's, with fresh random weights, in evaluation mode.

    Its backbone is random too where the training began with ImageNet's weights. The seed is the
    preset's, so that the result is always the same. Errors: CheckpointError.
    """
    card = read_card(path)
    settings = Preset(**card.preset)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = network_of(settings, card.findings)
    stage = mining_stage(card)
    if stage is None or not stage.mined:
        return network.eval()
    return MiningNetwork(network, stage.mining).eval()
