"""Acc, AFP, AFP-own, average precision, the pointing game: on cases to be checked by eye."""

from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts import CHESTXRAY8
from modeling.box_counts import LEVELS, BoxScoreError, count_boxes
from modeling.box_differences import paired_difference
from modeling.box_overlaps import overlaps
from modeling.box_ranking import (
    average_precision,
    best_box_centres,
    pointing_game,
    rank_boxes,
)
from modeling.box_scores import MACRO, score_boxes
from modeling.box_tables import load_box_references, score_tables
from tests.modeling.box_cases import Row, boxes

# Image a of patient 1: a mass and a nodule; b of patient 1: a mass; c of patient 2: an effusion.
A, B, C = "00000001_000.png", "00000001_001.png", "00000002_000.png"
TRUTH = boxes(
    (A, "Mass", 0, 0, 100, 100),
    (A, "Nodule", 500, 500, 20, 20),
    (B, "Mass", 200, 200, 100, 100),
    (C, "Effusion", 0, 0, 400, 100),
)
FOUND = boxes(
    (A, "Mass", 50, 0, 100, 100),  # IoBB 1/2, IoU 1/3
    (A, "Nodule", 490, 490, 40, 40),  # IoBB 1/4, IoU 1/4
    (B, "Nodule", 0, 0, 10, 10),  # false, on a row without nodules
    (C, "Effusion", 0, 0, 100, 100),  # IoBB 1, IoU 1/4
    (C, "Effusion", 800, 800, 100, 100),  # false
    ("elsewhere.png", "Mass", 0, 0, 10, 10),  # on no image of the list
    (A, "Hernia", 0, 0, 10, 10),  # of no scored finding
)

SIDES = st.integers(0, 30)
ROWS = st.lists(
    st.tuples(
        st.sampled_from([A, B, C]),
        st.sampled_from(["Mass", "Nodule"]),
        SIDES,
        SIDES,
        st.integers(1, 30),
        st.integers(1, 30),
    ),
    min_size=1,
    max_size=8,
)


def figures(table: pa.Table, **arguments: object) -> np.ndarray:
    return score_boxes(table, TRUTH, bootstrap=0, **arguments).values  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("overlap", "level", "finding", "acc", "afp", "afp_own"),
    [
        ("iobb", 0.1, "Mass", "1/2", "0", "0"),
        ("iobb", 0.5, "Mass", "0", "1/4", "1/4"),  # 1/2 is not above 1/2
        ("iobb", 0.1, "Nodule", "1", "1/4", "0"),
        ("iobb", 0.25, "Nodule", "0", "2/4", "1/4"),
        ("iobb", 0.9, "Effusion", "1", "1/4", "1/4"),
        ("iou", 0.2, "Effusion", "1", "1/4", "1/4"),
        ("iou", 0.3, "Effusion", "0", "2/4", "2/4"),
        ("iou", 0.3, "Mass", "1/2", "0", "0"),
        ("iou", 0.4, "Mass", "0", "1/4", "1/4"),
        ("iobb", 0.1, MACRO, "5/6", "1/6", "1/12"),
    ],
)
def test_figures_by_eye(
    overlap: str, level: float, finding: str, acc: str, afp: str, afp_own: str
) -> None:
    scores = score_boxes(FOUND, TRUTH, bootstrap=0)
    found = [scores.figure(overlap, level, finding, name) for name in ("acc", "afp", "afp_own")]
    assert found == pytest.approx([float(Fraction(text)) for text in (acc, afp, afp_own)])


@pytest.mark.parametrize(
    ("rows", "false_nodules", "false_masses"),
    [
        ("all", "1/4", "0"),
        ("own", "0", "0"),
        ({A, B, C, "elsewhere.png"}, "1/4", "1/4"),
        ({(B, "Nodule"), A}, "1/4", "0"),
        ({A}, "0", "0"),
    ],
    ids=["all", "own", "more images", "pairs and images", "one image"],
)
def test_only_boxes_in_the_rows_count(rows: object, false_nodules: str, false_masses: str) -> None:
    scores = score_boxes(FOUND, TRUTH, rows=rows, bootstrap=0)  # type: ignore[arg-type]
    found = [scores.figure("iobb", 0.1, name, "afp") for name in ("Nodule", "Mass")]
    assert found == [float(Fraction(text)) for text in (false_nodules, false_masses)]


