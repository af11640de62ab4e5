"""Checkpoints: what was saved comes back, damage is told, and nothing is unpickled."""

import hashlib
import json
import pickle
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from modeling.checkpoints import (
    Card,
    CheckpointError,
    checkpoint_folder,
    find_checkpoint,
    load_network,
    load_state,
    network_of,
    read_card,
    save_checkpoint,
)
from modeling.code_version import code_version
from modeling.network import Network
from modeling.optimisation import make_optimizer
from modeling.training_state import capture, restore
from tests.modeling.small import FINDINGS, small_preset


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    return network_of(small_preset(), FINDINGS).eval()


def card_of(**changes: object) -> Card:
    body = {
        "findings": FINDINGS, "preset": small_preset().to_json(), "step": 3, "epoch": 0.5,
        "provenance": {"labels": "aa", "split": "bb", "images": "cc"}, "code": code_version(),
    }  # fmt: skip
    return Card(**{**body, **changes})  # type: ignore[arg-type]


def test_the_network_comes_back(network: Network, tmp_path: Path) -> None:
    saved = save_checkpoint(tmp_path / "c", network.state_dict(), card_of())
    again, card = load_network(tmp_path / "c")
    images = torch.randint(0, 255, (2, 1, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        assert torch.equal(again(images).logits, network(images).logits)
    assert card == saved and not again.training and again.findings == FINDINGS


def test_the_id_is_of_weights_and_origin(network: Network, tmp_path: Path) -> None:
    ids = [
        save_checkpoint(tmp_path / str(n), network.state_dict(), card).checkpoint_id
        for n, card in enumerate([card_of(), card_of(), card_of(provenance={"labels": "zz"})])
    ]
    assert ids[0] == ids[1] != ids[2]


def test_loading_leaves_the_generator_alone(network: Network, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "c", network.state_dict(), card_of())
    before = torch.get_rng_state()
    load_network(tmp_path / "c")
    assert torch.equal(torch.get_rng_state(), before)


def _cut_weights(folder: Path) -> None:
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-8])


def _other_weights(folder: Path) -> None:
    save_file({"prediction.weight": torch.zeros(3, 16)}, folder / "weights.safetensors")


def _no_weights(folder: Path) -> None:
    (folder / "weights.safetensors").unlink()


def _broken_card(folder: Path) -> None:
    (folder / "card.json").write_text("{")


def _strange_card(folder: Path) -> None:
    body = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**body, "format": 99}))


def _other_field(folder: Path) -> None:
    body = json.loads((folder / "card.json").read_text())
    body["preset"]["colour"] = "red"
    (folder / "card.json").write_text(json.dumps(body))


def _no_card(folder: Path) -> None:
    (folder / "card.json").unlink()


@pytest.mark.parametrize(
    "damage",
    [
        _cut_weights,
        _other_weights,
        _no_weights,
        _broken_card,
        _strange_card,
        _other_field,
        _no_card,
    ],
)
def test_damage_is_told(damage: Callable[[Path], None], network: Network, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "c", network.state_dict(), card_of())
    damage(tmp_path / "c")
    with pytest.raises(CheckpointError, match=r"checkpoint .*c: "):
        load_network(tmp_path / "c")


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (_Bomb.explode, ("boom",))

    @staticmethod
    def explode(word: str) -> None:
        raise AssertionError(word)


def test_a_pickle_in_the_place_of_weights_is_never_opened(network: Network, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "c", network.state_dict(), card_of())
    data = pickle.dumps(_Bomb())
    with pytest.raises(AssertionError):  # it would explode
        pickle.loads(data)
    (tmp_path / "c" / "weights.safetensors").write_bytes(data)
    body = json.loads((tmp_path / "c" / "card.json").read_text())
    body["weights_sha256"] = hashlib.sha256(data).hexdigest()
    (tmp_path / "c" / "card.json").write_text(json.dumps(body))
    with pytest.raises(CheckpointError):
        load_network(tmp_path / "c")


def test_no_state_no_resume(network: Network, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "c", network.state_dict(), card_of())
    with pytest.raises(CheckpointError, match="no training state"):
        load_state(tmp_path / "c")


@pytest.mark.parametrize("name", ["chestxray8", "modern"])
def test_optimiser_and_generators_come_back(name: str, network: Network, tmp_path: Path) -> None:
    settings = small_preset(name)
    network.train()
    optimizer = make_optimizer(network, settings)
    network(torch.rand(2, 1, 64, 64)).logits.square().sum().backward()
    optimizer.step()
    random.gauss(0, 1)  # leaves a second number behind
    np.random.standard_normal()
    state = capture(optimizer, {"progress": {"step": 1}})
    save_checkpoint(tmp_path / "c", network.state_dict(), card_of(), state)

    def draw() -> tuple[float, ...]:
        return (float(torch.rand(1)), float(np.random.standard_normal()), random.gauss(0, 1))

    expected = draw()
    draw()
    _, loaded, _ = load_state(tmp_path / "c")
    other = make_optimizer(network, settings)
    restore(other, loaded)
    assert draw() == expected
    assert loaded.values["progress"] == {"step": 1}
    for weight in network.parameters():
        for key, value in optimizer.state[weight].items():
            assert torch.equal(torch.as_tensor(other.state[weight][key]), torch.as_tensor(value))
    assert [g["lr"] for g in other.param_groups] == [g["lr"] for g in optimizer.param_groups]


def test_a_training_is_named_by_its_best(network: Network, tmp_path: Path) -> None:
    for kind, step in (("step", 4), ("best", 2), ("best", 3)):
        folder = checkpoint_folder(tmp_path, kind, step)
        save_checkpoint(folder, network.state_dict(), card_of(step=step))
    assert find_checkpoint(tmp_path).name == "best-00000003"
    assert read_card(tmp_path).step == 3


def test_what_was_half_written_is_no_checkpoint(network: Network, tmp_path: Path) -> None:
    folder = checkpoint_folder(tmp_path, "step", 1)
    save_checkpoint(folder, network.state_dict(), card_of())
    half = folder.with_name(".step-00000002.123")
    half.mkdir()
    (half / "card.json").write_text((folder / "card.json").read_text())
    assert find_checkpoint(tmp_path) == folder
