"""Images + labels → a weakly supervised classifier → boxes → tables of results.

Loaded on first use, so that `import modeling` does not import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modeling.boxes import boxes_from_heatmap
    from modeling.losses import count_targets, loss
    from modeling.network import build_network
    from modeling.phantom import generate_phantoms
    from modeling.pooling import AveragePool, LSEPool, MaxPool

_HOMES = {
    "AveragePool": "modeling.pooling",
    "LSEPool": "modeling.pooling",
    "MaxPool": "modeling.pooling",
    "boxes_from_heatmap": "modeling.boxes",
    "build_network": "modeling.network",
    "count_targets": "modeling.losses",
    "generate_phantoms": "modeling.phantom",
    "loss": "modeling.losses",
}

__all__ = [
    "AveragePool",
    "LSEPool",
    "MaxPool",
    "boxes_from_heatmap",
    "build_network",
    "count_targets",
    "generate_phantoms",
    "loss",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'modeling' has no attribute {name!r}")
