"""The figures of the ablation: second lesions, false boxes, and intervals that pair the arms."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

pytest.importorskip("torch")

import torch

from benchmarks.attention_figures import (
    FIGURES,
    Judged,
    judge,
    load_seen,
    match,
    sample,
    save_seen,
)
from benchmarks.attention_pages import Compared, tables
from benchmarks.phantom_images import PhantomImages
from data_contracts import BOXES, CHESTXRAY8

Row = tuple[str, str, float, float, float, float]


def table(*rows: Row) -> pa.Table:
    keys = ("image_id", "finding", "x", "y", "w", "h")
    filled = [dict(zip(keys, row, strict=True), score=1.0, source="test") for row in rows]
    return pa.Table.from_pylist(filled, schema=BOXES.schema)


TRUE = table(("a", "Nodule", 0, 0, 10, 10), ("a", "Nodule", 50, 50, 10, 10))


def test_a_box_over_two_lesions_finds_one() -> None:
    both = table(("a", "Nodule", 0, 0, 10, 10), ("a", "Nodule", 51, 51, 8, 8))
    near = table(("a", "Nodule", 0, 0, 10, 10), ("a", "Nodule", 11, 0, 10, 10))
    over = table(("a", "Nodule", 0, 0, 21, 10))
    assert match(both, TRUE)[0].tolist() == [1, 1]
    assert match(over, near)[0].sum() == 1


def test_a_box_elsewhere_or_far_too_large_is_false() -> None:
    drawn = table(("a", "Nodule", 80, 80, 5, 5), ("a", "Nodule", 0, 0, 90, 90),
                  ("a", "Mass", 0, 0, 10, 10), ("a", "Nodule", 2, 2, 5, 5))  # fmt: skip
    found, false = match(drawn, TRUE)
    assert (found.tolist(), false.tolist()) == ([1, 0], [1, 1, 1, 0])


def phantoms(boxes: pa.Table) -> PhantomImages:
    names = ("a", "b")
    targets = torch.zeros(2, len(CHESTXRAY8))
    targets[0, CHESTXRAY8.index("Nodule")] = 1
    return PhantomImages(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), targets, boxes, names, names)


@pytest.mark.parametrize(("drawn", "second"), [(1, 0.0), (2, 1.0)])
def test_the_second_lesion_counts_when_both_are_found(drawn: int, second: float) -> None:
    test = phantoms(TRUE)
    judged = judge(np.zeros((2, len(CHESTXRAY8))), TRUE.slice(0, drawn), test)
    values = dict(zip(FIGURES, sample([judged], test.patient_ids, replicates=5)[0], strict=True))
    assert values["2nd"] == second and values["Acc Nodule"] == drawn / 2
    assert values["AFP"] == 0 and np.isnan(values["3rd"])


def test_arms_that_differ_nowhere_have_no_effect_in_any_sample() -> None:
    random = np.random.default_rng(0)
    judged = [
        Judged(random.normal(size=(20, 2)), random.integers(0, 2, (20, 2)).astype(float), 0,
               random.random((20, 5, 2)))
        for _ in range(3)
    ]  # fmt: skip
    patients = [str(number // 2) for number in range(20)]
    one, other = (sample(judged, patients, replicates=50) for _ in range(2))
    assert one.shape == (51, len(FIGURES)) and not (one - other).any()
    assert one[1:].std(axis=0).min() > 0


def runs(count: int, seed: int, shift: float = 0.0) -> list[Judged]:
    """Trainings of 40 images; with a shift the scores of what is there are higher by so much."""
    random = np.random.default_rng(seed)
    targets = np.random.default_rng(7).integers(0, 2, (40, 2)).astype(float)
    return [
        Judged(random.normal(size=(40, 2)) + shift * targets, targets, 0, random.random((40, 5, 2)))
        for _ in range(count)
    ]


def test_arms_of_unequal_seeds_are_compared_over_those_that_both_have() -> None:
    patients = [str(number // 2) for number in range(40)]
    arms = {"longer": runs(3, 0), "+ AM": runs(1, 1)}
    compared = Compared(arms, patients, 20)
    seeds, difference = compared.pair("+ AM", "longer")[0]
    alone = Compared({name: each[:1] for name, each in arms.items()}, patients, 20)
    assert seeds == 1 and compared.pair("+ AM", "all") == []
    np.testing.assert_array_equal(difference, alone.arm("+ AM") - alone.arm("longer"))


@pytest.mark.parametrize(("mined", "seen"), [(0.0, "yes"), (5.0, "the contrary")])
def test_a_hypothesis_is_judged_by_its_interval(mined: float, seen: str) -> None:
    patients = [str(number) for number in range(40)]
    arms = {"longer": runs(2, 0, 2.0), "+ AM": runs(2, 1, mined)}
    hypotheses = tables({0.1: arms}, patients, 100)[0]
    row = next(row for row in hypotheses.rows if row[0] == "AUC falls under AM without KP")
    assert row[-1] == seen and row[1] == "2"


def test_what_was_seen_is_kept(tmp_path: Path) -> None:
    home = tmp_path / "an arm 0"
    assert load_seen(home) is None
    save_seen(np.ones((2, 3)), TRUE, home)
    found = load_seen(home)
    assert found is not None and found[1].equals(TRUE) and found[0].sum() == 6
