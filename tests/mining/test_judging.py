"""`mining.judge`: other people's mentions of any concept."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mining import SpanError, judge
from mining.examples import read_example

_FILE = Path(__file__).parent.parent / "data" / "hard_sentences.tsv"
_ROWS = [
    line.split("\t")
    for line in _FILE.read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]


@pytest.mark.parametrize(
    ("marked", "verdict"), [pytest.param(row[0], row[1], id=row[0][:60]) for row in _ROWS]
)
def test_hard_sentence(marked: str, verdict: str) -> None:
    example = read_example(marked)
    [judgement] = judge(example.text, example.spans[:1])
    assert judgement.verdict == verdict, judgement


def test_one_judgement_per_span_in_order() -> None:
    text = "Small effusion. No pneumothorax. Possible nodule."
    spans = [(text.index(w), text.index(w) + len(w)) for w in ("nodule", "effusion", "pneumo")]
    verdicts = [j.verdict.value for j in judge(text, spans)]
    assert verdicts == ["uncertain", "present", "absent"]


def test_a_cue_of_the_next_sentence_does_not_reach_back() -> None:
    text = "There is a nodule. No effusion."
    assert judge(text, [(11, 17)])[0].verdict == "present"


def test_the_cue_is_given_as_written() -> None:
    text = "The patient Denies chest pain."
    [judgement] = judge(text, [(19, 29)])
    assert (judgement.verdict, judgement.cue) == ("absent", "Denies")


@pytest.mark.parametrize(
    ("text", "attribute", "value"),
    [
        ("History of [pneumonia].", "temporality", "past"),
        ("Return if [fever] develops.", "temporality", "hypothetical"),
        ("Her father had [lung cancer].", "experiencer", "other"),
        ("The [pneumonia] is new.", "temporality", "current"),
    ],
)
def test_time_and_person(text: str, attribute: str, value: str) -> None:
    example = read_example(text)
    assert getattr(judge(example.text, example.spans)[0], attribute) == value


@pytest.mark.parametrize("span", [(-1, 3), (3, 3), (5, 2), (0, 99), (3, 4)])
def test_a_span_outside_of_the_text_or_empty_is_refused(span: tuple[int, int]) -> None:
    with pytest.raises(SpanError, match="span 0: found"):
        judge("The cat.", [span])


def test_a_span_over_two_sentences_is_judged() -> None:
    text = "No fever. No cough."
    assert judge(text, [(3, 18)])[0].verdict in {"absent", "present"}


def test_a_sentence_too_long_for_the_parser_is_never_present_by_default() -> None:
    text = "no " + "very " * 400 + "large word here not there effusion"
    [judgement] = judge(text, [(len(text) - 8, len(text))])
    assert judgement.verdict == "unparsed"


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=120), st.data())
def test_any_text_is_judged_without_an_error(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    if not text[start:end].strip():
        return
    [judgement] = judge(text, [(start, end)])
    assert 0 <= judgement.certainty <= 1