def test_boxes_left_out_are_counted() -> None:
    counts = count_boxes(FOUND, TRUTH)
    assert counts.left_out == {"of_other_findings": 1, "outside_the_rows": 1}
    assert sum(counts.scored.values()) == 5
    assert counts.rows.startswith("all")


def test_row_without_boxes_is_missed() -> None:
    scores = score_boxes(FOUND, TRUTH, rows={A}, bootstrap=0)
    assert scores.figure("iobb", 0.1, "Effusion") == 0


def test_a_box_listed_twice_counts_twice() -> None:
    truth = boxes((A, "Mass", 0, 0, 9, 9), (A, "Mass", 0, 0, 9, 9), (B, "Mass", 0, 0, 9, 9))
    scores = score_boxes(boxes((A, "Mass", 0, 0, 9, 9)), truth, bootstrap=0)
    assert scores.figure("iou", 0.7, "Mass") == pytest.approx(2 / 3)
    assert scores.figure("iou", 0.7, "Mass", "afp") == 0
    assert scores.counts.repeated == 1


def test_finding_without_true_boxes_has_no_acc_but_false_boxes() -> None:
    found = boxes((A, "Pneumonia", 0, 0, 9, 9))
    scores = score_boxes(found, TRUTH, bootstrap=20)
    assert np.isnan(scores.figure("iobb", 0.1, "Pneumonia"))
    assert scores.figure("iobb", 0.1, "Pneumonia", "afp") == 1 / 4
    assert scores.figure("iobb", 0.1, MACRO, "afp") == 0  # over the findings that have true boxes
    assert scores.to_json()["iobb"]["0.1"]["Pneumonia"]["acc"] is None


def test_no_true_box_is_an_error() -> None:
    with pytest.raises(BoxScoreError, match="no true box"):
        score_boxes(FOUND, TRUTH.slice(0, 0))


def test_unknown_rows_are_an_error() -> None:
    with pytest.raises(BoxScoreError, match="'some'"):
        score_boxes(FOUND, TRUTH, rows="some")


@given(rows=ROWS)
def test_perfect_boxes_hit_all_and_are_never_false(rows: list[Row]) -> None:
    truth = boxes(*rows)
    scores = score_boxes(truth, truth, bootstrap=0)
    names = {row[1] for row in rows}
    for overlap, level in LEVELS:
        assert all(scores.figure(overlap, level, name) == 1 for name in names)
        assert scores.figure(overlap, level, MACRO, "afp") == 0


@given(found=ROWS, more=ROWS, truth=ROWS)
def test_more_boxes_lower_neither_acc_nor_afp(
    found: list[Row], more: list[Row], truth: list[Row]
) -> None:
    few, many = (
        score_boxes(boxes(*rows), boxes(*truth), bootstrap=0).values
        for rows in (found, [*found, *more])
    )
    assert (np.nan_to_num(many) >= np.nan_to_num(few) - 1e-12).all()


@given(found=ROWS, truth=ROWS)
def test_iobb_is_at_least_iou_and_both_are_shares(found: list[Row], truth: list[Row]) -> None:
    pairs = overlaps(boxes(*found), boxes(*truth))
    assert (pairs.iobb >= pairs.iou).all() and (pairs.iou >= 0).all() and (pairs.iobb <= 1).all()


