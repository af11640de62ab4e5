"""Checkpoints: a folder of safetensors and a JSON card. Nothing in it is ever unpickled.

    NAME/weights.safetensors    the network: parameters and buffers
    NAME/state.safetensors      the tensors of what a training must also remember to go on
    NAME/card.json              what it is, what it was made from, and the rest of the state

A folder is written under another name and renamed, so it is whole or absent.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from modeling.multiscale import SUFFIX, build_multiscale_network
from modeling.network import Network, build_network
from modeling.presets import Preset

WEIGHTS, STATE, CARD = "weights.safetensors", "state.safetensors", "card.json"
_FORMAT = 1
_STEP = re.compile(r"(step|best)-(\d{8})")


class CheckpointError(ValueError):
    """A checkpoint cannot be used: its `path`, what was `found`, what to do."""

    def __init__(self, path: Path, found: str, to_do: str) -> None:
        self.path, self.found = path, found
        super().__init__(f"checkpoint {path}: {found}. {to_do}")


@dataclass(frozen=True)
class Card:
    """What a checkpoint says of itself; `provenance` names its data by their hashes."""

    findings: tuple[str, ...]
    preset: Mapping[str, Any]
    step: int
    epoch: float
    provenance: Mapping[str, str]  # labels, split, images: hashes of the label table, …
    code: Mapping[str, str]
    parent: str | None = None  # id of the checkpoint whose weights this training started from
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    weights_sha256: str = ""
    checkpoint_id: str = ""
    format: int = _FORMAT


@dataclass(frozen=True)
class State:
    """What a training remembers beside the weights: tensors by name, and plain values."""

    tensors: Mapping[str, Tensor]
    values: Mapping[str, Any]


def save_checkpoint(
    folder: Path, network: Mapping[str, Tensor], card: Card, state: State | None = None
) -> Card:
    """The card with its id, once the checkpoint lies in `folder`; one already there is replaced.

    The id is a hash over the weights and all that the card says of their origin.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    save_file(_plain(network), work / WEIGHTS)
    with (work / WEIGHTS).open("rb") as stream:
        weights = hashlib.file_digest(stream, "sha256").hexdigest()
    card = replace(card, weights_sha256=weights, checkpoint_id="")
    identity = json.dumps(asdict(card), sort_keys=True).encode()
    card = replace(card, checkpoint_id=hashlib.sha256(identity).hexdigest()[:16])
    body: dict[str, Any] = asdict(card)
    if state is not None:
        save_file(_plain(state.tensors), work / STATE)
        body["state"] = dict(state.values)
    (work / CARD).write_text(json.dumps(body, indent=1, sort_keys=True) + "\n")
    for path in (*work.iterdir(), work):
        _sync(path)
    if folder.exists():
        shutil.rmtree(folder)
    work.rename(folder)
    _sync(folder.parent)
    return card


def read_card(path: str | Path) -> Card:
    """The card of a checkpoint, or of the best one in the folder of a training.

    CheckpointError when there is none, or of another format.
    """
    return _card(find_checkpoint(path))[0]


def load_network(path: str | Path) -> tuple[Network, Card]:
    """The network with its weights, in evaluation mode, and the card.

    `path` as for `read_card`. CheckpointError when it is damaged: weights that are not those the
    card speaks of, or do not fit the network it describes.
    """
    folder = find_checkpoint(path)
    card, _ = _card(folder)
    with torch.random.fork_rng(devices=[]):  # the fresh weights it starts from are drawn
        network = network_of(Preset(**card.preset), card.findings)
    _check_hash(folder, card)
    try:
        network.load_state_dict(load_file(folder / WEIGHTS))
    except (SafetensorError, OSError, RuntimeError) as error:
        raise CheckpointError(
            folder, f"weights that do not fit ({str(error).splitlines()[0]})", "Train again."
        ) from None
    return network.eval(), card


