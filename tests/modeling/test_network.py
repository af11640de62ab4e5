"""The network: shapes for every backbone, heatmaps that are what the classification sums up."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from data_contracts import CHESTXRAY8
from modeling.backbones import BACKBONES
from modeling.choices import UnknownChoiceError
from modeling.network import Transition, build_network


@pytest.mark.parametrize("name", BACKBONES)
def test_logits_and_heatmaps_have_the_promised_shapes(name: str) -> None:
    network = build_network(name, findings=CHESTXRAY8, image_size=96).eval()
    with torch.no_grad():
        output = network(torch.rand(2, 1, 96, 96))
    assert output.logits.shape == (2, 8) and output.heatmaps.shape == (2, 8, 3, 3)
    assert output.features is None and network.findings == CHESTXRAY8


@pytest.mark.parametrize(("name", "width"), [("googlenet", 1024), ("resnet50", 2048)])
def test_the_transition_is_as_wide_as_the_paper_says(name: str, width: int) -> None:
    network = build_network(name, findings=["Mass"], image_size=64)
    assert network.prediction.weight.shape == (1, width)


@pytest.mark.parametrize("size", [8, 16, 32])
@pytest.mark.parametrize("natural", [32, 63, 64])
def test_the_papers_grids_come_out_at_1024(natural: int, size: int) -> None:
    transition = Transition(2, 3, natural=natural, grid=size)
    assert transition(torch.rand(1, 2, natural, natural)).shape == (1, 3, size, size)


@pytest.mark.parametrize(("natural", "size"), [(4, 8), (4, 16), (7, 16), (7, 4), (4, 4)])
def test_a_cell_sees_its_own_part_of_the_image(natural: int, size: int) -> None:
    """A spot in the first (last) cell of the map shows in the first (last) cell of the grid."""
    torch.manual_seed(0)
    transition = Transition(1, 8, natural=natural, grid=size).eval()
    for corner in (0, -1):
        spot = torch.zeros(1, 1, natural, natural)
        spot[..., corner, corner] = 1.0
        moved = (transition.conv(_resampled(transition, spot)).abs().sum(1))[0]
        row, column = divmod(int(moved.argmax()), size)
        part = size // 2 - 1 if corner == 0 else size // 2
        assert (row <= part and column <= part) if corner == 0 else (row >= part and column >= part)


def _resampled(transition: Transition, features: torch.Tensor) -> torch.Tensor:
    seen: list[torch.Tensor] = []
    handle = transition.conv.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    transition(features)
    handle.remove()
    return seen[0]


def test_average_pooling_of_a_heatmap_is_the_logit() -> None:
    network = build_network("alexnet", findings=["A", "B"], pooling="average", image_size=96).eval()
    with torch.no_grad():
        network.prediction.bias.copy_(torch.tensor([0.5, -2.0]))
        logits, heatmaps, _ = network(torch.rand(2, 1, 96, 96))
    assert torch.allclose(heatmaps.mean((2, 3)) + network.prediction.bias, logits, atol=1e-5)


@pytest.mark.parametrize("pooling", ["average", "max", "lse"])
def test_logits_and_heatmaps_share_the_prediction_weights(pooling: str) -> None:
    network = build_network("alexnet", findings=["A", "B"], pooling=pooling, image_size=64).eval()
    with torch.no_grad():
        logits, heatmaps, features = network(torch.rand(2, 1, 64, 64), features=True)
        assert torch.allclose(network.prediction(network.pooling(features)), logits)
        weighted = torch.einsum("ndhw,cd->nchw", features, network.prediction.weight)
    assert torch.allclose(weighted, heatmaps, atol=1e-5)


@pytest.mark.parametrize("name", ["alexnet", "googlenet"])
def test_gray_colour_and_bytes_are_the_same_image(name: str) -> None:
    network = build_network(name, findings=["A"], image_size=64).eval()
    gray = torch.randint(0, 256, (2, 1, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        from_bytes = network(gray).logits
        from_floats = network(gray / 255.0).logits
        from_colours = network(gray.repeat(1, 3, 1, 1) / 255.0).logits
    assert torch.allclose(from_bytes, from_floats) and torch.allclose(from_floats, from_colours)


def test_the_normalisation_is_imagenet_s_and_travels_with_the_weights() -> None:
    network = build_network("resnet50", findings=["A"], image_size=64)
    assert network.state_dict()["mean"].flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])
    assert network.state_dict()["std"].flatten().tolist() == pytest.approx([0.229, 0.224, 0.225])


def test_every_weight_learns() -> None:
    torch.manual_seed(0)
    network = build_network("alexnet", findings=["A", "B"], image_size=64)
    network(torch.rand(4, 1, 64, 64)).logits.square().sum().backward()
    dead = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert dead == []


def test_low_precision_works_as_autocast_uses_it() -> None:
    network = build_network("alexnet", findings=["A"], image_size=64).eval()
    images = torch.rand(2, 1, 64, 64)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        low = network(images)
    with torch.no_grad():
        full = network(images)
    assert torch.allclose(low.logits.float(), full.logits, atol=0.1)


def test_weights_of_a_file_reach_the_backbone(tmp_path: Path) -> None:
    first = build_network("alexnet", findings=["A"], image_size=64)
    torch.save(first.backbone.state_dict(), tmp_path / "w.pt")
    second = build_network("alexnet", findings=["A"], image_size=64, weights=tmp_path / "w.pt")
    key = "features.0.weight"
    assert torch.equal(first.backbone.state_dict()[key], second.backbone.state_dict()[key])


@pytest.mark.parametrize(
    ("wrong", "told"),
    [({"backbone": "lenet"}, "alexnet, googlenet"), ({"pooling": "sum"}, "average, max, lse")],
)
def test_unknown_names_are_told_the_known_ones(wrong: dict[str, str], told: str) -> None:
    with pytest.raises(UnknownChoiceError, match=told):
        build_network(**({"backbone": "alexnet", "findings": ["A"]} | wrong))


@pytest.mark.parametrize(
    "wrong", [{"findings": []}, {"image_size": 16}, {"grid": 0}, {"transition_width": -1}], ids=str
)
def test_sizes_that_leave_nothing_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected at least one finding and sizes above 0"):
        build_network("alexnet", **({"findings": ["A"], "image_size": 64} | wrong))


@pytest.mark.parametrize("shape", [(1, 64, 64), (1, 2, 64, 64)])
def test_images_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected \\(N, 1, H, W\\)"):
        build_network("alexnet", findings=["A"], image_size=64)(torch.rand(shape))


@pytest.mark.parametrize(
    ("name", "grid", "expected"),
    [
        ("vgg16", 4, [15.5, 47.5, 79.5, 111.5]),
        ("vgg16", 8, [7.5 + 16 * cell for cell in range(8)]),
        ("resnet50", 4, [0.0, 32.0, 64.0, 96.0]),
        ("resnet50", 8, [-8.0 + 16 * cell for cell in range(8)]),
    ],
)
def test_the_cells_know_where_they_are(name: str, grid: int, expected: list[float]) -> None:
    network = build_network(name, findings=["A"], image_size=128, grid=grid)
    assert list(network.cell_centres) == expected


@pytest.mark.parametrize("statement", ["import modeling", "import modeling.phantom"])
def test_torch_is_imported_only_where_it_is_needed(statement: str) -> None:
    code = f"{statement}, sys; sys.exit('torch' in sys.modules or 'spacy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_public_names_are_there() -> None:
    import modeling

    assert all(callable(getattr(modeling, name)) for name in modeling.__all__)
    with pytest.raises(AttributeError, match="no_such_name"):
        modeling.__getattr__("no_such_name")
