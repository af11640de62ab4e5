"""Results beside boxes that know less, and thresholds tuned on other folds."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console

from modeling.box_baselines import cross_validated_fixed_boxes
from modeling.box_comparison_views import compared_rows, parts_of, print_comparisons, summary
from modeling.box_comparisons import (
    FIXED,
    NULL,
    SHUFFLED,
    compare_boxes,
    compared_json,
    shuffled_rows,
    to_square,
)
from modeling.box_options import BoxOptions
from modeling.box_tuning import CANDIDATES, tune_thresholds
from modeling.nih import read_box_list
from tests.modeling.box_cases import Row, boxes


def image(patient: int) -> str:
    return f"{patient:08}_000.png"


def scattered(patients: int, seed: int = 0) -> pa.Table:
    """A mass of 100 pixels in each image, anywhere: no fixed box can know where."""
    places = np.random.default_rng(seed).uniform(0, 900, (patients, 2)).tolist()
    rows: list[Row] = [(image(n), "Mass", x, y, 100.0, 100.0) for n, (x, y) in enumerate(places)]
    return boxes(*rows)


def by_name(found: pa.Table, truth: pa.Table, **how: object) -> dict[str, object]:
    comparisons = compare_boxes(found, truth, bootstrap=200, **how)  # type: ignore[arg-type]
    return {comparison.name: comparison for comparison in comparisons}


def test_boxes_that_look_are_better_than_those_that_do_not() -> None:
    truth = scattered(40)
    found = by_name(truth, truth)
    assert set(found) == {FIXED, SHUFFLED}
    for comparison in found.values():
        assert comparison.boxes == 40  # type: ignore[attr-defined]
        assert comparison.said("iou", 0.3) == "better: more hits, fewer false boxes"  # type: ignore[attr-defined]


def test_boxes_that_do_not_look_are_no_better_than_themselves() -> None:
    truth = boxes(*[(image(n), "Mass", 100.0 + n % 7, 100.0, 50.0, 50.0) for n in range(40)])
    found = by_name(truth, truth)
    assert found[SHUFFLED].said("iou", 0.3) == NULL  # type: ignore[attr-defined]
    assert found[FIXED].said("iou", 0.3) == NULL  # type: ignore[attr-defined]


def test_both_sides_have_equally_many_boxes_in_each_row() -> None:
    truth = scattered(12)
    rows = truth.to_pylist()
    many = pa.Table.from_pylist([row for row in rows for _ in range(9)], schema=truth.schema)
    fixed = by_name(many, truth)[FIXED]
    # Two sides and four quarters at most, whatever the result draws.
    assert fixed.ours.scored == fixed.theirs.scored  # type: ignore[attr-defined]
    assert fixed.boxes <= 6 * 12  # type: ignore[attr-defined]


def test_what_is_given_stands_beside_by_its_name() -> None:
    truth = scattered(10)
    worse = by_name(scattered(10, seed=1), truth, others={"untrained": truth})["untrained"]
    assert worse.said("iou", 0.3).startswith("worse")  # type: ignore[attr-defined]
    assert worse.macro("iou", 0.3)[1] == (1.0, 0.0)  # type: ignore[attr-defined]


def test_a_single_patient_has_no_fixed_box_from_others() -> None:
    truth = boxes(("00000001_000.png", "Mass", 0, 0, 10, 10))
    assert by_name(truth, truth) == {}


def test_annotated_rows_are_shuffled_among_themselves() -> None:
    truth = boxes(*[(image(n), "Mass", 10.0 * n, 0, 5, 5) for n in range(4)])
    others = boxes(*[(image(n), "Mass", 10.0 * n, 0, 5, 5) for n in range(4, 8)])
    dealt = shuffled_rows(pa.concat_tables([truth, others]), truth, 0).to_pylist()
    assert len(dealt) == 8
    for row in dealt:
        assert (row["x"] < 40) == (int(row["image_id"][:8]) < 4)
        assert row["x"] != 10.0 * int(row["image_id"][:8])


def test_boxes_of_images_of_any_size_come_to_one_square() -> None:
    table = boxes(("a", "Mass", 64, 16, 64, 32))
    row = to_square(table, {"a": (128, 64)}).to_pylist()[0]
    assert [row[name] for name in "xywh"] == [512, 256, 512, 512]


def test_figures_come_out_as_json_rows_and_text() -> None:
    truth = scattered(12)
    figures = {"baselines": compared_json(compare_boxes(truth, truth, bootstrap=50))}
    one = figures["baselines"][FIXED]["difference"]["iou"]["0.3"]["macro"]["acc"]
    assert one["difference"] > 0 and one["interval"][0] <= one["difference"] <= one["interval"][1]
    rows = compared_rows(figures["baselines"])
    assert {row.kind for row in rows if row.threshold == "IoU 0.3"} == {"better"}
    console = Console(width=120, record=True)
    print_comparisons(figures, console)
    text = console.export_text()
    assert "true boxes used for nothing but the score" in text
    assert summary(rows)[0] in text


@pytest.mark.parametrize("width", [80, 120, 160])
def test_the_tables_fit_whatever_the_console(width: int) -> None:
    truth = scattered(12)
    figures = {"baselines": compared_json(compare_boxes(scattered(12, 1), truth, bootstrap=50))}
    console = Console(width=width, record=True)
    print_comparisons(figures, console)
    text = console.export_text()
    assert "…" not in text
    assert all(len(line.rstrip()) <= width for line in text.splitlines())
    assert text.count("shuffled" if width < 120 else "maps of other images") >= 6


def test_a_null_result_is_called_one() -> None:
    truth = boxes(*[(image(n), "Mass", 100.0, 100.0, 50.0, 50.0) for n in range(12)])
    figures = {"baselines": compared_json(compare_boxes(truth, truth, bootstrap=50))}
    console = Console(width=120, record=True)
    print_comparisons(figures, console)
    assert "null result at 6 of 6 thresholds" in console.export_text()
    assert [title for title, _ in parts_of(figures)] == [
        "true boxes used for nothing but the score"
    ]


def halves(truth: pa.Table, pays: tuple[float, ...]) -> object:
    """Draws the true boxes at one cut, boxes in the corner at any other."""

    def draw(options: BoxOptions) -> pa.Table:
        if options.thresholds == pays:
            return truth
        return boxes(*[(row["image_id"], "Mass", 1000, 1000, 9, 9) for row in truth.to_pylist()])

    return draw


def test_thresholds_are_those_that_pay_on_other_folds() -> None:
    truth = scattered(20)
    tuned = tune_thresholds(halves(truth, (150.0,)), truth, findings=("Mass",))  # type: ignore[arg-type]
    assert tuned is not None
    assert tuned.chosen == {"Mass": {"150": 5}}
    assert tuned.boxes.num_rows == 20 and tuned.boxes["x"].to_pylist() != [1000] * 20


def test_a_folds_own_boxes_have_no_say_in_its_threshold() -> None:
    # Of five patients only one is hit, at one cut alone: its own fold must not know of it.
    truth = scattered(5)
    lucky = truth.slice(2, 1)

    def draw(options: BoxOptions) -> pa.Table:
        far = boxes(*[(image(n), "Mass", 1000, 1000, 9, 9) for n in range(5) if n != 2])
        own = lucky if options.thresholds == (90.0,) else boxes((image(2), "Mass", 0, 1000, 9, 9))
        return pa.concat_tables([far, own])

    tuned = tune_thresholds(draw, truth, findings=("Mass",))
    assert tuned is not None
    assert tuned.chosen == {"Mass": {"60 and 180": 1, "90": 4}}
    mine = [row for row in tuned.boxes.to_pylist() if row["image_id"] == image(2)]
    assert [row["x"] for row in mine] == [0]


def test_a_single_patient_cannot_be_tuned_on() -> None:
    truth = boxes(("00000001_000.png", "Mass", 0, 0, 10, 10))
    assert tune_thresholds(lambda _: truth, truth, findings=("Mass",)) is None
    assert CANDIDATES[0] == BoxOptions().thresholds
    assert replace(BoxOptions(), thresholds=CANDIDATES[1]).thresholds == (60.0,)


@pytest.mark.skipif("CXRMINE_DATA" not in os.environ, reason="CXRMINE_DATA is not set")
def test_nihs_fixed_boxes_of_other_folds_are_no_better_than_themselves() -> None:
    truth = read_box_list(Path(os.environ["CXRMINE_DATA"]) / "nih" / "boxes.csv").accepted
    found = by_name(cross_validated_fixed_boxes(truth, folds=5, seed=99), truth)[FIXED]
    assert found.said("iou", 0.3) == NULL  # type: ignore[attr-defined]
    assert found.macro("iou", 0.3)[0][0] == pytest.approx(0.37, abs=0.05)  # type: ignore[attr-defined]
