"""The preset attention-mining through the flow: two stages trained, merged maps localised."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from data_contracts import read_table
from flows.train import run_train
from modeling.attention import MiningNetwork
from modeling.attention_training import load_mined, mining_stage
from modeling.checkpoints import find_checkpoint, read_card
from modeling.localisation import look_at
from modeling.presets import preset
from tests.flows.phantoms import TINY, make_phantoms, tiny_job


def test_the_preset_mines_after_it_classified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXRMINE_CACHE", str(tmp_path / "cache"))
    phantoms = make_phantoms(tmp_path / "phantoms")
    tiny = tiny_job(phantoms)
    wanted = preset("attention-mining", **{**TINY, "backbone": "alexnet+msa"})
    out = tmp_path / "out"
    run_train(replace(tiny, settings=wanted), out)
    card = read_card(out)
    assert mining_stage(card) is not None
    assert card.parent
    network, _ = load_mined(find_checkpoint(out))
    assert isinstance(network, MiningNetwork)
    images = read_table(out / "images.parquet").slice(0, 2)
    sight = look_at(find_checkpoint(out), images, tmp_path / "maps", device="cpu")
    assert sight.card.checkpoint_id == card.checkpoint_id
    assert all(0 <= score <= 1 for score in sight.predictions["score"].to_pylist())
