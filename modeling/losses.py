"""Losses over several findings at once; targets nobody knows (NaN) count for nothing.

Wang et al., CVPR 2017, section 4.2 (hinge, Euclidean, cross entropy, weighted cross entropy); Lin
et al., ICCV 2017 (focal). All take logits, so that none saturates: the cross entropies go through
log-sigmoid and stay exact for |logit| up to 1e4 and beyond.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from modeling.choices import choose

LOSSES = ("hinge", "euclidean", "cel", "wcel", "focal")
REDUCTIONS = ("sum", "mean")


class Counts(NamedTuple):
    """Known targets that are 1 and that are 0: scalars, or (C,) when counted per finding."""

    positives: Tensor
    negatives: Tensor


def count_targets(targets: Tensor, per_finding: bool = False) -> Counts:
    """How many known targets are 1 and 0, in all or per finding. NaN = unknown, not counted.

    >>> count_targets(torch.tensor([[1.0, 0.0], [0.0, float("nan")]]))
    Counts(positives=tensor(1.), negatives=tensor(2.))
    """
    wide = targets if targets.dtype == torch.float64 else targets.float()
    known = ~wide.isnan()
    positive = torch.where(known, wide, 0.0)
    negative = torch.where(known, 1.0 - wide, 0.0)
    if per_finding:
        return Counts(positive.sum(dim=0), negative.sum(dim=0))
    return Counts(positive.sum(), negative.sum())


def all_reduce_counts(counts: Counts) -> Counts:
    """The counts summed over all ranks; unchanged where torch.distributed is not initialised."""
    distributed = torch.distributed
    if not (distributed.is_available() and distributed.is_initialized()):
        return counts
    both = torch.stack([counts.positives, counts.negatives])
    distributed.all_reduce(both)
    return Counts(both[0], both[1])


@dataclass(frozen=True)
class Loss:
    """Logits (N, C) and targets (N, C) in {0, 1, NaN} → a scalar; made by `loss`."""

    kind: str
    reduction: str = "sum"
    per_finding: bool = False
    gamma: float = 2.0
    alpha: float | None = None

    def __call__(
        self,
        logits: Tensor,
        targets: Tensor,
        weights: Tensor | None = None,
        *,
        counts: Counts | tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """The loss of the batch; 0 with a gradient of 0 when no target is known.

        `weights` (N, C) scale each known target, e.g. by how certain it is. `counts` are those of
        the batch that this one is a part of (gradient accumulation, several ranks); without them
        the batch stands alone. With them the losses of the parts sum to the loss of the whole,
        for both reductions; ranks whose gradients are averaged want it times their number.
        ValueError when shapes differ.
        """
        self._check(logits, targets, weights)
        logits = logits if logits.dtype == torch.float64 else logits.float()
        targets = targets.to(logits.dtype)
        known = ~targets.isnan()
        # Unknown ones are set to zero before any formula: 0 · inf would be NaN in the gradient.
        scores, wanted = torch.where(known, logits, 0.0), torch.where(known, targets, 0.0)
        if counts is None:
            counts = count_targets(targets, self.per_finding)
        positives, negatives = (count.to(logits) for count in counts)
        positive, negative = _TERMS[self.kind](self, scores)
        if self.kind == "wcel":
            positive = positive * _beta(positives, negatives)
            negative = negative * _beta(negatives, positives)
        each = wanted * positive + (1.0 - wanted) * negative
        if weights is not None:
            each = each * torch.where(known, weights.to(logits.dtype), 0.0)
        total = torch.where(known, each, 0.0).sum()
        if self.reduction == "mean":
            total = total / (positives + negatives).sum().clamp(min=1.0)
        return total

    def _check(self, logits: Tensor, targets: Tensor, weights: Tensor | None) -> None:
        for name, given in (("targets", targets), ("weights", weights)):
            if given is not None and given.shape != logits.shape:
                raise ValueError(
                    f"loss {self.kind}: found {name} of shape {tuple(given.shape)}, expected "
                    f"{tuple(logits.shape)} as the logits. Give one {name[:-1]} per logit."
                )


def loss(
    kind: str,
    *,
    reduction: str = "sum",
    per_finding: bool = False,
    gamma: float = 2.0,
    alpha: float | None = None,
) -> Loss:
    """The loss named hinge, euclidean, cel, wcel or focal, to be called with logits and targets.

    reduction "sum" is as the paper writes it; "mean" divides by the number of known targets.
    wcel weighs positives by β_P = (|P|+|N|)/|P| and negatives by β_N = (|P|+|N|)/|N|, counted over
    all known targets of the batch, or per finding; a side without members contributes 0. gamma and
    alpha (the weight of positives, 1 − alpha that of negatives; None = both 1) are focal's.
    euclidean is (sigmoid − target)² without a factor ½. UnknownChoiceError for another kind or
    reduction; ValueError for gamma < 0 or alpha outside [0, 1].

    >>> loss("hinge")(torch.tensor([[0.5, -2.0]]), torch.tensor([[1.0, float("nan")]]))
    tensor(0.5000)
    """
    choose("loss", kind, LOSSES)
    choose("reduction", reduction, REDUCTIONS)
    if not gamma >= 0:
        raise ValueError(f"focal loss: found gamma = {gamma!r}, expected 0 or more.")
    if alpha is not None and not 0 <= alpha <= 1:
        raise ValueError(f"focal loss: found alpha = {alpha!r}, expected a number in [0, 1].")
    return Loss(kind, reduction, per_finding, gamma, alpha)


def _beta(side: Tensor, other: Tensor) -> Tensor:
    """(side + other) / side, and 0 where the side has no members."""
    return torch.where(side > 0, (side + other) / side.clamp(min=torch.finfo(side.dtype).tiny), 0.0)


def _hinge(_: Loss, scores: Tensor) -> tuple[Tensor, Tensor]:
    return (1.0 - scores).clamp(min=0.0), (1.0 + scores).clamp(min=0.0)


def _euclidean(_: Loss, scores: Tensor) -> tuple[Tensor, Tensor]:
    # 1 − sigmoid(x) is sigmoid(−x), which keeps its digits where x is large.
    return torch.sigmoid(-scores).square(), torch.sigmoid(scores).square()


def _cross_entropy(_: Loss, scores: Tensor) -> tuple[Tensor, Tensor]:
    return -logsigmoid(scores), -logsigmoid(-scores)


def _focal(settings: Loss, scores: Tensor) -> tuple[Tensor, Tensor]:
    log_yes, log_no = logsigmoid(scores), logsigmoid(-scores)
    positive = -(settings.gamma * log_no).exp() * log_yes
    negative = -(settings.gamma * log_yes).exp() * log_no
    if settings.alpha is not None:
        positive, negative = settings.alpha * positive, (1.0 - settings.alpha) * negative
    return positive, negative


# What one target costs if it is 1 and if it is 0.
_TERMS: dict[str, Callable[[Loss, Tensor], tuple[Tensor, Tensor]]] = {
    "hinge": _hinge,
    "euclidean": _euclidean,
    "cel": _cross_entropy,
    "wcel": _cross_entropy,
    "focal": _focal,
}
