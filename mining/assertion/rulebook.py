"""The rule book: all rules in order of judgement, indexed by the words that can fire them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from data_contracts import Verdict
from mining.assertion.graph import ClimbPolicy
from mining.assertion.language import Expression, Path
from mining.assertion.word_lists import WordLists


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
    _lists: WordLists = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ways = (way.word_sets() for rule in self.rules for way in rule.expressions)
        lists = WordLists(words for way in ways for words in way)
        object.__setattr__(self, "_lists", lists)
        object.__setattr__(self, "_index", _index(self.rules, lists))

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
        telling = words & self._lists.words
        known = self._known.get(telling)
        if known is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            known = self._known[telling] = self._could_fire(telling)
        return known

    @cached_property
    def _known(self) -> dict[frozenset[str], _Live]:
        return {}

    def _could_fire(self, words: frozenset[str]) -> _Live:
        met = self._lists.met_by(words)
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
    """Where a trigger word leads: an expression, and the lists (and their bits) it asks for."""

    rule: int
    expression: int
    graph: bool
    needs: tuple[frozenset[str], ...]
    asks: int


def _index(rules: Iterable[Rule], lists: WordLists) -> dict[str, tuple[_Entry, ...]]:
    index: dict[str, list[_Entry]] = {}
    for number, rule in enumerate(rules):
        for e, expression in enumerate(rule.expressions):
            sets = expression.word_sets()
            graph = rule.same_clause or isinstance(expression, Path)
            entry = _Entry(number, e, graph, tuple(sets), lists.bits(sets))
            for word in min(sets, key=len):
                index.setdefault(word, []).append(entry)
    return {word: tuple(entries) for word, entries in index.items()}
