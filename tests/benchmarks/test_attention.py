"""The figures of the ablation: second lesions, false boxes, and intervals that pair the arms."""

import numpy as np
import pyarrow as pa
import pytest

pytest.importorskip("torch")

import torch

from benchmarks.attention_figures import FIGURES, Judged, judge, match, sample
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
