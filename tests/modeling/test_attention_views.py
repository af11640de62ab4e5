"""The looks of attention mining: what was seen, blocked and left out, as boxes' maps have it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from data_contracts import CHESTXRAY8, IMAGES, read_table
from modeling.attention import MiningOptions, MiningStep, counted_steps
from modeling.attention_views import (
    AFTER,
    NOTHING,
    SLOPE,
    TOO_LITTLE,
    Look,
    looks_of,
    mined_looks,
)
from modeling.gallery import render_gallery
from modeling.gallery_cards import Card
from modeling.localisation import look_at
from tests.modeling.mined_case import FREE, mined_checkpoint
from tests.modeling.sight import small_checkpoint, small_phantoms


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    phantoms = small_phantoms(tmp_path_factory.mktemp("phantoms") / "p", count=3)
    return read_table(phantoms.images, IMAGES)


def first_pairs(images: pa.Table) -> list[tuple[str, str]]:
    first, second, _ = images["image_id"].to_pylist()
    return [(first, "Nodule"), (second, "Mass"), (first, "Effusion")]


def test_the_looks_merge_into_the_map_that_boxes_are_drawn_from(
    images: pa.Table, tmp_path: Path
) -> None:
    mined_checkpoint(tmp_path / "c")
    looks = mined_looks(tmp_path / "c", images, first_pairs(images), device="cpu",
                        cache=tmp_path / "k")  # fmt: skip
    sight = look_at(tmp_path / "c", images, tmp_path / "h", device="cpu", cache=tmp_path / "k")
    assert list(looks) == [*first_pairs(images)[::2], first_pairs(images)[1]]
    for pair, own in looks.items():
        merged = sight.heatmaps.of(*pair)
        assert merged is not None and len(own) == 1 + FREE.steps
        scaled = (merged - merged.min()) / (merged.max() - merged.min())
        np.testing.assert_allclose(np.max([look.heat for look in own], axis=0), scaled, atol=1e-4)


def test_what_is_blocked_grows_and_has_no_heat(images: pa.Table, tmp_path: Path) -> None:
    mined_checkpoint(tmp_path / "c")
    pairs = first_pairs(images)
    looks = mined_looks(tmp_path / "c", images, pairs, device="cpu", cache=tmp_path / "k")
    for first, second, third in looks.values():
        assert not first.blocked.any() and first.heat.max() == 1
        assert second.blocked.any() and (second.blocked <= third.blocked).all()
        assert (third.heat[third.blocked] == 0).all() and not third.left_out
        assert third.score <= second.score <= first.score


def test_a_classifier_has_no_steps(images: pa.Table, tmp_path: Path) -> None:
    small_checkpoint(tmp_path / "c")
    assert mined_looks(tmp_path / "c", images, first_pairs(images), device="cpu") == {}


def test_what_cannot_be_looked_at_is_left_out(images: pa.Table, tmp_path: Path) -> None:
    mined_checkpoint(tmp_path / "c")
    wanted = [("no such image", "Nodule"), (images["image_id"][0].as_py(), "Hernia")]
    assert mined_looks(tmp_path / "c", images, wanted, device="cpu", cache=tmp_path / "k") == {}


def steps(*logits: float, summit: bool) -> list[MiningStep]:
    heat = torch.zeros(1, 5, 5)
    heat[0, 2, 2], heat[0, 2, 3] = 1.0, 0.9
    heat[0, 0, 0] = 0.5 if summit else 0.0
    blocked = torch.zeros(1, 5, 5, dtype=torch.bool)
    blocked[0, 2, 2] = True
    blocked[0, 2, 3] = summit
    first = MiningStep(torch.tensor([logits[0]]), heat, torch.zeros_like(blocked))
    return [first, *(MiningStep(torch.tensor([value]), heat, blocked) for value in logits[1:])]


def all_blocked() -> list[MiningStep]:
    first, step = steps(2.0, 1.9, summit=True)
    return [first, step._replace(blocked=torch.ones_like(step.blocked))]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (all_blocked(), ["", NOTHING]),
        (steps(2.0, 1.8, 0.1, 1.9, summit=True), ["", "", TOO_LITTLE, AFTER]),
        (steps(2.0, 1.8, summit=False), ["", SLOPE]),
        (steps(-1.0, -1.0, summit=True), ["", TOO_LITTLE]),
    ],
)
def test_the_reason_agrees_with_what_is_merged(
    given: list[MiningStep], expected: list[str]
) -> None:
    options = MiningOptions()
    looks = looks_of(given, options, 0)
    assert [look.left_out for look in looks] == expected
    counts = [bool(each[0]) for each in counted_steps(given, options)]
    assert counts == [not look.left_out for look in looks]


def test_the_page_shows_every_look(images: pa.Table) -> None:
    image_id = images["image_id"][0].as_py()
    random = np.random.default_rng(0)
    blocked = np.eye(4, dtype=bool)
    own = [
        Look(random.random((4, 4), np.float32), blocked & False, 0.8),
        Look(random.random((4, 4), np.float32), blocked, 0.4321, SLOPE),
    ]
    cards = [Card(image_id, name, 0.8, None, None, (), ()) for name in CHESTXRAY8[:2]]
    page = render_gallery(cards, images, looks={(image_id, CHESTXRAY8[0]): own})
    assert page.step_by_step == 1
    assert page.html.count("</li>") == 2 and page.html.count('class="blocked-layer"') == 1
    assert "first look" in page.html and "step 1" in page.html and "score 0.43" in page.html
    assert f"left out: {SLOPE}" in page.html


def test_without_looks_the_page_says_nothing_of_them(images: pa.Table) -> None:
    card = Card(images["image_id"][0].as_py(), "Mass", 0.8, None, None, (), ())
    page = render_gallery([card], images)
    assert page.step_by_step == 0
    assert 'name="show-blocked"' not in page.html and 'class="steps"' not in page.html