@given(found=ROWS, truth=ROWS)
def test_counts_are_those_of_a_plain_loop(found: list[Row], truth: list[Row]) -> None:
    def overlap(one: Row, other: Row, kind: str) -> Fraction:
        w = max(0, min(one[2] + one[4], other[2] + other[4]) - max(one[2], other[2]))
        h = max(0, min(one[3] + one[5], other[3] + other[5]) - max(one[3], other[3]))
        shared, own = Fraction(w * h), one[4] * one[5]
        return shared / own if kind == "iobb" else shared / (own + other[4] * other[5] - shared)

    counts = count_boxes(boxes(*found), boxes(*truth), findings=["Mass", "Nodule"]).totals
    images = {row[0] for row in truth}
    for number, (kind, level) in enumerate(LEVELS):
        limit = Fraction(str(level))
        for place, finding in enumerate(["Mass", "Nodule"]):
            true = [row for row in truth if row[1] == finding]
            mine = [row for row in found if row[1] == finding and row[0] in images]
            hit = sum(any(d[0] == t[0] and overlap(d, t, kind) > limit for d in mine) for t in true)
            false = [
                d for d in mine if all(d[0] != t[0] or overlap(d, t, kind) <= limit for t in true)
            ]
            own = sum(any(d[0] == t[0] for t in true) for d in false)
            assert counts[number, place].tolist() == [hit, len(true), len(false), own]


def test_intervals_hold_the_figure_and_keep_patients_together() -> None:
    # Patient 1 hits both masses, patient 2 misses both: a sample has 0, 1/2 or 1 of them.
    truth = boxes(*[(image, "Mass", 0, 0, 9, 9) for image in (A, B, C, "00000002_001.png")])
    scores = score_boxes(boxes((A, "Mass", 0, 0, 9, 9), (B, "Mass", 0, 0, 9, 9)), truth)
    assert scores.figure("iou", 0.5, "Mass") == 0.5
    assert scores.to_json()["intervals"]["iou"]["0.5"]["Mass"]["acc"] == [0.0, 1.0]


def test_json_has_the_layout_agreed_on() -> None:
    tree = score_boxes(FOUND, TRUTH, bootstrap=10).to_json()
    assert list(tree["iobb"]) == ["0.1", "0.25", "0.5", "0.75", "0.9"]
    assert list(tree["iou"]) == ["0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7"]
    assert list(tree["iobb"]["0.1"]) == list(CHESTXRAY8)
    assert tree["iobb"]["0.1"]["Mass"] == {"acc": 0.5, "afp": 0.0, "afp_own": 0.0}
    assert tree["counts"]["true_total"] == 4


def test_paired_difference_of_equals_is_nought() -> None:
    counts = count_boxes(FOUND, TRUTH)
    cell = paired_difference(counts, counts, bootstrap=50).to_json()["iobb"]["0.1"]["Mass"]["acc"]
    assert cell == {"difference": 0.0, "interval": [0.0, 0.0], "share_better": 0.0}


def test_paired_difference_is_one_minus_other() -> None:
    one, other = count_boxes(TRUTH, TRUTH), count_boxes(FOUND, TRUTH)
    result = paired_difference(one, other, bootstrap=50)
    row = result.to_json()["iobb"]["0.25"]["Nodule"]
    assert row["acc"]["difference"] == 1.0
    assert row["afp"]["difference"] == -0.5


def test_paired_difference_needs_the_same_truth_and_rows() -> None:
    with pytest.raises(BoxScoreError, match="the same for both"):
        paired_difference(count_boxes(FOUND, TRUTH), count_boxes(FOUND, TRUTH.slice(1)))
    with pytest.raises(BoxScoreError, match="the same for both"):
        paired_difference(count_boxes(FOUND, TRUTH), count_boxes(FOUND, TRUTH, rows="own"))


MASSES = [(image, "Mass", 0.0, 0.0, 10.0, 10.0) for image in (A, B, C)]
FAR = (A, "Mass", 500.0, 500.0, 10.0, 10.0)


