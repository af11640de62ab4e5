"""How far a change of rules reaches: never less far than it does."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from random import Random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mining.assertion.reach import RuleReach, read_prints, rule_prints, rule_reach
from mining.assertion.rule_files import load_rules
from mining.assertion.rulebook import Rule, RuleBook
from mining.examples import read_example, rule_examples
from mining.parsing import Parse, Unparsed, load_parser
from mining.reading import cut
from mining.resources import load_resources
from mining.settings import MiningSettings

BOOK = load_rules()
READER = load_resources(MiningSettings(concepts="phrases")).reader
HEDGE = next(rule for rule in BOOK.rules if rule.id == "unc.may")


def book_of(rules: list[Rule]) -> RuleBook:
    return RuleBook(tuple(rules), BOOK.policy, "")


def reach_of(book: RuleBook) -> RuleReach:
    reach = rule_reach(rule_prints(BOOK), rule_prints(book))
    assert reach is not None
    return reach


@cache
def sentences() -> list[str]:
    """The examples of all rules, with findings that the vocabulary knows in them."""
    texts = {read_example(marked).text for _, marked, _ in rule_examples(BOOK)}
    known = ["effusion", "pneumonia", "pneumothorax"]
    more = {f"{text.rstrip('.')} and {known[n % 3]}." for n, text in enumerate(sorted(texts))}
    return sorted(texts | more)


@cache
def trees() -> dict[str, Parse | Unparsed]:
    texts = sentences()
    return dict(zip(texts, load_parser().parse(texts), strict=True))


@pytest.mark.parametrize("rule", BOOK.rules, ids=lambda rule: rule.id)
def test_without_a_rule_only_what_it_reaches_is_read_otherwise(rule: Rule) -> None:
    book = book_of([other for other in BOOK.rules if other is not rule])
    reach, reader, old = reach_of(book), READER.with_rules(book), READER.with_rules(BOOK)
    spared = [text for text in sentences() if not reach.holds(cut(text).words)]
    for text in Random(rule.id).sample(spared, 60):
        assert reader.read(text, trees()[text]) == old.read(text, trees()[text])


@pytest.mark.parametrize("rule", BOOK.rules, ids=lambda rule: rule.id)
def test_the_quick_look_misses_nothing(rule: Rule) -> None:
    reach = reach_of(book_of([other for other in BOOK.rules if other is not rule]))
    texts = sentences()
    quick = reach.may_hold(pa.chunked_array([texts])).to_pylist()
    assert not [
        t for t, may in zip(texts, quick, strict=True) if reach.holds(cut(t).words) and not may
    ]


_PIECES = [
    *("no", "not", "nt", "n't", "n\u2019t", "can", "is", "need", "must", "may", "rib"),
    *(" ", " ", ".", "-", "_", "5", "/", "(", "\u00e9", "\n", "'s"),
]


@given(st.lists(st.sampled_from(_PIECES), max_size=8), st.booleans())
def test_words_are_found_wherever_they_are_cut(pieces: list[str], upper: bool) -> None:
    text = "".join(pieces)
    text = text.upper() if upper else text
    for word in cut(text).words:
        assert RuleReach(((frozenset({word}),),)).may_hold(pa.chunked_array([[text]]))[0].as_py()


def test_rules_that_change_places_reach_what_they_are_about() -> None:
    rules = [rule for rule in BOOK.rules if rule is not HEDGE]
    assert reach_of(book_of([HEDGE, *rules])).holds(("may",))


def test_what_a_rule_says_to_people_reaches_nothing() -> None:
    said = replace(HEDGE, yes=("x",), no=("y",), reads="z", source="s", file="f")
    rules = [said if rule is HEDGE else rule for rule in BOOK.rules]
    assert not reach_of(book_of(rules)).ways


def test_other_edges_to_climb_reach_everything() -> None:
    other = RuleBook(BOOK.rules, replace(BOOK.policy, limit=2), "")
    assert rule_reach(rule_prints(BOOK), rule_prints(other)) is None


def test_prints_are_written_and_read() -> None:
    assert read_prints(rule_prints(BOOK).to_json()) == rule_prints(BOOK)
