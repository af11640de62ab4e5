"""Matching compiled expressions against one mention in one sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from mining.assertion.graph import ClimbPolicy, Graph
from mining.assertion.language import CLOSURE, Expression, Item, Path, Step, Surface


@dataclass(frozen=True, slots=True)
class Target:
    """A mention as tokens of its sentence; gaps of a discontinuous phrase are not among them."""

    tokens: tuple[int, ...]

    @property
    def last_piece(self) -> int:
        """The first token of the last run of neighbouring tokens."""
        start = self.tokens[-1]
        for token in reversed(self.tokens):
            if start - token > 1:
                break
            start = token
        return start


@dataclass(frozen=True, slots=True)
class Match:
    """What fired: the cue's words, and the arcs (governed word, governor) that were walked."""

    cues: tuple[int, ...]
    arcs: tuple[tuple[int, int], ...]


class Anchors:
    """The words a path may start from, found when a rule asks for them."""

    def __init__(self, graph: Graph, target: Target, policy: ClimbPolicy) -> None:
        self._graph, self._policy, self._target = graph, policy, target

    @cached_property
    def span(self) -> frozenset[int]:
        """The mention's tokens."""
        return frozenset(self._target.tokens)

    @cached_property
    def heads(self) -> list[int]:
        """The mention's heads."""
        return self._graph.heads_of(self._target.tokens)

    @cached_property
    def climbed(self) -> list[int]:
        """The heads and what they climb to, each once."""
        chains = (self._graph.climb(head, self._policy) for head in self.heads)
        return list(dict.fromkeys(node for chain in chains for node in chain))

    def stands_alone(self, node: int) -> bool:
        """Whether a conjunct opens a statement of its own (ClimbPolicy)."""
        return self._graph.own_assertion(node, self._policy)


def find_match(
    expression: Expression,
    graph: Graph,
    target: Target,
    anchors: Anchors,
    *,
    exact: bool,
    stops: frozenset[str],
    same_clause: bool = False,
) -> Match | None:
    """The first way in which the expression holds for the mention, or None."""
    if isinstance(expression, Surface):
        match = _match_surface(expression, graph, target, stops)
        if match and same_clause and graph.parsed and _apart(graph, match, anchors):
            return None
        return match
    if not graph.parsed:
        return None
    for start in anchors.heads if exact else anchors.climbed:
        for bound, arcs in _walk(expression.steps, graph, {"FINDING": start}, anchors.span):
            cues = _cues(expression, bound)
            return Match(cues, tuple(arcs))
    return None


def _apart(graph: Graph, match: Match, anchors: Anchors) -> bool:
    """Whether mention and cue stand in two clauses, or the mention is a statement of its own."""
    if any(graph.labels[h] == "conj" and anchors.stands_alone(h) for h in anchors.heads):
        return True
    own = {graph.clause_of(head) for head in anchors.heads}
    clauses = {graph.clause_of(cue) for cue in match.cues}
    return None not in own | clauses and own.isdisjoint(clauses)


def _cues(path: Path, bound: dict[str, int]) -> tuple[int, ...]:
    named = {s.target.name for s in path.steps if s.target.words is not None}
    return tuple(sorted({bound[n] for n in named}))


def _walk(
    steps: tuple[Step, ...], graph: Graph, bound: dict[str, int], span: frozenset[int]
) -> Iterator[tuple[dict[str, int], list[tuple[int, int]]]]:
    if not steps:
        yield bound, []
        return
    step, rest = steps[0], steps[1:]
    source = bound[step.source]
    for node in _neighbours(step, graph, source):
        if step.target.name in bound:
            if bound[step.target.name] != node:
                continue
        elif step.target.words is not None and (
            node in span or graph.words[node] not in step.target.words
        ):
            continue
        for found, arcs in _walk(rest, graph, {**bound, step.target.name: node}, span):
            yield found, [(source, node) if step.up else (node, source), *arcs]


def _neighbours(step: Step, graph: Graph, source: int) -> Iterable[int]:
    if step.far:
        return graph.reachable(source, up=step.up, labels=step.labels, limit=CLOSURE)
    return graph.edges(source, up=step.up, labels=step.labels)


def _match_surface(
    pattern: Surface, graph: Graph, target: Target, stops: frozenset[str]
) -> Match | None:
    span = frozenset(target.tokens)
    before = _scan(pattern.before, graph.words, target.last_piece, -1, span, stops)
    if before is None:
        return None
    after = _scan(pattern.after, graph.words, target.tokens[-1], 1, span, stops)
    if after is None:
        return None
    return Match(tuple(sorted([*before, *after])), ())


def _scan(
    items: tuple[Item, ...],
    words: Sequence[str],
    position: int,
    direction: int,
    span: frozenset[int],
    stops: frozenset[str],
) -> list[int] | None:
    """The positions of the items going one way from a position, or None."""
    if not items:
        return []
    item, rest = items[0], items[1:]
    if item.optional:
        found = _scan((_required(item), *rest), words, position, direction, span, stops)
        return found if found is not None else _scan(rest, words, position, direction, span, stops)
    at, passed = position + direction, 0
    while 0 <= at < len(words):
        word = words[at]
        if at not in span:
            if item.node.words is None or word in item.node.words:
                found = _scan(rest, words, at, direction, span, stops)
                if found is not None:
                    return [at, *found]
            if passed >= item.gap or word in stops:
                return None
            passed += 1
        at += direction
    return None


def _required(item: Item) -> Item:
    return Item(item.node, item.gap, optional=False)
