"""Cards: what overlaps, what is chosen, what the report says."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts import BOXES, PREDICTIONS
from modeling.gallery_cards import Card, choose_cards, make_cards, with_reports
from modeling.quotes import Quote


def boxes(*rows: tuple[str, str, float, float, float, float, float | None]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [[]] * 7
    names = ("image_id", "finding", "x", "y", "w", "h", "score")
    table = dict(zip(names, columns, strict=True))
    return pa.table({**table, "source": [None] * len(rows)}, schema=BOXES.schema)


def card(overlap: float | None, finding: str = "Mass", score: float = 0.5) -> Card:
    return Card(f"{overlap}{score}", finding, score, None, overlap, (), ())


def test_overlap_is_the_mean_over_true_boxes_of_the_best_iou() -> None:
    drawn = boxes(("a", "Mass", 0, 0, 10, 10, 1.0), ("a", "Mass", 0, 0, 10, 5, 0.5))
    true = boxes(("a", "Mass", 0, 0, 10, 5, None), ("a", "Mass", 50, 50, 5, 5, None))
    (only,) = make_cards(drawn, true)
    assert only.overlap == pytest.approx((1 + 0) / 2)


def test_a_true_box_that_nothing_was_drawn_for_has_a_card_of_overlap_nought() -> None:
    (only,) = make_cards(boxes(), boxes(("a", "Mass", 0, 0, 10, 5, None)))
    assert (only.overlap, only.boxes, len(only.truth)) == (0.0, (), 1)


def test_without_true_boxes_there_is_no_overlap() -> None:
    (only,) = make_cards(boxes(("a", "Mass", 0, 0, 10, 10, 1.0)), None)
    assert only.overlap is None


def test_a_true_box_of_another_finding_is_no_hit() -> None:
    cards = make_cards(
        boxes(("a", "Mass", 0, 0, 10, 10, 1.0)), boxes(("a", "Nodule", 0, 0, 10, 10, None))
    )
    assert {c.finding: c.overlap for c in cards} == {"Mass": None, "Nodule": 0.0}


def test_boxes_come_best_first() -> None:
    drawn = boxes(
        ("a", "Mass", 1, 0, 1, 1, 0.1),
        ("a", "Mass", 2, 0, 1, 1, 0.9),
        ("a", "Mass", 3, 0, 1, 1, 0.9),
    )
    assert [place[0] for place in make_cards(drawn, None)[0].boxes] == [2, 3, 1]


def test_the_score_is_that_of_image_and_finding() -> None:
    rows = [{"image_id": "a", "finding": "Mass", "score": 0.25, "checkpoint_id": "c"}]
    predictions = pa.Table.from_pylist(rows, schema=PREDICTIONS.schema)
    drawn = boxes(("a", "Mass", 0, 0, 1, 1, 1.0), ("b", "Mass", 0, 0, 1, 1, 1.0))
    assert [c.score for c in make_cards(drawn, None, predictions=predictions)] == [0.25, None]


def test_reports_are_added_where_there_are_any() -> None:
    quote = Quote("R1", "Mass", "A mass.", 2, 6, "present", None)
    first, second = with_reports(
        [card(0.1), card(0.2)], {("0.10.5", "Mass"): "present"}, {("0.10.5", "Mass"): [quote]}
    )
    assert (first.label, first.quotes) == ("present", (quote,))
    assert (second.label, second.quotes) == (None, ())


def test_the_rare_finding_keeps_its_cards() -> None:
    cards = [card(n / 100) for n in range(50)] + [card(0.5, "Nodule"), card(0.6, "Nodule")]
    chosen = choose_cards(cards, 10)
    assert sum(c.finding == "Nodule" for c in chosen) == 2
    assert sum(c.finding == "Mass" for c in chosen) == 8


def test_true_boxes_go_before_sure_predictions() -> None:
    chosen = choose_cards([card(None, score=0.9), card(None, score=0.8), card(0.0)], 2)
    assert [c.overlap for c in chosen] == [0.0, None]
    assert chosen[1].score == 0.9


@given(
    st.lists(
        st.tuples(
            st.none() | st.floats(0, 1), st.sampled_from(["Mass", "Nodule"]), st.floats(0, 1)
        ),
        max_size=30,
    ),
    st.integers(1, 30),
)
def test_no_more_than_wanted_and_none_twice(
    rows: list[tuple[float | None, str, float]], count: int
) -> None:
    cards = [
        Card(str(n), finding, score, None, overlap, (), ())
        for n, (overlap, finding, score) in enumerate(rows)
    ]
    chosen = choose_cards(cards, count)
    assert len(chosen) <= count
    assert len({c.image_id for c in chosen}) == len(chosen)
    assert len(chosen) == min(count, len(cards)) or len({c.finding for c in cards}) > 1
    known = [c.overlap for c in chosen if c.overlap is not None]
    assert known == sorted(known, reverse=True)
