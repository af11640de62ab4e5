"""Multi-scale aggregation: finer maps whose cells lie where they say, from every depth."""

import pytest
import torch

from modeling.backbones import backbone
from modeling.checkpoints import network_of
from modeling.choices import UnknownChoiceError
from modeling.multiscale import LEVELS, Stages, build_multiscale_network, placement
from modeling.network import build_network
from tests.modeling.small import FINDINGS, small_preset

NAMES = tuple(LEVELS)


def images(size: int, count: int = 2) -> torch.Tensor:
    return torch.rand(count, 1, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", ["resnet50", "densenet121"])
def test_heatmaps_are_twice_as_fine(name: str) -> None:
    common = {"findings": FINDINGS, "image_size": 64, "transition_width": 8}
    plain = build_network(name, **common).eval()
    fine = build_multiscale_network(name, **common).eval()
    with torch.no_grad():
        before, after = plain(images(64)), fine(images(64))
    assert before.heatmaps.shape == (2, 3, 2, 2)
    assert after.heatmaps.shape == (2, 3, 4, 4) and after.logits.shape == before.logits.shape


@pytest.mark.parametrize("name", NAMES)
def test_levels_are_where_they_are_said_to_be(name: str) -> None:
    """Channels; and measured, all weights being equal: stride and the pixel cells look at."""
    levels = LEVELS[name]
    stages = _even(Stages(backbone(name)[0], levels).eval())
    side = 9 * levels[-1].stride
    pictures = torch.ones(1, 3, side, side, requires_grad=True)
    for level, found in zip(levels, stages(pictures), strict=True):
        cell = 4 * levels[-1].stride // level.stride
        assert found.shape[1] == level.channels
        (taken_in,) = torch.autograd.grad(
            found[0, :, cell, cell].sum(), pictures, retain_graph=True
        )
        per_column = taken_in.sum((0, 1, 2))
        centre = (per_column * torch.arange(side)).sum() / per_column.sum()
        assert centre.item() == pytest.approx(level.first + level.stride * cell, abs=0.6)


def _even(body: torch.nn.Module) -> torch.nn.Module:
    """Every weight alike, and averages in place of maxima, whose gradient has no ties."""
    for name, child in body.named_children():
        if isinstance(child, torch.nn.Conv2d):
            torch.nn.init.constant_(child.weight, 1 / child.weight[0].numel())
        if isinstance(child, torch.nn.MaxPool2d):
            average = torch.nn.AvgPool2d(
                child.kernel_size, child.stride, child.padding, child.ceil_mode
            )
            setattr(body, name, average)
        else:
            _even(child)
    return body


@pytest.mark.parametrize(
    ("side", "stride", "first", "cells", "step"),
    [(4, 32, 14, 8, 16), (16, 8, 2, 8, 16), (4, 32, 0, 8, 16), (5, 16, 15, 12, 8)],
)
def test_a_slope_stays_a_slope(
    side: int, stride: float, first: float, cells: int, step: float
) -> None:
    """Features that tell their own pixel tell, after placing, the pixel of the grid's cell."""
    matrix = placement(side, stride, first, cells, step)
    told = matrix @ (first + stride * torch.arange(side).float())
    wanted = ((torch.arange(cells) + 0.5) * step - 0.5).clamp(first, first + stride * (side - 1))
    torch.testing.assert_close(matrix.sum(1), torch.ones(cells))
    inner = slice(1, -1)
    torch.testing.assert_close(told[inner], wanted[inner], atol=step / 4, rtol=0)
    if stride >= step:
        torch.testing.assert_close(told, wanted)


@pytest.mark.parametrize("name", NAMES)
def test_every_level_is_heard_and_learns(name: str) -> None:
    network = build_multiscale_network(name, findings=FINDINGS, image_size=64, transition_width=8)
    network(images(64)).logits.square().sum().backward()
    assert [bool(p.weight.grad.any()) for p in network.transition.projections] == [True] * len(
        LEVELS[name]
    )


def test_the_backbone_keeps_the_names_of_its_parameters() -> None:
    common = {"findings": FINDINGS, "image_size": 64}
    plain, fine = (
        {key: value.shape for key, value in net.backbone.state_dict().items()}
        for net in (
            build_network("alexnet", **common),
            build_multiscale_network("alexnet", **common),
        )
    )
    assert plain == fine


def test_a_preset_asks_for_it_by_suffix() -> None:
    network = network_of(small_preset(backbone="alexnet+msa", grid=8), FINDINGS).eval()
    with torch.no_grad():
        assert network(images(64)).heatmaps.shape[-1] == 8
    assert network.cell_centres[0] == 3.5 and len(network.cell_centres) == 8


def test_other_sizes_give_a_proportional_map() -> None:
    network = build_multiscale_network(
        "alexnet", findings=FINDINGS, image_size=128, transition_width=8, grid=16
    ).eval()
    with torch.no_grad():
        assert network(images(256)).heatmaps.shape[-1] in (32, 33, 34, 35)


def test_other_backbones_are_refused() -> None:
    with pytest.raises(UnknownChoiceError, match="densenet121"):
        build_multiscale_network("vgg16+msa", findings=FINDINGS)
