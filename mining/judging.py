"""Judging other people's mentions: any concept, any text."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from data_contracts import Verdict
from mining.assertion.graph import Graph
from mining.assertion.judge import UNPARSED_RULE, SentenceJudge
from mining.assertion.rule_files import load_rules
from mining.assertion.rulebook import RuleBook
from mining.parsing import Parse, Unparsed
from mining.reading import Sentence, cut
from mining.resources import the_parser
from mining.sentences import split_sentences


class SpanError(ValueError):
    """A span that is no part of the text: its number, what was found, what was expected."""

    def __init__(self, number: int, span: tuple[int, int], length: int) -> None:
        self.number, self.span = number, span
        super().__init__(
            f"span {number}: found {span}, expected (start, end) with 0 <= start < end <= {length}"
            " and at least one character that is no space"
        )


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the text says about a span.

    ``certainty`` says how firmly it is asserted: 1 present, 0 absent. ``cue`` are the words that
    decided, as written, in order ("" where no rule fired).
    """

    verdict: Verdict
    certainty: float
    rule_id: str
    cue: str
    temporality: str
    experiencer: str


def judge(
    text: str, spans: Sequence[tuple[int, int]], *, parser: str = "embedded"
) -> list[Judgement]:
    """One judgement per span, in order, for mentions of any concept.

    `spans` are character offsets (start, end) into `text`, which may hold several sentences; a
    span that reaches over several is judged in all of them together.

    >>> [j.verdict.value for j in judge("No fever. Has a cough.", [(3, 8), (16, 21)])]
    ['absent', 'present']

    Raises:
        SpanError: a span outside of the text, or empty.
        mining.parsing.MissingModelError: the parser's model is not installed.
    """
    for number, (start, end) in enumerate(spans):
        if not 0 <= start < end <= len(text) or not text[start:end].strip():
            raise SpanError(number, (start, end), len(text))
    sentences = split_sentences(text)
    places = [_around(sentences, start, end) for start, end in spans]
    wanted = sorted(set(places))
    read = {place: cut(text[place[0] : place[1]]) for place in wanted}
    book = _book()
    needed = [p for p in wanted if not book.trigger_words.isdisjoint(read[p].words)]
    parses = dict(
        zip(needed, the_parser(parser).parse([read[p].text for p in needed]), strict=True)
    )
    judges = {p: _sentence_judge(book, read[p], parses.get(p)) for p in wanted}
    return [
        _judge(judges[place], read[place], start - place[0], end - place[0])
        for place, (start, end) in zip(places, spans, strict=True)
    ]


@lru_cache(maxsize=1)
def _book() -> RuleBook:
    return load_rules()


def _around(sentences: list[tuple[int, int]], start: int, end: int) -> tuple[int, int]:
    """The sentence around a span, or the stretch of sentences that it reaches over."""
    starts = [s for s, _ in sentences]
    first = max(bisect_right(starts, start) - 1, 0)
    last = max(bisect_right(starts, end - 1) - 1, 0)
    if not sentences:
        return start, end
    return min(sentences[first][0], start), max(sentences[last][1], end)


def _sentence_judge(
    book: RuleBook, sentence: Sentence, parse: Parse | Unparsed | None
) -> SentenceJudge:
    graph = Graph(sentence.words, parse if isinstance(parse, Parse) else None)
    return SentenceJudge(book, graph, parse_failed=isinstance(parse, Unparsed))


def _judge(judge: SentenceJudge, sentence: Sentence, start: int, end: int) -> Judgement:
    tokens = [i for i, (a, b) in enumerate(sentence.offsets) if a < end and start < b]
    if not tokens:
        return Judgement(Verdict.UNPARSED, 0.5, UNPARSED_RULE, "", "current", "patient")
    ruling = judge.judge(tokens)
    cue = " ".join(sentence.text[a:b] for a, b in (sentence.offsets[c] for c in ruling.cues))
    return Judgement(
        ruling.verdict, ruling.certainty, ruling.rule_id, cue,
        ruling.temporality, ruling.experiencer,
    )  # fmt: skip
