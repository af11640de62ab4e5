"""Attention mining (AM): the most salient region of a finding is blocked, and the rest is asked.

Cai et al., MICCAI 2018. For each image and finding: heatmap → its hottest region is blocked from
the network → it predicts again and attends elsewhere; K times; the heatmaps are merged. What is
left open there, and what was chosen: docs/attention_mining.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from modeling.choices import choose
from modeling.network import Network, Output

BLOCKS = ("features", "image")
MERGES = ("max", "mean")
MEASURES = ("evidence", "score")


class MiningError(ValueError):
    """An option of mining cannot be so: the `option`, its `value`, and what is `expected`."""

    def __init__(self, option: str, value: object, expected: str) -> None:
        self.option, self.value, self.expected = option, value, expected
        super().__init__(f"attention mining, {option} = {value!r}: expected {expected}.")


@dataclass(frozen=True)
class MiningOptions:
    """How attention is mined. Not one of these is known of the paper; docs/attention_mining.md."""

    steps: int = 2  # K: how often a region is blocked
    threshold: float = 0.5  # of the heat taken to [0, 1]; cells above it belong to a region
    margin: int = 1  # cells around a region that are blocked with it
    block: str = "features"  # features (only the head runs again) or image (all of it does)
    merge: str = "max"  # of the steps' normalised heatmaps: max or mean
    keep: float = 0.3  # a step is merged if this share is left of what was seen first (0: always):
    measure: str = "evidence"  # evidence (the logit without the bias) or score (its probability)
    hills: bool = True  # … and if its hottest cell is a summit, not the slope of what was blocked

    def __post_init__(self) -> None:
        choose("block", self.block, BLOCKS)
        choose("merge", self.merge, MERGES)
        choose("measure", self.measure, MEASURES)
        for option in ("steps", "margin"):
            if not getattr(self, option) >= 0:
                raise MiningError(option, getattr(self, option), "0 or more")
        for option, top in (("threshold", 1.0), ("keep", float("inf"))):
            if not 0 <= getattr(self, option) < top:
                raise MiningError(option, getattr(self, option), f"from 0 to below {top:g}")

    def to_json(self) -> dict[str, Any]:
        """The options by name."""
        return asdict(self)


class MiningStep(NamedTuple):
    """What one step gave of P pairs of an image and a finding.

    The pairs' `logits` (P,), `heat` (P, S, S) and the cells `blocked` (P, S, S) when it was asked;
    `blank` (P,) is what is said when no feature is seen: the bias.
    """

    logits: Tensor
    heat: Tensor
    blocked: Tensor
    blank: Tensor | float = 0.0


def positive_pairs(targets: Tensor) -> Tensor:
    """Row and column of each target that is 1, (P, 2); NaN = unknown is none.

    >>> positive_pairs(torch.tensor([[1.0, 0.0], [float("nan"), 1.0]])).tolist()
    [[0, 0], [1, 1]]
    """
    return torch.nonzero(targets == 1)


def mine(
    network: Network,
    output: Output,
    pairs: Tensor,
    options: MiningOptions,
    *,
    images: Tensor | None = None,
) -> Iterator[MiningStep]:
    """Step 0, as it is, then K steps with more and more blocked, for these pairs (P, 2).

    `output` is the network's, with features. Blocking the features runs pooling and prediction
    again, on features that are computed once; blocking the image runs the network on each pair's
    blocked `images`, and only that. Gradients flow through logits and heat,
    never through the choice of a region. MiningError when features or images are needed and absent.
    """
    rows, columns = pairs[:, 0], pairs[:, 1]
    heat = output.heatmaps[rows, columns].float()
    blocked = torch.zeros_like(heat, dtype=torch.bool)
    blank = network.prediction.bias[columns].detach().float()
    yield MiningStep(output.logits[rows, columns], heat, blocked, blank)
    for _ in range(options.steps if len(pairs) else 0):
        region = salient_region(heat.detach(), blocked, options.threshold)
        blocked = blocked | widened(region, options.margin)
        if options.block == "features":
            logits = _ask_head(network, output, pairs, blocked)
        else:
            seen = blocked_images(_given(images, "images", "image"), rows, blocked, network)
            again = network(seen)
            places = torch.arange(len(pairs), device=columns.device)
            logits, heat = again.logits[places, columns], again.heatmaps[places, columns].float()
        yield MiningStep(logits, heat, blocked, blank)


def salient_region(heat: Tensor, blocked: Tensor, threshold: float) -> Tensor:
    """The region around the hottest free cell of each map: (P, S, S), bool.

    The heat of the free cells is taken to [0, 1]; the region are the free cells above `threshold`
    that are connected with the hottest one, at corners too. Empty where the heat is constant.

    >>> heat = torch.tensor([[[9.0, 7.0, 0.0, 6.0]]])
    >>> salient_region(heat, torch.zeros_like(heat, dtype=torch.bool), 0.5).int().tolist()
    [[[1, 1, 0, 0]]]
    """
    free = ~blocked
    low = heat.masked_fill(blocked, float("inf")).amin((1, 2), keepdim=True)
    high = heat.masked_fill(blocked, float("-inf")).amax((1, 2), keepdim=True)
    above = free & (heat - low > threshold * (high - low)) & (high > low)
    region = above & (heat == high)
    while True:  # grows by a ring of cells until nothing is left to grow into
        grown = widened(region, 1) & above
        if torch.equal(grown, region):
            return region
        region = grown


def widened(region: Tensor, cells: int) -> Tensor:
    """The region (P, S, S) and all cells at most that many away from it, corners included."""
    if not cells:
        return region
    side = 2 * cells + 1
    return functional.max_pool2d(region[:, None].float(), side, 1, cells)[:, 0] > 0


def blocked_images(images: Tensor, rows: Tensor, blocked: Tensor, network: Network) -> Tensor:
    """Images (P, 1 or 3, H, W) in [0, 1] of these rows, blocked cells filled with the mean colour.

    The mean is the one that the network subtracts, so that to it the filled cells are (in gray
    images: about) 0.
    """
    chosen = images[rows]
    if chosen.dtype == torch.uint8:
        chosen = chosen.float() / 255.0
    hidden = functional.interpolate(blocked[:, None].float(), size=chosen.shape[-2:]) > 0
    colour = network.mean if chosen.shape[1] == 3 else network.mean.mean(dim=1, keepdim=True)
    return torch.where(hidden, colour.to(chosen), chosen)


def merge_heatmaps(steps: list[MiningStep], options: MiningOptions) -> Tensor:
    """One heatmap (P, S, S) of all steps, in the units of the first.

    Each step's heat in its free cells is taken to [0, 1]; a step that does not count is left out.
    "max" takes each cell's largest, "mean" the mean of the steps in which it was free. The first
    map's range is given back.
    """
    first = steps[0]
    low = first.heat.amin((1, 2), keepdim=True)
    span = first.heat.amax((1, 2), keepdim=True) - low
    maps, votes = [], []
    for step, counts in zip(steps, counted_steps(steps, options), strict=True):
        votes.append(counts[:, None, None] & ~step.blocked)
        maps.append(normalised(step) * votes[-1])
    stacked, counted = torch.stack(maps), torch.stack(votes)
    if options.merge == "max":
        merged = stacked.amax(dim=0)
    else:
        merged = stacked.sum(dim=0) / counted.sum(dim=0).clamp(min=1)
    return low + merged * span


def counted_steps(steps: list[MiningStep], options: MiningOptions) -> Iterator[Tensor]:
    """For each step which pairs it counts for, (P,) bool: `keep`, `measure`, `hills` say so.

    After a step that does not count, none does; the first always counts.
    """
    counts = torch.ones_like(steps[0].logits, dtype=torch.bool)
    yield counts
    for step in steps[1:]:
        counts = counts & summits(step, options) & enough(step, steps[0], options)
        yield counts


def enough(step: MiningStep, first: MiningStep, options: MiningOptions) -> Tensor:
    """Whether enough is left of what was seen first: (P,). Of no evidence, nothing is left."""
    if not options.keep:
        return torch.ones_like(step.logits, dtype=torch.bool)
    if options.measure == "score":
        here, before = (torch.sigmoid(each.logits.float()) for each in (step, first))
    else:
        here, before = (each.logits.float() - each.blank for each in (step, first))
    return (before > 0) & (here >= options.keep * before)


class MiningNetwork(nn.Module):
    """A network whose heatmaps are those of K mining steps, merged; its logits are the first ones.

    What `load_network` gives can be replaced by it wherever heatmaps become boxes.
    """

    def __init__(self, network: Network, options: MiningOptions) -> None:
        super().__init__()
        self.network, self.options = network, options
        self.findings, self.cell_centres = network.findings, network.cell_centres

    def forward(self, images: Tensor, features: bool = False) -> Output:
        """Logits (N, C) as ever, heatmaps (N, C, S, S) merged; features on request."""
        output = self.network(images, features=True)
        merged = [merge_heatmaps(steps, self.options) for steps in self._by_finding(images, output)]
        heatmaps = torch.stack(merged, dim=1).to(output.heatmaps)
        return Output(output.logits, heatmaps, output.features if features else None)

    def steps_of(self, image: Tensor, columns: Sequence[int]) -> list[MiningStep]:
        """The steps of these findings in one image (1, 1 or 3, H, W): for a page step by step."""
        output = self.network(image, features=True)
        pairs = torch.tensor([(0, column) for column in columns], device=image.device)
        return list(mine(self.network, output, pairs, self.options, images=image))

    def _by_finding(self, images: Tensor, output: Output) -> Iterator[list[MiningStep]]:
        rows = torch.arange(len(images), device=images.device)
        for column in range(len(self.findings)):  # one at a time: each holds the features once more
            pairs = torch.stack([rows, torch.full_like(rows, column)], dim=1)
            yield list(mine(self.network, output, pairs, self.options, images=images))


def _ask_head(network: Network, output: Output, pairs: Tensor, blocked: Tensor) -> Tensor:
    """The pairs' logits (P,) with the features of blocked cells at 0: pooling, one dot product."""
    features = _given(output.features, "features", "features")
    rows, columns = pairs[:, 0], pairs[:, 1]
    left = features[rows] * ~blocked[:, None]
    pooled = network.pooling(left).float()
    weight, bias = network.prediction.weight[columns], network.prediction.bias[columns]
    logits: Tensor = (pooled * weight.float()).sum(dim=1) + bias.float()
    return logits


