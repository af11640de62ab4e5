"""Backbones: where they are cut, and which weights they take."""

from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from modeling.backbones import (
    BACKBONES,
    WeightsError,
    backbone,
    first_centre,
    map_size,
    normalisation,
)
from modeling.choices import UnknownChoiceError

SHAPES = {
    "alexnet": (256, 16, 63),
    "googlenet": (1024, 32, 32),
    "vgg16": (512, 16, 64),
    "resnet50": (2048, 32, 32),
    "densenet121": (1024, 32, 32),
}


@pytest.mark.parametrize("name", BACKBONES)
def test_the_cut_is_where_the_paper_cuts(name: str) -> None:
    body, channels, stride = backbone(name)
    at_1024 = map_size(name, 1024)
    assert (channels, stride, at_1024) == SHAPES[name]
    with torch.no_grad():
        features = body.eval()(torch.rand(1, 3, 64, 64))
    assert features.shape == (1, channels, *[map_size(name, 64)] * 2)
    assert (features >= 0).all() and torch.isfinite(features).all()


@pytest.mark.parametrize("name", BACKBONES)
def test_a_cell_looks_at_the_pixel_it_is_said_to_be_centred_on(name: str) -> None:
    """Measured: the centre of what a cell in the middle takes in, all weights being equal."""
    body, _, stride = backbone(name)
    for module in body.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.constant_(module.weight, 1 / module.weight[0].numel())
    body = _averaging(body.eval())
    side, cell = 15 * stride, 7
    images = torch.ones(1, 3, side, side, requires_grad=True)
    body(images)[0, :, cell, cell].sum().backward()
    assert images.grad is not None
    taken_in = images.grad.sum((0, 1, 2))
    centre = (taken_in * torch.arange(side)).sum() / taken_in.sum()
    assert centre.item() == pytest.approx(first_centre(name) + stride * cell, abs=0.6)


def _averaging(body: torch.nn.Module) -> torch.nn.Module:
    """The network with average in place of maximum pooling, whose gradient has no ties."""
    for name, child in body.named_children():
        if isinstance(child, torch.nn.MaxPool2d):
            average = torch.nn.AvgPool2d(
                child.kernel_size, child.stride, child.padding, child.ceil_mode
            )
            setattr(body, name, average)
        else:
            _averaging(child)
    return body


@pytest.mark.parametrize("name", ["alexnet", "resnet50", "densenet121"])
def test_a_state_dict_of_the_whole_network_gives_its_features(name: str, tmp_path: Path) -> None:
    whole = torchvision.models.get_model(name, weights=None).eval()
    torch.save({"state_dict": whole.state_dict()}, tmp_path / "whole.pt")
    body, _, _ = backbone(name, tmp_path / "whole.pt")
    seen: list[torch.Tensor] = []
    last = {"alexnet": "avgpool", "resnet50": "avgpool", "densenet121": "classifier"}[name]
    whole.get_submodule(last).register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    images = torch.rand(1, 3, 96, 96)
    with torch.no_grad():
        whole(images)
        features = body.eval()(images)
    if name == "alexnet":
        features = torch.nn.functional.max_pool2d(features, 3, 2)
    if name == "densenet121":
        features = features.mean((2, 3))
    assert torch.allclose(features, seen[0], atol=1e-5)


def test_safetensors_and_a_network_s_prefix_are_read(tmp_path: Path) -> None:
    body, _, _ = backbone("alexnet")
    save_file(
        {f"backbone.{k}": v for k, v in body.state_dict().items()}, tmp_path / "b.safetensors"
    )
    again, _, _ = backbone("alexnet", tmp_path / "b.safetensors")
    assert all(torch.equal(v, again.state_dict()[k]) for k, v in body.state_dict().items())


def test_densenet_names_of_old_files_are_understood(tmp_path: Path) -> None:
    body, _, _ = backbone("densenet121")
    old = {
        k.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): v
        for k, v in body.state_dict().items()
        if not k.endswith("num_batches_tracked")
    }
    torch.save(old, tmp_path / "old.pth")
    again, _, _ = backbone("densenet121", tmp_path / "old.pth")
    assert all(torch.equal(v, again.state_dict()[k]) for k, v in body.state_dict().items())


def test_imagenet_weights_come_from_the_hub_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    whole = torchvision.models.alexnet(weights=None)
    torch.save(whole.state_dict(), tmp_path / "checkpoints" / "alexnet-owt-7be5be79.pth")
    body, _, _ = backbone("alexnet", "imagenet")
    assert torch.equal(body.state_dict()["features.0.weight"], whole.features[0].weight)


def test_imagenet_weights_that_cannot_be_had_are_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(WeightsError, match=r"alexnet-owt-7be5be79\.pth is not in") as raised:
        backbone("alexnet", "imagenet")
    assert "\n" not in str(raised.value)


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (exec, (f"open({str(tmp_path / 'ran')!r}, 'w')",))

    torch.save({"features.0.weight": Trap()}, tmp_path / "trap.pt")
    with pytest.raises(WeightsError, match="cannot be read"):
        backbone("alexnet", tmp_path / "trap.pt")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["broken.pt", "broken.safetensors"])
def test_a_broken_file_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"no weights at all")
    with pytest.raises(WeightsError, match="cannot be read"):
        backbone("alexnet", tmp_path / name)


def test_weights_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such file"):
        backbone("alexnet", tmp_path / "none.pt")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda s: s.pop("features.0.bias"), "1 are missing, e.g. features.0.bias"),
        (lambda s: s.update({"layer9.w": torch.zeros(1)}), "1 are strange to it, e.g. layer9.w"),
        (lambda s: s.update({"features.0.bias": torch.zeros(1)}), "1 have another shape"),
    ],
    ids=["missing", "surplus", "shape"],
)
def test_weights_of_another_network_are_refused(change: object, told: str, tmp_path: Path) -> None:
    state = dict(backbone("alexnet")[0].state_dict())
    change(state)  # type: ignore[operator]
    torch.save(state, tmp_path / "other.pt")
    with pytest.raises(WeightsError, match=told):
        backbone("alexnet", tmp_path / "other.pt")


def test_the_start_follows_torch_s_seed() -> None:
    torch.manual_seed(5)
    first = backbone("alexnet")[0].state_dict()
    torch.manual_seed(5)
    second = backbone("alexnet")[0].state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_signal_neither_dies_nor_explodes_at_the_start() -> None:
    torch.manual_seed(0)
    with torch.no_grad():
        features = backbone("vgg16")[0](torch.randn(1, 3, 64, 64))
    assert 0.05 < features.std() < 20


def test_an_unknown_backbone_is_told_the_known_ones() -> None:
    with pytest.raises(
        UnknownChoiceError, match="alexnet, googlenet, vgg16, resnet50, densenet121"
    ):
        backbone("lenet")
    with pytest.raises(UnknownChoiceError):
        normalisation("lenet")
