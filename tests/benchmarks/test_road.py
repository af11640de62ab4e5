"""cxrmine's own road with a part taken out."""

from collections import Counter

import pytest

from benchmarks.corpus import find_mentions
from benchmarks.rivals.negex import load_negex
from benchmarks.road import (
    drop_rules,
    is_hedge,
    is_negation,
    judged_mentions,
    negated_by_negex,
    read_sentences,
    read_unparsed,
    read_words_only,
)
from data_contracts import Verdict
from mining.assertion.rule_files import load_rules
from mining.assertion.rulebook import RuleBook
from mining.concepts.phrases import PhraseMatcher
from mining.parsing import load_parser
from mining.reading import SentenceReader


@pytest.fixture(scope="module")
def book() -> RuleBook:
    return load_rules()


def read_one(text: str, matcher: PhraseMatcher, book: RuleBook) -> str:
    reading, _ = read_sentences([text], SentenceReader(matcher, book), load_parser())
    [[mention]] = judged_mentions(reading)
    return mention.verdict.value


def test_without_uncertainty_rules_a_hedge_is_an_assertion(
    matcher: PhraseMatcher, book: RuleBook
) -> None:
    text = "Possible pneumonia."
    assert read_one(text, matcher, book) == "uncertain"
    assert read_one(text, matcher, drop_rules(book, is_hedge)) == "present"


def test_other_rules_stay(matcher: PhraseMatcher, book: RuleBook) -> None:
    assert read_one("No pneumonia.", matcher, drop_rules(book, is_hedge)) == "absent"


def test_dropping_no_rule_is_an_error(book: RuleBook) -> None:
    with pytest.raises(ValueError, match="none of the"):
        drop_rules(book, lambda rule: rule.id == "no such rule")


def negative_examples(book: RuleBook) -> list[str]:
    """The sentences by which the rules of negation are shown."""
    return [text for rule in book.rules if is_negation(rule) for text in rule.yes]


def test_a_failed_parse_beside_a_cue_asserts_nothing(
    matcher: PhraseMatcher, book: RuleBook
) -> None:
    reader = SentenceReader(matcher, book)
    texts = [text for text in negative_examples(book) if reader.needs_parse(text)]
    reading, _ = read_unparsed(texts, reader)
    rules = {m.rule_id for sentence in judged_mentions(reading) for m in sentence}
    assert "unparsed" in rules
    assert "default.present" not in rules


def test_words_only_asserts_what_only_the_graph_denies(
    matcher: PhraseMatcher, book: RuleBook
) -> None:
    texts, reader = negative_examples(book), SentenceReader(matcher, book)
    readings = (read_words_only(texts, reader)[0], read_sentences(texts, reader, load_parser())[0])
    words, graph = (
        Counter(m.verdict for sentence in judged_mentions(reading) for m in sentence)
        for reading in readings
    )
    assert words[Verdict.UNPARSED] == 0
    assert words[Verdict.PRESENT] > graph[Verdict.PRESENT]


def test_negex_decides_absence_and_our_rules_the_rest(
    matcher: PhraseMatcher, book: RuleBook
) -> None:
    texts = ["No effusion.", "Possible pneumonia.", "Large mass."]
    reader = SentenceReader(matcher, drop_rules(book, is_negation))
    reading, _ = read_sentences(texts, reader, load_parser())
    sentences = find_mentions(texts, matcher)
    judged = negated_by_negex(reading, sentences, load_negex()(sentences))
    found = [(m.finding, m.verdict.value, m.rule_id) for s in judged for m in s]
    assert found[0] == ("Effusion", "absent", "negex.negated")
    assert [verdict for _, verdict, _ in found[1:]] == ["uncertain", "present"]