def load_state(folder: Path) -> tuple[dict[str, Tensor], State, Card]:
    """The weights, the training's state and the card. CheckpointError without a state."""
    card, values = _card(folder)
    if values is None or not (folder / STATE).is_file():
        raise CheckpointError(folder, "no training state", "Resume from a step- checkpoint.")
    _check_hash(folder, card)
    try:
        return load_file(folder / WEIGHTS), State(load_file(folder / STATE), values), card
    except (SafetensorError, OSError) as error:
        raise CheckpointError(folder, f"damaged ({error})", "Resume from an older one.") from None


def network_of(settings: Preset, findings: tuple[str, ...], weights: str = "none") -> Network:
    """The network that a preset describes, freshly initialised. Errors: those of build_network."""
    build = build_multiscale_network if settings.backbone.endswith(SUFFIX) else build_network
    return build(
        settings.backbone,
        findings=findings,
        pooling=settings.pooling,
        r=settings.r,
        image_size=settings.image_size,
        weights=weights,
        transition_width=settings.transition_width or None,
        grid=settings.grid or None,
    )


def find_checkpoint(path: str | Path) -> Path:
    """The checkpoint itself, or in a training's folder the best, else the last one."""
    path = Path(path)
    if (path / CARD).is_file():
        return path
    for kind in ("best", "step"):
        if found := checkpoints_in(path, kind):
            return found[-1]
    raise CheckpointError(
        path, f"no {CARD}", "Give the folder of a checkpoint, or of a training with one in it."
    )


def checkpoints_in(folder: Path, kind: str) -> list[Path]:
    """The checkpoints of a training, step by step; kind "step" (to resume from) or "best"."""
    home = folder / "checkpoints"
    found = home.iterdir() if home.is_dir() else iter(())
    return sorted(
        path
        for path in found
        if (match := _STEP.fullmatch(path.name)) and match[1] == kind and (path / CARD).is_file()
    )


def checkpoint_folder(out: Path, kind: str, step: int) -> Path:
    """Where a training in `out` keeps its checkpoint of this step."""
    return out / "checkpoints" / f"{kind}-{step:08d}"


def keep_newest(out: Path, kind: str) -> None:
    """Removes all but the newest checkpoint of a kind, and what a killed run left half-written."""
    for path in checkpoints_in(out, kind)[:-1]:
        shutil.rmtree(path)
    for path in (out / "checkpoints").glob(".*"):
        shutil.rmtree(path, ignore_errors=True)


def drop_after(out: Path, step: int) -> None:
    """Removes the checkpoints of steps after this one."""
    for path in (*checkpoints_in(out, "best"), *checkpoints_in(out, "step")):
        if int(path.name.split("-")[1]) > step:
            shutil.rmtree(path)


def _card(folder: Path) -> tuple[Card, dict[str, Any] | None]:
    path = folder / CARD
    try:
        body = json.loads(path.read_text())
        found = body.get("format")
    except (OSError, ValueError, AttributeError) as error:
        raise CheckpointError(folder, f"an unreadable {CARD} ({error})", "Train again.") from None
    if found != _FORMAT:
        raise CheckpointError(
            folder, f"{CARD} of format {found!r}, expected {_FORMAT}", "Use the cxrmine it is from."
        )
    state = body.pop("state", None)
    try:
        card = Card(**body)
        Preset(**card.preset)
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            folder, f"{CARD} with other fields ({error})", "Train again."
        ) from None
    return replace(card, findings=tuple(card.findings)), state


def _check_hash(folder: Path, card: Card) -> None:
    try:
        with (folder / WEIGHTS).open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(folder, f"no {WEIGHTS} ({error})", "Train again.") from None
    if found != card.weights_sha256:
        raise CheckpointError(
            folder,
            f"{WEIGHTS} has hash {found[:12]}…, the card says {card.weights_sha256[:12]}…",
            "The file is damaged or from elsewhere: copy the whole folder again.",
        )


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """On the CPU, contiguous (the layout is no part of a weight), each with memory of its own."""
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