@pytest.mark.parametrize(
    ("rows", "scores", "expected"),
    [
        (MASSES, [0.9, 0.8, 0.7], "1"),
        ([MASSES[0], FAR, MASSES[1]], [0.9, 0.8, 0.7], "5/9"),  # 1/3 · 1 + 1/3 · 2/3
        ([MASSES[0], MASSES[0]], [0.9, 0.8], "1/3"),  # the second finds it taken
        ([FAR, MASSES[0]], [0.5, 0.5], "1/6"),  # equal scores enter together
        ([FAR], [0.9], "0"),
    ],
    ids=["all", "one false between", "twice", "tie", "none"],
)
def test_average_precision_by_eye(rows: list[Row], scores: list[float], expected: str) -> None:
    found = boxes(*rows, scores=list(scores))
    result = average_precision(found, boxes(*MASSES), findings=["Mass", "Nodule"])
    assert result == {
        "Mass": pytest.approx(float(Fraction(expected))),
        "Nodule": None,
        "macro": pytest.approx(float(Fraction(expected))),
    }


def test_average_precision_needs_scores() -> None:
    found = boxes(MASSES[0], scores=[None])
    with pytest.raises(BoxScoreError, match="without a score"):
        average_precision(found, TRUTH)
    assert rank_boxes(found, TRUTH) == {"average_precision": None, "pointing_game": None}


def test_pointing_game_by_eye() -> None:
    points = pa.table(
        {
            "image_id": [A, B, C],
            "finding": ["Mass", "Mass", "Effusion"],
            "x": [50.0, 305.0, 399.0],
            "y": [50.0, 250.0, 99.0],
        }
    )
    result = pointing_game(points, TRUTH)
    assert [result[name] for name in ("Mass", "Nodule", "Effusion")] == [1 / 2, 0, 1]
    assert pointing_game(points, TRUTH, tolerance=5)["Mass"] == 1


def test_best_box_points_with_its_centre() -> None:
    found = boxes(MASSES[0], FAR, scores=[0.1, 0.9])
    assert best_box_centres(found).to_pylist() == [
        {"image_id": A, "finding": "Mass", "x": 505.0, "y": 505.0}
    ]


# Means worked out from the printed tables by other hands.
@pytest.mark.parametrize(
    ("paper", "overlap", "level", "acc", "afp"),
    [
        (0, "iobb", 0.1, 0.6288, 0.6465),
        (0, "iobb", 0.9, 0.2092, 0.8051),
        (0, "iou", 0.1, 0.5681, 0.7178),
        (0, "iou", 0.7, 0.0101, 0.8442),
        (1, "iobb", 0.25, 0.5457, 0.5322),
        (1, "iobb", 0.9, 0.2085, 0.6516),
    ],
)
def test_papers_means(paper: int, overlap: str, level: float, acc: float, afp: float) -> None:
    reference = load_box_references()[paper]
    assert reference.figure(overlap, level, "acc", "macro") == pytest.approx(acc, abs=6e-5)
    assert reference.figure(overlap, level, "afp", "macro") == pytest.approx(afp, abs=6e-5)


def test_every_acc_of_the_papers_counts_whole_boxes() -> None:
    numbers = dict(zip(CHESTXRAY8, (180, 146, 153, 123, 85, 79, 120, 98), strict=True))
    for reference in load_box_references():
        for levels in reference.figures.values():
            for row in levels.values():
                for finding, share in row["acc"].items():
                    # Printed to four places, cut or rounded.
                    hits = share * numbers[finding]
                    assert abs(hits - round(hits)) <= 1.01e-4 * numbers[finding]


@pytest.mark.parametrize(("width", "tables"), [(100, 1), (80, 1), (60, 2), (30, 5)])
def test_tables_fit_their_width(width: int, tables: int) -> None:
    from io import StringIO

    from rich.console import Console

    scores = score_boxes(FOUND, TRUTH, bootstrap=0)
    made = score_tables(scores, "iobb", references=load_box_references(), width=width)
    assert len(made) == tables
    console = Console(file=StringIO(), width=width)
    for table in made:
        console.print(table)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in text and "0.7277" in text
    assert max(map(len, text.splitlines())) <= width
