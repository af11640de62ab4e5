"""What each rival says of a mention, in our words."""

import os
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.vocab import Vocab

from benchmarks.corpus import Judged, MentionedSentence, find_mentions
from benchmarks.rivals.keyword import judge_by_keyword
from benchmarks.rivals.medspacy_context import (
    MedspacyError,
    context_verdict,
    judge_by_context,
    medspacy_python,
)
from benchmarks.rivals.negex import judge_by_negex, load_negex
from mining.assertion.spacy_spans import GROUP, OurTokenizer, make_doc, pieces
from mining.concepts.phrases import Found, PhraseMatcher
from mining.tokens import tokenize

TOKENIZER = OurTokenizer(Vocab())
MENTION = Found((0,), "Edema", "edema", None)


def verdicts(judged: list[list[Judged]]) -> list[tuple[str, str]]:
    return [(m.finding, m.verdict.value) for sentence in judged for m in sentence]


def test_keyword_search_calls_everything_present(matcher: PhraseMatcher) -> None:
    sentences = find_mentions(["No effusion.", "Possible pneumonia."], matcher)
    assert verdicts(judge_by_keyword(sentences)) == [
        ("Effusion", "present"),
        ("Pneumonia", "present"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No effusion.", [("Effusion", "absent")]),
        ("Large effusion.", [("Effusion", "present")]),
        ("Possible pneumonia.", [("Pneumonia", "present")]),
        ("No effusion but edema.", [("Edema", "present"), ("Effusion", "absent")]),
        ("The heart is not enlarged.", [("Cardiomegaly", "absent")]),
    ],
)
def test_negex_knows_absent_and_present(
    text: str, expected: list[tuple[str, str]], matcher: PhraseMatcher
) -> None:
    sentences = find_mentions([text], matcher)
    judged = judge_by_negex(sentences, load_negex()(sentences))
    assert sorted(verdicts(judged)) == expected


@pytest.mark.parametrize(
    ("attributes", "verdict", "temporality", "experiencer"),
    [
        (set(), "present", "current", "patient"),
        ({"is_negated"}, "absent", "current", "patient"),
        ({"is_uncertain"}, "uncertain", "current", "patient"),
        ({"is_negated", "is_uncertain"}, "absent", "current", "patient"),
        ({"is_historical"}, "present", "past", "patient"),
        ({"is_hypothetical", "is_historical"}, "present", "hypothetical", "patient"),
        ({"is_family"}, "present", "current", "other"),
    ],
)
def test_context_attributes_are_read_as_medspacy_means_them(
    attributes: set[str], verdict: str, temporality: str, experiencer: str
) -> None:
    judged = context_verdict(MENTION, attributes)
    found = (judged.verdict.value, judged.temporality, judged.experiencer)
    assert found == (verdict, temporality, experiencer)


def test_a_python_without_medspacy_is_told() -> None:
    with pytest.raises(MedspacyError, match="pip install medspacy"):
        judge_by_context([], "/nowhere/python")


def test_what_medspacy_says_when_it_fails_is_told() -> None:
    if medspacy_python(None) == sys.executable:
        pytest.skip("medspaCy is installed here")
    with pytest.raises(MedspacyError, match="ModuleNotFoundError"):
        judge_by_context([], sys.executable)


def test_the_python_given_wins_over_the_one_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXRMINE_MEDSPACY_PYTHON", "/named/python")
    assert medspacy_python("/given/python") == "/given/python"
    assert medspacy_python() == "/named/python"


@pytest.mark.skipif(
    "CXRMINE_MEDSPACY_PYTHON" not in os.environ,
    reason="CXRMINE_MEDSPACY_PYTHON names no Python with medspaCy",
)
def test_medspacy_itself_answers(matcher: PhraseMatcher) -> None:
    sentences = find_mentions(
        ["No effusion.", "Clear.", "Possible pneumonia.", "Large mass."], matcher
    )
    judged, seconds = judge_by_context(sentences, os.environ["CXRMINE_MEDSPACY_PYTHON"])
    assert verdicts(judged) == [
        ("Effusion", "absent"),
        ("Pneumonia", "uncertain"),
        ("Mass", "present"),
    ]
    assert seconds > 0


def test_overlapping_mentions_are_all_spans() -> None:
    doc = make_doc(TOKENIZER, "No large pleural effusion.", [(1, 4), (2, 4)])
    assert [span.text for span in doc.spans[GROUP]] == [
        "large pleural effusion",
        "pleural effusion",
    ]
    assert len(list(doc.sents)) == 1


@given(st.text(alphabet="ab .,-/'n5", max_size=30))
def test_rivals_see_our_tokens(text: str) -> None:
    doc = TOKENIZER(text)
    assert [token.text for token in doc] == [text[start:end] for start, end in tokenize(text)]


@given(st.sets(st.integers(0, 30), min_size=1))
def test_pieces_hold_the_mention_and_nothing_else(tokens: set[int]) -> None:
    runs = pieces(sorted(tokens))
    assert {token for start, end in runs for token in range(start, end)} == tokens
    assert all(end < start for (_, end), (start, _) in pairwise(runs))


def test_a_sentence_without_mentions_gets_no_verdict(
    made_up_mentions: list[MentionedSentence],
) -> None:
    flags = load_negex()(made_up_mentions)
    assert [len(f) for f in flags] == [len(s.found) for s in made_up_mentions]
    assert [] in flags
