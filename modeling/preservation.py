"""Knowledge preservation (KP): what a network said before it was changed, and how far it moved.

Cai et al., MICCAI 2018: a loss keeps the updated network's responses close to the original
network's. Which responses, which distance and which weight: docs/attention_mining.md.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from modeling.choices import choose
from modeling.network import Network, Output

RESPONSES = ("logits", "features", "both")


@dataclass(frozen=True)
class Preservation:
    """How much of the original network is preserved. `weight` 0: nothing is."""

    weight: float = 1.0
    responses: str = "logits"  # logits, features (the transition's activations), or both

    def __post_init__(self) -> None:
        choose("responses", self.responses, RESPONSES)
        if not self.weight >= 0:
            raise ValueError(
                f"knowledge preservation: found weight {self.weight!r}, expected 0 or more."
            )


def frozen_copy(network: Network) -> Network:
    """A copy that no training changes: in evaluation mode, without gradients."""
    frozen = copy.deepcopy(network).eval()
    for parameter in frozen.parameters():
        parameter.requires_grad_(False)
    return frozen


def discrepancy(new: Output, original: Output, responses: str = "logits") -> Tensor:
    """How far the responses to each image are apart, (N,); 0 for equal ones.

    Of logits: the mean over the findings of d², and of 2|d| − 1 where |d| > 1, so that one image
    that has moved far cannot throw the weights away. Of features: the mean of the squared
    difference over cells and channels, in units of the original's mean square over the batch, so
    that one weight fits every width and scale. "both": their sum. No gradient reaches the
    original. UnknownChoiceError for other responses, ValueError for features that are wanted and
    absent.
    """
    choose("responses", responses, RESPONSES)
    total = torch.zeros(len(new.logits), device=new.logits.device)
    if responses != "features":
        said = original.logits.detach().float()
        total = total + 2 * functional.huber_loss(
            new.logits.float(), said, reduction="none", delta=1.0
        ).mean(dim=1)
    if responses != "logits":
        if new.features is None or original.features is None:
            raise ValueError(
                "knowledge preservation: found outputs without features, expected them for "
                f"responses {responses!r}. Run both networks with features=True."
            )
        before = original.features.detach().float()
        apart = (new.features.float() - before).square().flatten(1).mean(dim=1)
        scale = before.square().mean()
        total = total + apart / scale.clamp(min=torch.finfo(scale.dtype).tiny)
    return total
