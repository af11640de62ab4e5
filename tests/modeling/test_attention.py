"""Attention mining: what is blocked, that the rest is asked, what it costs, how maps are merged."""

from collections.abc import Callable
from itertools import pairwise

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from scipy import ndimage

from modeling.attention import (
    MiningError,
    MiningNetwork,
    MiningOptions,
    MiningStep,
    counted_steps,
    merge_heatmaps,
    mine,
    positive_pairs,
    salient_region,
    widened,
)
from modeling.boxes import boxes_from_heatmap
from modeling.choices import UnknownChoiceError
from modeling.network import Network, Output, build_network

FINDINGS = ("Mass", "Nodule")


def network(pooling: str = "lse") -> Network:
    torch.manual_seed(0)
    return build_network(
        "alexnet", findings=FINDINGS, image_size=128, transition_width=8, grid=8, pooling=pooling
    ).eval()


def images(count: int = 3) -> torch.Tensor:
    return torch.rand(count, 1, 128, 128, generator=torch.Generator().manual_seed(1))


def pairs(*places: tuple[int, int]) -> torch.Tensor:
    return torch.tensor(places)


def nothing_blocked(heat: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(heat, dtype=torch.bool)


def two_hills(side: int = 16, second: float = 0.4) -> torch.Tensor:
    """A map with a summit of 1 and one of `second`, far apart."""
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")

    def hill(row: int, column: int) -> torch.Tensor:
        return torch.exp(-((y - row) ** 2 + (x - column) ** 2) / 4.0)

    return hill(4, 4) + second * hill(11, 12)


def a_step(heat: torch.Tensor, blocked: torch.Tensor, logit: float = 2.0) -> MiningStep:
    return MiningStep(torch.tensor([logit]), heat[None], blocked[None])


@given(seed=st.integers(0, 10_000), threshold=st.floats(0, 0.95), free=st.floats(0.3, 1))
@settings(max_examples=25, deadline=None)
def test_the_region_is_the_one_around_the_hottest_free_cell(
    seed: int, threshold: float, free: float
) -> None:
    """Against scipy's labels of the same cells, map by map."""
    generator = torch.Generator().manual_seed(seed)
    heat = torch.rand(3, 9, 7, generator=generator)
    blocked = torch.rand(3, 9, 7, generator=generator) > free
    found = salient_region(heat, blocked, threshold)
    for values, hidden, region in zip(heat, blocked, found, strict=True):
        rest = values[~hidden]
        above = ~hidden & (values - rest.min() > threshold * (rest.max() - rest.min()))
        labels, _ = ndimage.label(above.numpy(), torch.ones(3, 3).numpy())
        peak = torch.where(hidden, -1.0, values).argmax()
        expected = (labels == labels.flat[int(peak)]) & above.numpy()
        assert (region.numpy() == expected).all()


@pytest.mark.parametrize("case", ["constant", "all blocked"])
def test_no_region_where_there_is_nothing_to_choose(case: str) -> None:
    heat = torch.ones(2, 4, 4) if case == "constant" else torch.rand(2, 4, 4)
    blocked = torch.full((2, 4, 4), case == "all blocked")
    assert not salient_region(heat, blocked, 0.5).any()


def test_a_region_is_widened_by_whole_cells() -> None:
    region = torch.zeros(1, 7, 7, dtype=torch.bool)
    region[0, 3, 3] = True
    assert [int(widened(region, cells).sum()) for cells in (0, 1, 2)] == [1, 9, 25]


def test_unknown_targets_are_no_pairs() -> None:
    assert positive_pairs(torch.tensor([[float("nan"), 0.0]])).shape == (0, 2)


@pytest.mark.parametrize("pooling", ["lse", "average", "max"])
def test_the_head_alone_gives_what_the_whole_network_gives(pooling: str) -> None:
    """A step's logit is that of the same features with the blocked cells set to 0 by hand."""
    net = network(pooling)
    with torch.no_grad():
        output = net(images(), features=True)
        chosen = pairs((0, 1), (2, 0), (2, 1))
        steps = list(mine(net, output, chosen, MiningOptions(steps=3)))
        for step in steps:
            assert output.features is not None
            for place, (row, column) in enumerate(chosen.tolist()):
                left = output.features[row].clone()
                left[:, step.blocked[place]] = 0
                expected = net.prediction(net.pooling(left[None]))[0, column]
                torch.testing.assert_close(step.logits[place], expected)


def test_each_step_blocks_more_and_never_the_same() -> None:
    net = network()
    output = net(images(), features=True)
    steps = list(mine(net, output, pairs((0, 0), (1, 1)), MiningOptions(steps=3, margin=0)))
    assert not steps[0].blocked.any() and len(steps) == 4
    for before, after in pairwise(steps):
        assert (after.blocked | ~before.blocked).all()  # what is blocked stays blocked
        assert (after.blocked.sum((1, 2)) > before.blocked.sum((1, 2))).all()


def test_the_hottest_cell_is_blocked_first() -> None:
    net = network()
    output = net(images(), features=True)
    _, step = mine(net, output, pairs((1, 0)), MiningOptions(steps=1, margin=0))
    assert step.blocked[0].flatten()[output.heatmaps[1, 0].argmax()]


@pytest.mark.parametrize(("block", "runs"), [("features", 1), ("image", 4)])
def test_what_a_step_costs(block: str, runs: int) -> None:
    """Features are computed once where only the head is asked; else once per step."""
    net, calls = network(), []
    net.backbone.register_forward_hook(lambda *_: calls.append(1))
    output = net(images(), features=True)
    list(mine(net, output, pairs((0, 0)), MiningOptions(steps=3, block=block), images=images()))
    assert len(calls) == runs


def test_blocked_pixels_do_not_count() -> None:
    """Two images that differ where one is blocked look the same to the next step."""
    net, one = network(), images(1)
    options = MiningOptions(steps=1, block="image")
    _, step = mine(net, net(one, features=True), pairs((0, 0)), options, images=one)
    hidden = step.blocked[0].repeat_interleave(16, 0).repeat_interleave(16, 1)
    other = torch.where(hidden, 0.9, one)

    def asked(pictures: torch.Tensor) -> torch.Tensor:
        blind = Output(step.logits[:, None], step.heat[:, None])
        blind = blind._replace(heatmaps=net(one).heatmaps)
        _, again = mine(net, blind, pairs((0, 0)), options, images=pictures)
        return again.logits

    torch.testing.assert_close(asked(one), asked(other))
    assert not torch.equal(step.logits, net(one).logits[0, :1])


def test_mining_teaches_the_features_that_are_left() -> None:
    """The gradient of a mined logit is 0 in blocked cells and reaches the others."""
    net = network("average")
    output = net(images(1), features=True)
    assert output.features is not None
    output.features.retain_grad()
    _, step = mine(net, output, pairs((0, 0)), MiningOptions(steps=1, margin=0))
    step.logits.sum().backward()
    gradient = output.features.grad
    assert gradient is not None
    assert not gradient[0, :, step.blocked[0]].any() and gradient[0, :, ~step.blocked[0]].any()


def test_no_pairs_no_steps() -> None:
    net = network()
    output = net(images(), features=True)
    steps = list(mine(net, output, torch.zeros(0, 2, dtype=torch.int64), MiningOptions()))
    assert len(steps) == 1 and steps[0].logits.shape == (0,)


@pytest.mark.parametrize("merge", ["max", "mean"])
def test_a_second_lesion_comes_up_to_the_first(merge: str) -> None:
    heat = two_hills()
    region = salient_region(heat[None], nothing_blocked(heat[None]), 0.5)
    around = widened(region, 1)[0]
    steps = [a_step(heat, nothing_blocked(heat)), a_step(heat, around)]
    merged = merge_heatmaps(steps, MiningOptions(merge=merge))[0]
    alone = boxes_from_heatmap(heat, image_size=16, thresholds=(180,))
    both = boxes_from_heatmap(merged, image_size=16, thresholds=(160,))
    assert len(alone) == 1 and len(both) == 2
    assert merged.max() == pytest.approx(float(heat.max()))


def test_a_slope_is_no_lesion() -> None:
    """With one hill alone the ring around what was blocked is not merged, unless asked for."""
    heat = two_hills(second=0.0)
    blocked = heat > 0.5
    steps = [a_step(heat, nothing_blocked(heat)), a_step(heat, blocked)]
    torch.testing.assert_close(merge_heatmaps(steps, MiningOptions())[0], heat)
    assert not torch.allclose(merge_heatmaps(steps, MiningOptions(hills=False))[0], heat)


def test_a_step_that_no_longer_sees_the_finding_is_left_out_and_all_after_it() -> None:
    heat = two_hills()
    around = widened((heat > 0.5)[None], 1)[0]
    steps = [
        a_step(heat, nothing_blocked(heat), 2.0),
        a_step(heat, around, -3.0),
        a_step(heat, around, 2.0),
    ]
    torch.testing.assert_close(merge_heatmaps(steps, MiningOptions(keep=0.5))[0], heat)
    assert merge_heatmaps(steps, MiningOptions(keep=0.0))[0, 11, 12] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("measure", "logit", "counts"),
    [
        ("evidence", 0.5, True),
        ("evidence", 0.1, False),
        ("score", 0.1, True),
        ("score", -2.0, False),
    ],
)
def test_what_is_left_is_measured_by_evidence_or_by_score(
    measure: str, logit: float, counts: bool
) -> None:
    # What is seen first is worth 2 above the bias of -0.5; a fully blocked image would score .38,
    # which is close to half of the first score, though nothing is seen in it.
    heat = two_hills()
    around = widened((heat > 0.5)[None], 1)[0]
    steps = [a_step(heat, nothing_blocked(heat), 1.5), a_step(heat, around, logit)]
    steps = [step._replace(blank=torch.tensor([-0.5])) for step in steps]
    options = MiningOptions(keep=0.45, measure=measure)
    assert [bool(found[0]) for found in counted_steps(steps, options)] == [True, counts]


