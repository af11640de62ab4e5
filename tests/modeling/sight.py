"""A checkpoint and phantoms for it to look at, made in a moment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from data_contracts import CHESTXRAY8
from modeling.checkpoints import Card, network_of, save_checkpoint
from modeling.network import Network
from modeling.phantom import generate_phantoms
from modeling.phantom_files import PhantomSet
from tests.modeling.small import small_preset


def small_network(seed: int = 0, **changes: object) -> Network:
    """An untrained network of 64 pixels and eight findings, in evaluation mode."""
    torch.manual_seed(seed)
    return network_of(small_preset(**changes), CHESTXRAY8).eval()


def small_checkpoint(
    folder: Path, *, seed: int = 0, provenance: Mapping[str, str] | None = None
) -> Card:
    """The card of such a network, saved in `folder`."""
    settings = small_preset()
    card = Card(CHESTXRAY8, settings.to_json(), 6, 1.0, dict(provenance or {}), {"cxrmine": "0"})
    return save_checkpoint(folder, small_network(seed).state_dict(), card)


def small_phantoms(folder: Path, count: int = 6, **settings: object) -> PhantomSet:
    """Phantoms of 64 pixels in which every third finding is there."""
    often = dict.fromkeys(CHESTXRAY8, 0.35)
    return generate_phantoms(folder, count=count, size=64, prevalence=often, **settings)  # type: ignore[arg-type]
