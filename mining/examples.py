"""The example sentences of rule and vocabulary files: the mention is marked by [brackets]."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mining.assertion.graph import Graph
from mining.assertion.judge import Ruling, SentenceJudge
from mining.assertion.rulebook import Rule, RuleBook
from mining.parsing import Parse, Parser
from mining.reading import cut

_MARKED = re.compile(r"\[([^\[\]]+)\]")


class ExampleError(ValueError):
    """An example sentence that marks no mention."""


@dataclass(frozen=True, slots=True)
class Example:
    """A sentence without its brackets, and the marked spans as offsets into it."""

    text: str
    spans: tuple[tuple[int, int], ...]


def read_example(marked: str) -> Example:
    """The sentence and its marked spans.

    >>> read_example("The [heart] is [enlarged].")
    Example(text='The heart is enlarged.', spans=((4, 9), (13, 21)))

    Raises:
        ExampleError: no brackets.
    """
    pieces, spans, at, length = [], [], 0, 0
    for match in _MARKED.finditer(marked):
        before = marked[at : match.start()]
        length += len(before)
        spans.append((length, length + len(match.group(1))))
        pieces += [before, match.group(1)]
        length += len(match.group(1))
        at = match.end()
    if not spans:
        raise ExampleError(f"{marked!r}: mark the mention, such as 'No [effusion].'")
    return Example("".join([*pieces, marked[at:]]), tuple(spans))


def tokens_of(offsets: Iterable[tuple[int, int]], spans: Iterable[tuple[int, int]]) -> list[int]:
    """The numbers of the tokens that overlap one of the spans."""
    wanted = list(spans)
    return [i for i, (a, b) in enumerate(offsets) if any(a < e and s < b for s, e in wanted)]


def judge_example(marked: str, book: RuleBook, parser: Parser | None, form: str = "") -> Ruling:
    """The ruling on the marked mention of an example sentence; without a parser, by words only."""
    example = read_example(marked)
    sentence = cut(example.text)
    parse = parser.parse([example.text])[0] if parser else None
    graph = Graph(sentence.words, parse if isinstance(parse, Parse) else None)
    judge = SentenceJudge(book, graph, parse_failed=not isinstance(parse, Parse))
    return judge.judge(tokens_of(sentence.offsets, example.spans), form)


def fires(rule: Rule, ruling: Ruling) -> bool:
    """Whether the ruling is this rule's work."""
    return rule.id == ruling.rule_id or rule.id in ruling.context_rules


def rule_examples(book: RuleBook) -> Iterator[tuple[Rule, str, bool]]:
    """Every rule with each of its sentences, and whether the rule must decide it."""
    for rule in book.rules:
        for sentence in rule.yes:
            yield rule, sentence, True
        for sentence in rule.no:
            yield rule, sentence, False
