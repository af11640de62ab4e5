"""The rule book: all rules in order of judgement, indexed by the words that can fire them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from operator import or_
from typing import NamedTuple

from data_contracts import Verdict
from mining.assertion.graph import ClimbPolicy
from mining.assertion.language import Expression, Path


@dataclass(frozen=True)
class Rule:
    """One reading of a mention. A rule without a verdict sets temporality or experiencer only."""

    id: str
    reads: str
    expressions: tuple[Expression, ...]
    unless: tuple[Expression, ...] = ()
    verdict: Verdict | None = None
    certainty: float = 1.0
    temporality: str | None = None
    experiencer: str | None = None
    exact: bool = False
    forms: frozenset[str] = frozenset()
    fallback: bool = False
    same_clause: bool = False
    stops: frozenset[str] = frozenset()
    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()
    source: str = ""
    file: str = ""


@dataclass(frozen=True)
class RuleBook:
    """All rules in their order of judgement, with the index of the words that can fire them."""

    rules: tuple[Rule, ...]
    policy: ClimbPolicy
    content_hash: str
    _index: Mapping[str, tuple[_Entry, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", _index(self.rules))

    @cached_property
    def trigger_words(self) -> frozenset[str]:
        """The words without which no rule can fire: a sentence without them needs no parse."""
        return frozenset(self._index)

    @cached_property
    def graph_hash(self) -> str:
        """The hash of what decides whether a sentence needs a parse: the words of graph rules.

        A changed verdict, order or example leaves it as it is, and with it the stored parses.
        """
        needs = sorted(
            str([sorted(s) for s in entry.needs])
            for entries in self._index.values()
            for entry in entries
            if entry.graph
        )
        return hashlib.sha256("\n".join(needs).encode()).hexdigest()

    def needs_graph(self, words: frozenset[str]) -> bool:
        """Whether a rule that looks at the graph could fire in a sentence of these words."""
        return self._live(words).graph

    def candidates(self, words: frozenset[str]) -> list[tuple[Rule, list[Expression]]]:
        """The rules that could fire in a sentence of these words, in order of judgement."""
        return self._live(words).rules

    def _live(self, words: frozenset[str]) -> _Live:
        """What could fire. Sentences differ in many words, and seldom in those that rules name."""
        telling = words & self._telling
        known = self._known.get(telling)
        if known is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            known = self._known[telling] = self._could_fire(telling)
        return known

    @cached_property
    def _telling(self) -> frozenset[str]:
        return frozenset(self._meets)

    @cached_property
    def _meets(self) -> Mapping[str, int]:
        """For each word the lists that it stands in, a bit each, as in `_Entry.asks`."""
        entries = (entry for entries in self._index.values() for entry in entries)
        meets: dict[str, int] = {}
        for number, words in enumerate(_lists(entry.needs for entry in entries)):
            for word in words:
                meets[word] = meets.get(word, 0) | 1 << number
        return meets

    @cached_property
    def _known(self) -> dict[frozenset[str], _Live]:
        return {}

    def _could_fire(self, words: frozenset[str]) -> _Live:
        met = reduce(or_, (self._meets[word] for word in words), 0)
        entries = {
            entry
            for word in words & self.trigger_words
            for entry in self._index[word]
            if entry.asks & met == entry.asks
        }
        found: dict[int, list[Expression]] = {}
        for number, expression in sorted({(e.rule, e.expression) for e in entries}):
            rule = self.rules[number]
            found.setdefault(number, []).append(rule.expressions[expression])
        rules = [(self.rules[number], expressions) for number, expressions in found.items()]
        return _Live(rules, any(entry.graph for entry in entries))


_MOST_KNOWN = 16_384  # sets of telling words that are remembered


class _Live(NamedTuple):
    """The rules that could fire, and whether one of them looks at the graph."""

    rules: list[tuple[Rule, list[Expression]]]
    graph: bool


class _Entry(NamedTuple):
    """Where a trigger word leads: an expression, and the lists that a sentence must meet.

    `asks` has a bit for each of the lists, by their number among those of all rules.
    """

    rule: int
    expression: int
    graph: bool
    needs: tuple[frozenset[str], ...]
    asks: int


def _index(rules: Sequence[Rule]) -> dict[str, tuple[_Entry, ...]]:
    index: dict[str, list[_Entry]] = {}
    sets_of = [[expression.word_sets() for expression in rule.expressions] for rule in rules]
    number_of = {s: n for n, s in enumerate(_lists(sets for rule in sets_of for sets in rule))}
    for number, rule in enumerate(rules):
        for e, (expression, sets) in enumerate(zip(rule.expressions, sets_of[number], strict=True)):
            graph = rule.same_clause or isinstance(expression, Path)
            asks = reduce(or_, (1 << number_of[s] for s in sets), 0)
            for word in min(sets, key=len):
                index.setdefault(word, []).append(_Entry(number, e, graph, tuple(sets), asks))
    return {word: tuple(entries) for word, entries in index.items()}


def _lists(needs: Iterable[Iterable[frozenset[str]]]) -> list[frozenset[str]]:
    """The different lists of words, in one order whoever asks."""
    return sorted({words for sets in needs for words in sets}, key=sorted)