def _given(tensor: Tensor | None, option: str, block: str) -> Tensor:
    if tensor is None:
        raise MiningError("block", block, f"{option} beside the output; hand them to it")
    return tensor


def normalised(step: MiningStep) -> Tensor:
    """The heat of the free cells in [0, 1]; 0 where blocked or constant."""
    low = step.heat.masked_fill(step.blocked, float("inf")).amin((1, 2), keepdim=True)
    high = step.heat.masked_fill(step.blocked, float("-inf")).amax((1, 2), keepdim=True)
    span = torch.where(high > low, high - low, float("inf"))
    return torch.where(step.blocked | (high <= low), 0.0, (step.heat - low) / span)


def summits(step: MiningStep, options: MiningOptions) -> Tensor:
    """Whether the hottest free cell of each map is no cooler than any of its neighbours: (P,).

    Around a blocked lesion lies its slope, hotter than all the rest: without this the next step
    would take the ring for a lesion. Where the option is off, whether any cell is free.
    """
    if not options.hills:
        return ~step.blocked.all(-1).all(-1)
    cold = step.heat.masked_fill(step.blocked, float("-inf")).flatten(1)
    around = functional.max_pool2d(step.heat[:, None], 3, 1, 1).flatten(1)
    hottest = cold.argmax(dim=1, keepdim=True)
    value = cold.gather(1, hottest)
    return ((value >= around.gather(1, hottest)) & (value > float("-inf")))[:, 0]
