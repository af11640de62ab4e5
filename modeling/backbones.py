"""ImageNet networks cut off where ChestX-ray8 cuts them: images in, a map of activations out.

The classifier and the pooling right before it go, and so do GoogLeNet's auxiliary heads. Children
keep torchvision's names, so a state dict of the whole torchvision network fits the rest of it.
"""

from __future__ import annotations

import pickle
import re
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import torch
import torchvision
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from modeling.choices import choose


@dataclass(frozen=True)
class _Cut:
    """What stays of a torchvision network: `children`, their `channels`, `stride` in pixels.

    `first` is the pixel that the first cell of the map is centred on, from kernels, strides and
    paddings. Evenly laid out cells would have (stride − 1) / 2; ResNet-50 pads it away to 0.
    """

    children: tuple[str, ...]
    channels: int
    stride: int
    first: float
    # GoogLeNet's weights come from elsewhere and want (x − ½) / ½ (torchvision: transform_input).
    imagenet: bool = True


_RESNET = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")
_GOOGLENET = (
    "conv1", "maxpool1", "conv2", "conv3", "maxpool2", "inception3a", "inception3b", "maxpool3",
    "inception4a", "inception4b", "inception4c", "inception4d", "inception4e", "maxpool4",
    "inception5a", "inception5b",
)  # fmt: skip
_CUTS = {
    "alexnet": _Cut(("features",), 256, 16, 15.0),
    "googlenet": _Cut(_GOOGLENET, 1024, 32, 22.0, imagenet=False),
    "vgg16": _Cut(("features",), 512, 16, 7.5),
    "resnet50": _Cut(_RESNET, 2048, 32, 0.0),
    "densenet121": _Cut(("features",), 1024, 32, 14.0),
}
BACKBONES = tuple(_CUTS)

# Parts of the torchvision networks that are cut off; a weights file may hold them.
_CUT_OFF = ("fc.", "classifier.", "aux1.", "aux2.")
_PREFIXES = ("module.", "model.", "backbone.")
# DenseNet's published weights still write "denselayer1.norm.1" for "denselayer1.norm1".
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.(?=[12]\.)")


class WeightsError(ValueError):
    """Weights that cannot be had or do not fit: `where` they were sought, `found`, `to_do`."""

    def __init__(self, where: str | Path, found: str, to_do: str) -> None:
        self.where, self.found, self.to_do = str(where), found, to_do
        super().__init__(f"weights {where}: {found}. {to_do}")


_UNREADABLE = (
    SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError, KeyError
)  # fmt: skip


def backbone(name: str, weights: str | Path = "none") -> tuple[nn.Module, int, int]:
    """The cut network (N, 3, H, W) → (N, channels, h, w), its channels, its stride in pixels.

    `weights`: "none" (He-normal convolutions by fan-out, zero biases, drawn from torch's global
    generator), "imagenet" (torchvision's IMAGENET1K_V1 from the hub cache, else downloaded), or
    the path of a state dict, safetensors or torch (read with weights_only, never unpickled).
    UnknownChoiceError for another name, WeightsError for weights that are not there or do not fit.
    """
    body = _on_meta(name).to_empty(device="cpu")
    for module in body.modules():
        _initialise(module)
    if str(weights) != "none":
        _load(body, name, weights)
    return body, _CUTS[name].channels, _CUTS[name].stride


def map_size(name: str, image_size: int) -> int:
    """Rows (= columns) of the backbone's map for square images. 0 where nothing is left.

    >>> map_size("resnet50", 1024), map_size("alexnet", 1024)
    (32, 63)
    """
    body = _on_meta(name).eval()
    try:
        with torch.no_grad():
            return int(body(torch.empty(1, 3, image_size, image_size, device="meta")).shape[-1])
    except RuntimeError:  # a layer whose kernel is larger than what reaches it
        return 0


def first_centre(name: str) -> float:
    """The pixel (from 0, in both directions) that the first cell of the map is centred on."""
    return _CUTS[choose("backbone", name, BACKBONES)].first


def cell_stride(name: str) -> int:
    """How many pixels the cells of the map are apart."""
    return _CUTS[choose("backbone", name, BACKBONES)].stride


def normalisation(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation, per colour, of images in [0, 1] that the backbone wants."""
    if _CUTS[choose("backbone", name, BACKBONES)].imagenet:
        return (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    return (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)


def _on_meta(name: str) -> nn.Sequential:
    """The cut network without memory behind it: the classifiers never exist."""
    cut = _CUTS[choose("backbone", name, BACKBONES)]
    settings = {"init_weights": False} if name in ("googlenet", "vgg16") else {}
    if name == "googlenet":
        settings["aux_logits"] = False
    with torch.device("meta"):
        whole = torchvision.models.get_model(name, weights=None, **settings)
    children = OrderedDict((child, getattr(whole, child)) for child in cut.children)
    if name in ("alexnet", "vgg16"):
        children["features"] = children["features"][:-1]
    if name == "densenet121":
        children["relu"] = nn.ReLU(inplace=True)
    return nn.Sequential(children)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        module.reset_parameters()


def _load(body: nn.Module, name: str, weights: str | Path) -> None:
    state = _imagenet(name) if str(weights) == "imagenet" else _read(Path(weights))
    state = {_body_key(key): value for key, value in state.items()}
    wanted = body.state_dict()
    state = {k: v for k, v in state.items() if k in wanted or not k.startswith(_CUT_OFF)}
    surplus = sorted(state.keys() - wanted.keys())
    # Files older than torch 0.4.1 do not count batches; nothing here reads the count.
    missing = [k for k in wanted if k not in state and not k.endswith("num_batches_tracked")]
    misshapen = [k for k in state if k in wanted and state[k].shape != wanted[k].shape]
    for what, keys in (("lack", missing), ("are strange to it", surplus), ("differ", misshapen)):
        if keys:
            verb = {"lack": "are missing", "differ": "have another shape"}.get(what, what)
            raise WeightsError(
                weights,
                f"found weights of another network than {name}: {len(keys)} {verb}, e.g. {keys[0]}",
                f"Give a state dict of torchvision's {name}, whole or without its classifier.",
            )
    body.load_state_dict(state, strict=False)


def _body_key(key: str) -> str:
    while key.startswith(_PREFIXES):
        key = key.split(".", 1)[1]
    return _OLD_DENSENET.sub(r"\1", key)


def _imagenet(name: str) -> dict[str, Tensor]:
    known = torchvision.models.get_model_weights(name).IMAGENET1K_V1
    cached = Path(torch.hub.get_dir(), "checkpoints", Path(known.url).name)
    if cached.is_file():
        return _read(cached)
    try:
        state: dict[str, Tensor] = torch.hub.load_state_dict_from_url(
            known.url, map_location="cpu", progress=False, check_hash=True, weights_only=True
        )
    except (OSError, RuntimeError) as error:
        raise WeightsError(
            "imagenet",
            f"{cached.name} is not in {cached.parent} and cannot be downloaded ({error})",
            f"Put {known.url} there, or train from scratch with weights none.",
        ) from error
    return state


def _read(path: Path) -> dict[str, Tensor]:
    """The tensors of a state dict. Foreign code is never run: weights_only, or safetensors."""
    if not path.is_file():
        raise WeightsError(path, "no such file", "Give the path of a state dict, imagenet or none.")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:120]
        raise WeightsError(path, f"cannot be read ({reason})", "Save a plain state dict.") from None
    while isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise WeightsError(path, "holds no state dict of tensors", "Save network.state_dict().")
    return state