def test_where_nothing_was_seen_nothing_is_mined() -> None:
    heat = two_hills()
    around = widened((heat > 0.5)[None], 1)[0]
    steps = [a_step(heat, nothing_blocked(heat), -1.0), a_step(heat, around, -1.0)]
    torch.testing.assert_close(merge_heatmaps(steps, MiningOptions())[0], heat)


@pytest.mark.parametrize("block", ["features", "image"])
def test_the_mining_network_keeps_the_logits(block: str) -> None:
    net = network()
    mining = MiningNetwork(net, MiningOptions(steps=2, block=block, keep=0, hills=False)).eval()
    with torch.no_grad():
        plain, mined = net(images()), mining(images())
    torch.testing.assert_close(mined.logits, plain.logits)
    assert mined.heatmaps.shape == plain.heatmaps.shape
    assert not torch.allclose(mined.heatmaps, plain.heatmaps)


def test_no_steps_no_change() -> None:
    net = network()
    with torch.no_grad():
        mined = MiningNetwork(net, MiningOptions(steps=0))(images())
        torch.testing.assert_close(mined.heatmaps, net(images()).heatmaps)


def test_the_steps_of_some_findings_are_those_that_are_merged() -> None:
    mining = MiningNetwork(network(), MiningOptions(steps=2, keep=0.0))
    with torch.no_grad():
        steps = mining.steps_of(images()[:1], [1, 0])
        merged = merge_heatmaps(steps, mining.options)
        expected = mining(images()[:1]).heatmaps[0, [1, 0]]
    assert len(steps) == 3
    torch.testing.assert_close(merged, expected)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: MiningOptions(steps=-1), MiningError),
        (lambda: MiningOptions(threshold=1.0), MiningError),
        (lambda: MiningOptions(keep=-0.1), MiningError),
        (lambda: MiningOptions(block="pixels"), UnknownChoiceError),
        (lambda: MiningOptions(merge="sum"), UnknownChoiceError),
    ],
)
def test_options_that_cannot_be(make: Callable[[], MiningOptions], error: type[Exception]) -> None:
    with pytest.raises(error):
        make()


@pytest.mark.parametrize("block", ["features", "image"])
def test_what_a_step_needs_must_be_given(block: str) -> None:
    net = network()
    output = net(images())  # without features, and no images beside it
    with pytest.raises(MiningError, match="hand them"):
        list(mine(net, output, pairs((0, 0)), MiningOptions(block=block)))
