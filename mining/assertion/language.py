"""The small language that rules are written in, and its compiler.

Two kinds of expression, both anchored at the mention that is judged (``FINDING``):

* a **path** over the dependency graph, steps separated by commas::

      FINDING <nmod evidence, evidence >det no

  ``A <labels B``: A is governed by B; ``A >labels B``: A governs B; ``<<`` and ``>>`` follow one to
  four such edges. Labels are UD v2 labels or groups of the file's ``[labels]``, joined by ``|``;
  ``*`` is any label. A node is ``FINDING``, a list of the file's ``[words]``, a ``'literal'``, or
  ``*name``: any word. A name that was bound before means the same word again.

* a **surface** pattern, words in the order of the text::

      no ~ FINDING            ~ is a gap of at most `reach` words that crosses no stop word
      FINDING ~3 'resolved'   ~3: a gap of at most three words
      FINDING ':' none        no gap: the next word

  ``name?`` may be absent; a surface pattern needs no parse.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

DEFAULT_REACH = 12
CLOSURE = 4

_STEP = re.compile(r"^(\S+)\s+(<<|>>|<|>)(\S+)\s+(\S+)$")


_GAP = re.compile("~[1-9][0-9]?")
# What an expression may try, so that no sentence makes it run away: one word may govern 200 others.
_MOST_STEPS, _MOST_DOWN, _MOST_WAYS = 8, 3, 10_000


class RuleSyntaxError(ValueError):
    """An expression that can't be compiled: where it stands, what was found, what was expected."""

    def __init__(self, where: str, found: str, expected: str) -> None:
        self.where, self.found, self.expected = where, found, expected
        super().__init__(f"{where}: found {found!r}, expected {expected}")


@dataclass(frozen=True, slots=True)
class Node:
    """A place in an expression: a binding name and the words it may be (None: any word)."""

    name: str
    words: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path, from a bound node to another one."""

    source: str
    up: bool
    far: bool
    labels: frozenset[str] | None
    target: Node


@dataclass(frozen=True, slots=True)
class Path:
    """A compiled path expression."""

    text: str
    steps: tuple[Step, ...]

    def word_sets(self) -> list[frozenset[str]]:
        """The word lists of which a sentence must hold a member, all of them."""
        return [s.target.words for s in self.steps if s.target.words is not None]


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a surface pattern: a word, and how many words may stand before it."""

    node: Node
    gap: int
    optional: bool


@dataclass(frozen=True, slots=True)
class Surface:
    """A compiled surface pattern: items left of the mention (nearest first) and right of it."""

    text: str
    before: tuple[Item, ...]
    after: tuple[Item, ...]

    def word_sets(self) -> list[frozenset[str]]:
        """The word lists of which a sentence must hold a member, all of them."""
        items = (*self.before, *self.after)
        return [i.node.words for i in items if i.node.words is not None and not i.optional]


Expression = Path | Surface


@dataclass(frozen=True, slots=True)
class Scope:
    """What the names of one rule file mean, and where the file is (for messages)."""

    where: str
    words: Mapping[str, frozenset[str]]
    labels: Mapping[str, frozenset[str]]
    known_labels: frozenset[str]
    reach: int = DEFAULT_REACH


def compile_expression(text: str, scope: Scope) -> Expression:
    """The compiled expression.

    Raises:
        RuleSyntaxError: unknown word list, label or form; no ``FINDING``.
    """
    if "FINDING" not in text.split() and not text.split()[:1] == ["FINDING"]:
        raise RuleSyntaxError(scope.where, text, "an expression that names FINDING")
    if re.search(r"\s(<<|>>|<|>)\S", text):
        return _compile_path(text, scope)
    return _compile_surface(text, scope)


def _compile_path(text: str, scope: Scope) -> Path:
    bound = {"FINDING"}
    steps = []
    for part in text.split(","):
        match = _STEP.match(part.strip())
        if match is None:
            raise RuleSyntaxError(scope.where, part.strip(), "a step such as 'FINDING >det no'")
        source, arrow, labels, target = match.groups()
        if source.lstrip("*").strip("'") not in bound:
            raise RuleSyntaxError(scope.where, source, f"a node bound before: {sorted(bound)}")
        node = _node(target, scope)
        bound.add(node.name)
        steps.append(
            Step(
                source=source.lstrip("*").strip("'"),
                up=arrow[0] == "<",
                far=len(arrow) == 2,
                labels=_labels(labels, scope),
                target=node,
            )
        )
    if len(steps) > _MOST_STEPS or sum(not step.up for step in steps) > _MOST_DOWN:
        expected = f"at most {_MOST_STEPS} steps, {_MOST_DOWN} of them down (>); split the rule"
        raise RuleSyntaxError(scope.where, text, expected)
    return Path(text, tuple(steps))


def _labels(text: str, scope: Scope) -> frozenset[str] | None:
    if text == "*":
        return None
    found: set[str] = set()
    for name in text.split("|"):
        if name in scope.labels:
            found |= scope.labels[name]
        elif name in scope.known_labels:
            found.add(name)
        else:
            raise RuleSyntaxError(scope.where, name, "a UD v2 label or a group of [labels]")
    return frozenset(found)


def _node(text: str, scope: Scope) -> Node:
    if text == "FINDING":
        return Node("FINDING", None)
    if text.startswith("*"):
        return Node(text.lstrip("*"), None)
    if text.startswith("'") and text.endswith("'"):
        literal = text.strip("'")
        return Node(literal, frozenset({literal}))
    if text not in scope.words:
        raise RuleSyntaxError(scope.where, text, f"a list of [words]: {sorted(scope.words)}")
    return Node(text, scope.words[text])


def _compile_surface(text: str, scope: Scope) -> Surface:
    tokens = text.split()
    at = tokens.index("FINDING")
    before = _items(list(reversed(tokens[:at])), scope)
    return Surface(text, before, _items(tokens[at + 1 :], scope))


def _items(tokens: list[str], scope: Scope) -> tuple[Item, ...]:
    items = []
    gap = 0
    for token in tokens:
        if token.startswith("~"):
            if token[1:] and not _GAP.fullmatch(token):
                raise RuleSyntaxError(scope.where, token, "a gap of ~1 to ~99, or ~ alone")
            gap = int(token[1:]) if token[1:] else scope.reach
            continue
        optional = token.endswith("?")
        items.append(Item(_node(token.rstrip("?"), scope), gap, optional))
        gap = 0
    if gap:
        raise RuleSyntaxError(scope.where, "~", "a word after the gap, seen from FINDING")
    if prod((item.gap + 1) * (1 + item.optional) for item in items) > _MOST_WAYS:
        raise RuleSyntaxError(
            scope.where, " ".join(tokens), "fewer or narrower gaps; split the rule"
        )
    return tuple(items)
