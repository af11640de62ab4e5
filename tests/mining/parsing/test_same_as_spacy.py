"""The network and the moves computed here, against spaCy's own run of the same weights."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mining.parsing import load_parser
from mining.parsing.embedded import read_pipeline
from mining.parsing.spacy_pipeline import parse_texts
from mining.parsing.training.grammar import read_grammar
from mining.parsing.training.material import GRAMMAR_FOLDER, generate_sentences

_WORDS = [
    *("no", "not", "without", "and", "or", ",", ".", ";", ":", "(", ")", "of", "in", "the", "a"),
    *("is", "are", "was", "seen", "evidence", "possible", "cannot", "exclude", "pleural", "3"),
    *("effusion", "pneumothorax", "small", "left", "lungs", "clear", "heart", "enlarged", "zyq"),
]


@cache
def _pipeline() -> Any:
    return read_pipeline()


def check(texts: list[str]) -> None:
    theirs = parse_texts(_pipeline(), texts, lambda arcs: arcs, keep_case=False)
    assert load_parser("embedded").parse(texts) == theirs


@pytest.mark.parametrize("register", ["RADIOLOGY", "CLINICAL"])
def test_sentences_of_the_grammar(register: str) -> None:
    grammar = read_grammar(sorted(GRAMMAR_FOLDER.glob("*.dep")))
    trees = generate_sentences(grammar, register, 300, random.Random(77))
    check([" ".join(tree.words) for tree in trees])


def test_words_in_any_order() -> None:
    # Salad asks for what sentences seldom need: words put back, arcs replaced, several roots.
    draw = random.Random(5)
    check([" ".join(draw.choices(_WORDS, k=draw.randint(1, 40))) for _ in range(300)])


@settings(max_examples=30)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=4))
def test_any_text(texts: list[str]) -> None:
    check(texts)


def test_company_does_not_change_a_tree() -> None:
    draw = random.Random(6)
    texts = [" ".join(draw.choices(_WORDS, k=draw.randint(1, 25))) for _ in range(100)]
    parser = load_parser("embedded")
    alone = [tree for text in texts for tree in parser.parse([text])]
    assert parser.parse(texts) == alone


def test_threads_share_a_parser() -> None:
    draw = random.Random(7)
    lots = [
        [" ".join(draw.choices(_WORDS, k=draw.randint(1, 25))) for _ in range(60)] for _ in "1234"
    ]
    parser = load_parser("embedded")
    alone = [parser.parse(texts) for texts in lots]
    with ThreadPoolExecutor(4) as threads:
        for _ in range(5):
            assert list(threads.map(parser.parse, lots)) == alone
