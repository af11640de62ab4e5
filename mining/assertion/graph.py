"""A sentence as a graph: words, the dependency tree, and the edges that rules climb."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from mining.parsing.parse import Parse


@dataclass(frozen=True)
class ClimbPolicy:
    """Which edges lead from a mention up to the phrase that it belongs to (rules/graph.toml).

    A cue on the phrase is a cue on the mention: in "no evidence of acute effusion or edema" the
    determiner of *evidence* reaches *edema* by ``conj`` and a collapsed ``nmod:of`` edge, which are
    the enhanced edges of Universal Dependencies.
    """

    labels: frozenset[str]
    nmod_cases: frozenset[str]
    contrast: frozenset[str]
    new_determiners: frozenset[str]
    new_modifiers: frozenset[str]
    opaque: frozenset[str]
    limit: int = 8


class Graph:
    """A sentence's words and tree. ``heads[i] == i`` is the root; without a parse, words only."""

    def __init__(self, words: Sequence[str], parse: Parse | None = None) -> None:
        self.words = words
        self.parsed = parse is not None
        self.heads: Sequence[int] = parse.heads if parse else range(len(words))
        self.labels: Sequence[str] = parse.labels if parse else ["root"] * len(words)

    @cached_property
    def word_set(self) -> frozenset[str]:
        """The distinct words, lower-cased."""
        return frozenset(self.words)

    @cached_property
    def children(self) -> list[list[int]]:
        """For each word the words that it governs, in order."""
        children: list[list[int]] = [[] for _ in self.words]
        for i, head in enumerate(self.heads):
            if head != i:
                children[head].append(i)
        return children

    def has_child(self, node: int, label: str, words: frozenset[str] | None = None) -> bool:
        """Whether the node governs such a word by an edge of this label."""
        return any(
            self.labels[c] == label and (words is None or self.words[c] in words)
            for c in self.children[node]
        )

    def heads_of(self, tokens: Iterable[int]) -> list[int]:
        """The tokens of a span whose governor lies outside of it, the last one first.

        English noun phrases end in their head; where the parser splits a span in pieces, the last
        piece is the likeliest head.
        """
        span = set(tokens)
        outside = [t for t in span if self.heads[t] == t or self.heads[t] not in span]
        content = [t for t in outside if self.labels[t] not in _FUNCTION_LABELS]
        return sorted(content or outside, reverse=True)

    def climb(self, start: int, policy: ClimbPolicy) -> list[int]:
        """The start and the words above it whose cues are cues of the start, nearest first."""
        chain = [start]
        node = start
        while len(chain) < policy.limit:
            head = self.heads[node]
            if head == node or head in chain or not self._transparent(node, policy):
                break
            chain.append(head)
            node = head
        return chain

    def _transparent(self, node: int, policy: ClimbPolicy) -> bool:
        label = self.labels[node]
        if label == "conj":
            between = self.words[self.heads[node] : node]
            return ";" not in between and not self.own_assertion(node, policy)
        if label == "nmod":
            if self.words[self.heads[node]] in policy.opaque:
                return False
            return any(
                self.labels[c] == "case" and self.words[c] in policy.nmod_cases
                for c in self.children[node]
            )
        return label in policy.labels

    def own_assertion(self, node: int, policy: ClimbPolicy) -> bool:
        """Whether a conjunct stands on its own: after "but", with an own subject or determiner."""
        joined = self.has_child(node, "cc")
        for child in self.children[node]:
            label, word = self.labels[child], self.words[child]
            if label in ("cc", "advmod") and word in policy.contrast:
                return True
            if not joined and (label == "nummod" or word in policy.new_modifiers):
                return True
            if label in ("nsubj", "nsubj:pass", "expl"):
                return True
            if label == "det" and word in policy.new_determiners:
                return True
        return False

    def clause_of(self, node: int) -> int | None:
        """The nearest word above (or itself) that has a subject of its own, if any."""
        for _ in self.words:
            if any(self.labels[c] in _SUBJECT_LABELS for c in self.children[node]):
                return node
            if self.heads[node] == node:
                return None
            node = self.heads[node]
        return None

    def edges(self, node: int, *, up: bool, labels: frozenset[str] | None) -> Iterable[int]:
        """The neighbours of a node over one edge."""
        if up:
            head = self.heads[node]
            if head != node and (labels is None or self.labels[node] in labels):
                yield head
            return
        for child in self.children[node]:
            if labels is None or self.labels[child] in labels:
                yield child

    def reachable(
        self, node: int, *, up: bool, labels: frozenset[str] | None, limit: int
    ) -> Iterable[int]:
        """The nodes over one to `limit` such edges, nearest first."""
        layer, seen = [node], {node}
        for _ in range(limit):
            layer = [n for m in layer for n in self.edges(m, up=up, labels=labels) if n not in seen]
            if not layer:
                return
            seen.update(layer)
            yield from layer


_SUBJECT_LABELS = frozenset({"nsubj", "nsubj:pass", "expl", "csubj"})
_FUNCTION_LABELS = frozenset({"punct", "case", "det", "cc", "mark", "aux", "aux:pass", "cop"})


def climb_policy(data: Mapping[str, object]) -> ClimbPolicy:
    """The policy of rules/graph.toml.

    Raises:
        KeyError: a key is missing or unknown.
    """
    names = ("labels", "nmod_cases", "contrast", "new_determiners", "new_modifiers", "opaque")
    unknown = set(data) - {*names, "limit"}
    missing = set(names) - set(data)
    if unknown or missing:
        raise KeyError(
            f"rules/graph.toml [climb]: unknown keys {sorted(unknown)}, missing {sorted(missing)}"
        )
    sets = {n: frozenset(_strings(data[n])) for n in names}
    limit = data.get("limit", 8)
    return ClimbPolicy(**sets, limit=limit if isinstance(limit, int) else 8)


def _strings(value: object) -> list[str]:
    return [str(v) for v in value] if isinstance(value, list) else []
