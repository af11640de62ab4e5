"""The ablation: every recipe once, resumed and not repeated, differences paired."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from modeling.ablation import (
    ablation_grid,
    cells_of,
    read_grid,
    run_grid,
    summarise,
    write_ablation,
)
from modeling.checkpoints import load_network
from modeling.choices import UnknownChoiceError
from modeling.devices import make_fabric
from modeling.presets import CHESTXRAY8, PresetError
from modeling.samples import Labelled
from modeling.scoring import Scored, score_dataset
from tests.modeling.small import FINDINGS, Squares, small_preset


def test_the_papers_grid() -> None:
    grid = read_grid(["pooling=all", "r=all", "loss=cel,wcel"])
    cells = cells_of(CHESTXRAY8, grid)
    # Average and maximum know no r: two and seven poolings, two losses.
    assert len(cells) == (2 + 7) * 2
    assert len({cell.name for cell in cells}) == len(cells)
    assert {cell.settings.r for cell in cells if cell.settings.pooling == "lse"} == {
        0.1, 0.5, 1, 5, 8, 10, 12,
    }  # fmt: skip


def test_one_recipe_is_a_grid() -> None:
    assert [cell.name for cell in cells_of(CHESTXRAY8, {})] == ["chestxray8"]


@pytest.mark.parametrize("text", ["pooling", "pooling=", "=max", "poling=max", "r=big"])
def test_a_grid_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(PresetError):
        cells_of(CHESTXRAY8, read_grid([text]))


def test_a_setting_twice_is_refused() -> None:
    with pytest.raises(PresetError):
        read_grid(["r=1", "r=2"])


def test_unknown_poolings_are_refused_before_training(tmp_path: Path) -> None:
    cells = cells_of(small_preset(steps=1), read_grid(["pooling=median"]))
    with pytest.raises(UnknownChoiceError):
        run_grid(cells, Squares(8), None, Squares(8), tmp_path, seeds=1, score=_score,
                 accelerator="cpu")  # fmt: skip


def _score(folder: Path, data: Labelled) -> Scored:
    network, _ = load_network(folder)
    fabric = make_fabric(small_preset(), "cpu")
    return score_dataset(fabric.setup_module(network), data, fabric, batch=8)


def test_every_cell_and_seed_is_trained_once(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    cells = cells_of(small_preset(steps=1), read_grid(["pooling=average,max"]))
    heard: list[tuple[str, int]] = []

    def run() -> dict[str, list[Scored]]:
        return run_grid(cells, Squares(8), None, Squares(8, seed=1), tmp_path, seeds=2,
                        score=_score, accelerator="cpu",
                        begun=lambda cell, seed, *_: heard.append((cell, seed)))  # fmt: skip

    found = run()
    assert heard == [(f"pooling={p}", seed) for p in ("average", "max") for seed in (0, 1)]
    cards = sorted(tmp_path.rglob("card.json"))
    times = [card.stat().st_mtime_ns for card in cards]
    again = run()
    assert [card.stat().st_mtime_ns for card in sorted(tmp_path.rglob("card.json"))] == times
    for name, runs in found.items():
        for one, other in zip(runs, again[name], strict=True):
            assert np.array_equal(one.logits, other.logits)
    assert not np.array_equal(found["pooling=max"][0].logits, found["pooling=max"][1].logits)


def _made_up(skill: float, seed: int, wanted: np.ndarray) -> Scored:
    noise = np.random.default_rng(seed).normal(size=wanted.shape)
    return Scored(noise + skill * wanted, wanted, np.ones_like(wanted))


def test_differences_are_paired_and_seeds_shown(tmp_path: Path) -> None:
    wanted = (np.random.default_rng(9).random((200, 3)) < 0.4).astype(float)
    cells = cells_of(CHESTXRAY8, read_grid(["loss=cel,wcel,focal"]))
    scored = {
        "loss=cel": [_made_up(0.5, seed, wanted) for seed in range(3)],
        "loss=wcel": [_made_up(1.5, seed, wanted) for seed in range(3)],
        "loss=focal": [_made_up(0.5, seed, wanted) for seed in range(3)],
    }
    rows = summarise(cells, scored, findings=FINDINGS, patients=range(200), replicates=200)
    better, same = rows[1].against_first, rows[2].against_first
    assert better.low is not None and better.low > 0
    assert (same.value, same.low, same.high) == (0, 0, 0)  # the same scores, draw by draw
    assert all(min(row.seeds) <= row.macro.value <= max(row.seeds) for row in rows)  # type: ignore
    write_ablation(rows, tmp_path, {"seeds": 3})
    assert len(json.loads((tmp_path / "ablation.json").read_text())["cells"]) == 3
    table = (tmp_path / "ablation.md").read_text()
    assert all(cell.name in table for cell in cells) and ablation_grid(rows).title in table


def test_seeds_that_differ_widen_the_interval() -> None:
    wanted = (np.random.default_rng(9).random((300, 3)) < 0.4).astype(float)
    cells = cells_of(CHESTXRAY8, read_grid(["loss=cel,wcel"]))
    scored = {
        "loss=cel": [_made_up(1.0, 0, wanted)] * 3,
        "loss=wcel": [_made_up(skill, 0, wanted) for skill in (0.2, 1.0, 1.8)],
    }
    rows = summarise(cells, scored, findings=FINDINGS, patients=range(300), replicates=300)
    narrow, wide = (row.macro.high - row.macro.low for row in rows)  # type: ignore[operator]
    assert wide > 1.5 * narrow


def test_intervals_are_of_the_same_order_as_the_figure() -> None:
    """Logits beyond 37 all have probability 1: a sure network is no network that only guesses."""
    wanted = np.array([[0.0], [1.0]] * 50)
    sure = Scored(100.0 + wanted, wanted, np.ones_like(wanted))
    cells = cells_of(CHESTXRAY8, read_grid(["loss=cel"]))
    found = summarise(cells, {"loss=cel": [sure]}, findings=("Mass",), patients=range(100))
    assert found[0].auc["Mass"].text() == "1.000 [1.000, 1.000]"
