"""Reading sentences: when a parse is needed, and failing closed."""

from __future__ import annotations

import pytest

from mining.examples import read_example
from mining.parsing import Parser, Unparsed, load_parser
from mining.reading import ReadMention
from mining.resources import load_resources
from mining.settings import MiningSettings
from mining.vocabulary import load_vocabulary

READER = load_resources(MiningSettings()).reader


@pytest.fixture(scope="module")
def parser() -> Parser:
    return load_parser("embedded")


def _facts(mentions: list[ReadMention]) -> list[tuple[object, ...]]:
    return [(m.found.finding, m.ruling.verdict.value, m.ruling.rule_id) for m in mentions]


NEEDLESS = [
    text
    for entry in load_vocabulary().entries
    for phrase in entry.phrases
    for text in (read_example(marked).text for marked in phrase.yes)
    if not READER.needs_parse(text)
]


def _findings(mentions: list[ReadMention]) -> list[tuple[object, ...]]:
    return [fact for fact in _facts(mentions) if fact[0] != "Other"]


@pytest.mark.parametrize("sentence", NEEDLESS)
def test_a_finding_is_judged_alike_with_a_needless_parse(sentence: str, parser: Parser) -> None:
    [parse] = parser.parse([sentence])
    assert _findings(READER.read(sentence, parse)) == _findings(READER.read(sentence, None))


def test_no_finding_of_the_corpus_is_judged_otherwise_with_every_sentence_parsed(
    parser: Parser, openi_sentences: list[str]
) -> None:
    needless = [s for s in openi_sentences if not READER.needs_parse(s)]
    changed = [
        number
        for number, parse in enumerate(parser.parse(needless))
        if _findings(READER.read(needless[number], parse))
        != _findings(READER.read(needless[number], None))
    ]
    assert changed == []


@pytest.mark.parametrize(
    ("sentence", "needed"),
    [
        ("No pleural effusion.", True),
        ("Small effusion.", False),
        ("No acute abnormality.", False),
        ("No complaints.", False),
        ("Heart size is normal.", False),
    ],
)
def test_only_a_finding_with_a_cue_needs_a_parse(sentence: str, needed: bool) -> None:
    assert READER.needs_parse(sentence) is needed


def test_a_mention_that_no_rule_can_judge_without_a_graph_is_unparsed() -> None:
    sentence = "The study does not in any of its views demonstrate effusion."
    [mention] = READER.read(sentence, Unparsed("timeout"))
    assert mention.ruling.verdict == "unparsed"


def test_words_alone_may_decide_where_the_parser_failed() -> None:
    [mention] = READER.read("No effusion.", Unparsed("timeout"))
    assert (mention.ruling.verdict, mention.ruling.rule_id) == ("absent", "neg.surface.no")


def test_offsets_are_those_of_the_sentence() -> None:
    sentence = "Mildly enlarged heart."
    [mention] = READER.read(sentence, None)
    assert sentence[mention.start : mention.end] == "enlarged heart"


def test_an_organ_is_a_mention_only_where_it_is_called_normal() -> None:
    assert _facts(READER.read("The heart is seen.", None)) == []
    assert _facts(READER.read("The heart is normal.", None)) == [
        ("Cardiomegaly", "absent", "normal.organ")
    ]
