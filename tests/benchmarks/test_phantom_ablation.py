"""The page of an ablation on phantoms: differences, what they say, and how it was made."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from benchmarks.phantom_ablation import (
    Cell,
    _facts,
    difference,
    loss_table,
    pooling_table,
    recipe_table,
)

FINDINGS = ("Mass", "Nodule")
RARE = [1]


def cell(loss: str, pooling: str, auc: list[float], validation: float, r: str = "") -> Cell:
    """A recipe whose replicates all give its figures."""
    changes = {"loss": loss, "pooling": pooling} | ({"r": r} if r else {})
    drawn = np.tile(np.array(auc), (50, 1))
    return Cell(f"{loss} {pooling} {r}", changes, list(auc), drawn, validation)


CELLS = [
    cell("cel", "average", [0.8, 0.6], 0.7),
    cell("cel", "max", [0.9, 0.8], 0.85),
    cell("cel", "lse", [0.8, 0.7], 0.80, "1"),
    cell("cel", "lse", [0.9, 0.5], 0.75, "10"),
    cell("wcel", "average", [0.8, 0.7], 0.7),
    cell("wcel", "max", [0.9, 0.9], 0.85),
    cell("wcel", "lse", [0.8, 0.8], 0.70, "1"),
    cell("wcel", "lse", [0.9, 0.6], 0.75, "10"),
]


def test_a_difference_is_of_means_over_findings_and_recipes() -> None:
    found = difference(CELLS[:2], CELLS[4:6], [1])
    assert found.value == pytest.approx(0.7 - 0.8)
    assert found.low == pytest.approx(-0.1) and found.high == pytest.approx(-0.1)


def test_a_difference_is_paired_draw_by_draw() -> None:
    drift = np.linspace(-0.2, 0.2, 50)[:, None]  # patients that are hard for both recipes alike
    one, other = (
        Cell("", {}, list(auc), np.array(auc) + drift, 0.5) for auc in ([0.8, 0.6], [0.7, 0.5])
    )
    found = difference([one], [other], [0, 1])
    assert found.low == pytest.approx(0.1) and found.high == pytest.approx(0.1)


def test_the_suitable_r_is_chosen_on_validation_images_not_on_tested_ones() -> None:
    rows = {row[0]: row[1:] for row in pooling_table(CELLS, [0, 1], RARE).rows}
    marked = [name for name in rows if "the suitable one" in name]
    # Under wcel r = 1 tests better, but r = 10 was better in validation.
    assert marked == [
        "cel: LSE r = 1, the suitable one, minus average",
        "cel: LSE r = 1, the suitable one, minus max",
        "wcel: LSE r = 10, the suitable one, minus average",
        "wcel: LSE r = 10, the suitable one, minus max",
    ]
    assert rows[marked[0]] == [".050 [.050, .050]", ".100 [.100, .100]"]
    assert len(rows) == 8


def test_claims_are_read_off_either_way() -> None:
    said = pooling_table(CELLS, [0, 1], RARE).notes[-1]
    assert "cel: LSE r = 1 against average: better" in said
    assert "cel: LSE r = 1 against max: worse" in said
    assert "wcel: LSE r = 10 against average: no difference shown" in said


def test_losses_are_compared_over_all_poolings_the_rarest_finding_first() -> None:
    table = loss_table(CELLS, FINDINGS, [0.3, 0.05], RARE)
    assert [row[0] for row in table.rows] == [
        "Nodule", "Mass", "mean of the rare ones", "mean of all",
    ]  # fmt: skip
    assert table.rows[0][1:] == ["5.0%", ".100 [.100, .100]"]
    assert table.rows[1][1:] == ["30.0%", ".000 [.000, .000]"]
    assert table.notes[-1].endswith("helps rare findings: better.")


def test_every_recipe_has_its_row() -> None:
    table = recipe_table(CELLS, FINDINGS)
    assert len(table.rows) == len(CELLS)
    assert table.rows[0] == [
        "cel average ", ".700 [.700, .700]", "0.700", ".800 [.800, .800]", ".600 [.600, .600]",
    ]  # fmt: skip


def test_the_page_says_how_it_was_made_and_names_no_place(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(
        json.dumps({"called": ["/opt/bin/cxrmine", "ablate", "--seeds", "3"],
                    "started": "2026-11-21T05:00:00+00:00"})
    )  # fmt: skip
    settings = {"count": 60, "size": 64, "seed": 4, "label_noise": 0.1}
    (tmp_path / "manifest.json").write_text(json.dumps({"version": 1, "settings": settings}))
    facts = _facts(tmp_path, tmp_path, {"seeds": 3, "replicates": 1000}, 42, 12)
    text = " ".join(facts)
    assert "3 seeds of each recipe" in text and "`cxrmine ablate --seeds 3`, 2026-11-21" in text
    assert "--count 60 --size 64 --seed 4" in text and "10% of the labels wrong" in text
    assert "/opt" not in text and str(tmp_path) not in text
