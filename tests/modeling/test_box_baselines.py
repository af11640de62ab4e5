"""Baselines that never look at an image."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts import BOXES, check_rows
from modeling.box_baselines import (
    boxes_per_row,
    cross_validated_fixed_boxes,
    equal_numbers,
    fixed_boxes,
    learn_fixed_boxes,
    shuffle_boxes,
    shuffled_order,
)
from modeling.box_scores import score_boxes
from modeling.nih import patient_of, read_box_list
from tests.modeling.box_cases import Row, boxes


def image(patient: int, number: int = 0) -> str:
    return f"{patient:08}_{number:03}.png"


def sided(patients: int) -> pa.Table:
    """Masses of 100 pixels, two in three on the left at 100 plus the patient's number."""
    return boxes(
        *[
            (image(n), "Mass", 100.0 + n if n % 3 else 700.0, 300.0, 100.0, 100.0)
            for n in range(patients)
        ]
    )


def rows_of(counts: list[int], finding: str = "Mass") -> list[Row]:
    """As many boxes as counted, in images of a patient each; x tells whose and which."""
    return [
        (image(n), finding, 10.0 * n + k, 0.0, 5.0, 5.0)
        for n, count in enumerate(counts)
        for k in range(count)
    ]


def test_fixed_boxes_are_medians_per_side_the_frequent_first() -> None:
    learnt = learn_fixed_boxes(sided(9))["Mass"]
    assert learnt[:2, :4].tolist() == [[104.5, 300, 100, 100], [700, 300, 100, 100]]
    assert learnt[:2, 4] == pytest.approx([6 / 9, 3 / 9])


def test_quarters_follow_for_rows_that_want_more() -> None:
    truth = boxes(("a", "Mass", 0, 0, 10, 10), ("b", "Mass", 0, 900, 10, 10))
    learnt = learn_fixed_boxes(truth)
    table = fixed_boxes(learnt, {("z", "Mass"): 9})
    assert table["y"].to_pylist() == [450, 0, 900]
    assert table["score"].to_pylist() == sorted(table["score"].to_pylist(), reverse=True)


def test_each_row_gets_as_many_boxes_as_wanted() -> None:
    wanted = {("z", "Mass"): 1, ("y", "Mass"): 2, ("x", "Hernia"): 1}
    table = fixed_boxes(learn_fixed_boxes(sided(9)), wanted)
    assert boxes_per_row(table) == {("z", "Mass"): 1, ("y", "Mass"): 2}
    assert check_rows(table, BOXES, stage="test").rejects.num_rows == 0


def test_cross_validation_learns_from_other_patients_only() -> None:
    # One patient's odd box would be its own median if the fold could see it.
    truth = boxes(
        *[(image(n), "Mass", 100.0, 100.0, 50.0, 50.0) for n in range(6)],
        *[(image(9, k), "Mass", 300.0, 300.0, 90.0, 90.0) for k in range(20)],
    )
    table = cross_validated_fixed_boxes(truth, folds=7)
    odd = [row for row in table.to_pylist() if row["image_id"] == image(9)]
    assert odd[0]["x"] == 100 and odd[0]["w"] == 50


def test_cross_validation_covers_every_row_once_per_box() -> None:
    truth = sided(12)
    table = cross_validated_fixed_boxes(truth, boxes_per_row(truth), folds=3)
    assert boxes_per_row(table) == boxes_per_row(truth)


@pytest.mark.parametrize("folds", [1, 13])
def test_folds_that_cannot_be(folds: int) -> None:
    with pytest.raises(ValueError, match="expected 2 to 12"):
        cross_validated_fixed_boxes(sided(12), folds=folds)


@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=8), seed=st.integers(0, 9))
def test_order_is_a_permutation_that_leaves_the_patient_where_it_can(
    sizes: list[int], seed: int
) -> None:
    images = [image(n, k) for n, size in enumerate(sizes) for k in range(size)]
    donors = shuffled_order(images, seed=seed)
    assert sorted(donors.tolist()) == list(range(len(images)))
    if 2 * max(sizes) <= len(images):
        patients = [patient_of(name) for name in images]
        assert all(patients[to] != patients[donor] for to, donor in enumerate(donors))


@given(counts=st.lists(st.integers(1, 4), min_size=2, max_size=8), seed=st.integers(0, 9))
def test_shuffled_rows_have_boxes_of_others_in_the_same_number(
    counts: list[int], seed: int
) -> None:
    table = boxes(*rows_of(counts))
    shuffled = shuffle_boxes(table, seed=seed)
    wanted = boxes_per_row(table)
    most_others = {pair: sum(counts) - count for pair, count in wanted.items()}
    assert boxes_per_row(shuffled) == {
        pair: min(count, most_others[pair]) for pair, count in wanted.items()
    }
    for row in shuffled.to_pylist():
        assert row["x"] // 10 != int(row["image_id"][:8])


def test_shuffling_stays_within_the_finding() -> None:
    table = boxes(*rows_of([1, 1, 1]), *rows_of([2, 2], "Nodule"))
    shuffled = shuffle_boxes(table, seed=0).to_pylist()
    assert sum(row["finding"] == "Nodule" for row in shuffled) == 4
    assert {row["x"] for row in shuffled if row["finding"] == "Nodule"} == {0, 1, 10, 11}


def test_single_image_cannot_be_shuffled() -> None:
    assert shuffle_boxes(boxes(*rows_of([3])), seed=0).num_rows == 0


def test_equal_numbers_keeps_the_best_of_the_longer() -> None:
    one = boxes(*rows_of([3, 1]), scores=[0.1, 0.9, 0.5, 0.2])
    other = boxes(*rows_of([2, 2, 1]))
    left, right = equal_numbers(one, other)
    assert (
        boxes_per_row(left)
        == boxes_per_row(right)
        == {
            (image(0), "Mass"): 2,
            (image(1), "Mass"): 1,
        }
    )
    assert sorted(left["score"].to_pylist()) == [0.2, 0.5, 0.9]


@pytest.mark.skipif("CXRMINE_DATA" not in os.environ, reason="CXRMINE_DATA is not set")
def test_fixed_boxes_on_real_ones_reach_what_they_are_known_to() -> None:
    truth = read_box_list(Path(os.environ["CXRMINE_DATA"]) / "nih" / "boxes.csv").accepted
    runs = [
        score_boxes(cross_validated_fixed_boxes(truth, seed=seed), truth, bootstrap=0)
        for seed in range(5)
    ]
    known = {
        ("iobb", 0.1): 0.70,
        ("iobb", 0.25): 0.59,
        ("iobb", 0.5): 0.40,
        ("iou", 0.1): 0.65,
        ("iou", 0.3): 0.37,
        ("iou", 0.5): 0.19,
    }
    found = {key: np.mean([run.figure(*key, "macro") for run in runs]) for key in known}
    assert found == {key: pytest.approx(value, abs=0.03) for key, value in known.items()}
