"""Sentences with dependency trees, made from grammar files in a notation of one line per phrase.

A line is a phrase: exactly one element without a label, its head, and elements with `/label`,
which depend on it.

    word            a word;  is|was  one of several words
    {SLOT}          a phrase of that name
    [ ... ]         a phrase written in place
    x/label         x depends on the head of this phrase by that label;  //cc  is a slash
    x?              x is left out half of the time

    SENTENCE
      3  there/expl is [no/det evidence [of/case {FINDING}]/nmod]/nsubj ./punct
      1  no/det {FINDING} ./punct?
    FINDING = edema; pleural/amod effusion; {SIDE}/amod effusion

An alternative may open with its weight. "NAME = a; b" writes short alternatives in one line. A
phrase that is opened again in another file gains alternatives. Trees are projective by build.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from mining.parsing.labels import UD_LABELS
from mining.parsing.training.treebanks import Tree

__all__ = ["Grammar", "GrammarError", "read_grammar"]

_NAME = re.compile(r"[A-Z][A-Z0-9_]*")
_ELEMENT = re.compile(r"\s*(\[|\][^\s\[\]]*|[^\s\[\]]+)")


class GrammarError(ValueError):
    """A line that is no phrase; `where` is file:line."""

    def __init__(self, where: str, found: str, expected: str) -> None:
        self.where = where
        super().__init__(f"{where}: found {found}, expected {expected}; see the notation in"
                         " mining/parsing/training/grammar.py")  # fmt: skip


@dataclass(slots=True)
class _Element:
    """One element of a phrase: words to choose from, a slot's name, or a phrase in place."""

    label: str | None
    optional: bool
    words: tuple[str, ...] = ()
    slot: str = ""
    phrase: "list[_Element]" = field(default_factory=list)


@dataclass(slots=True)
class Grammar:
    """Phrases by name: (cumulative weights, alternatives). Made by `read_grammar`."""

    phrases: dict[str, tuple[list[float], list[list[_Element]]]]

    def generate(self, name: str, random: Random) -> Tree:
        """Return a random tree of the phrase called `name`."""
        words: list[str] = []
        heads: list[int] = []
        labels: list[str] = []
        root = self._expand(self._choose(name, random), random, words, heads, labels)
        heads[root], labels[root] = root, "root"
        return Tree(tuple(words), tuple(heads), tuple(labels))

    def _choose(self, name: str, random: Random) -> list[_Element]:
        weights, alternatives = self.phrases[name]
        return random.choices(alternatives, cum_weights=weights)[0]

    def _expand(
        self,
        phrase: list[_Element],
        random: Random,
        words: list[str],
        heads: list[int],
        labels: list[str],
    ) -> int:
        """Append the phrase's words and return the index of its head."""
        head = -1
        dependents: list[tuple[int, str]] = []
        for element in phrase:
            if element.optional and random.random() < 0.5:
                continue
            if element.words:
                top = len(words)
                words.append(random.choice(element.words))
                heads.append(-1)
                labels.append("")
            else:
                inside = self._choose(element.slot, random) if element.slot else element.phrase
                top = self._expand(inside, random, words, heads, labels)
            if element.label is None:
                head = top
            else:
                dependents.append((top, element.label))
        for token, label in dependents:
            heads[token], labels[token] = head, label
        return head


def read_grammar(paths: Iterable[Path]) -> Grammar:
    """Return the grammar that the files hold together.

    Raises:
        GrammarError: at a phrase without exactly one head, an unknown label or an unknown slot.
    """
    found: dict[str, list[tuple[float, list[_Element], str]]] = {}
    for path in paths:
        _read_file(path, found)
    for alternatives in found.values():
        for _, phrase, where in alternatives:
            _check_slots(phrase, found.keys(), where)
    phrases = {}
    for name, alternatives in found.items():
        total, weights = 0.0, []
        for weight, _, _ in alternatives:
            total += weight
            weights.append(total)
        phrases[name] = (weights, [phrase for _, phrase, _ in alternatives])
    return Grammar(phrases)


def _read_file(path: Path, found: dict[str, list[tuple[float, list[_Element], str]]]) -> None:
    name = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        where = f"{path.name}:{number}"
        if not line.strip() or line.startswith("#"):
            continue
        if not line[0].isspace():
            name, _, rest = (part.strip() for part in line.partition("="))
            if not _NAME.fullmatch(name):
                raise GrammarError(where, repr(name), "a phrase's name in capitals")
            bodies = [body for body in rest.split(";") if body.strip()]
        elif not name:
            raise GrammarError(where, "a phrase without a name", "a name before it")
        else:
            bodies = [line]
        for body in bodies:
            weight, phrase = _read_phrase(body.strip(), where)
            found.setdefault(name, []).append((weight, phrase, where))


def _read_phrase(body: str, where: str) -> tuple[float, list[_Element]]:
    first, _, rest = body.partition("  ")
    weight = 1.0
    if rest and re.fullmatch(r"\d+(\.\d+)?", first):
        weight, body = float(first), rest
    pieces = _ELEMENT.findall(body)
    phrase, used = _read_elements(pieces, 0, where)
    if used != len(pieces):
        raise GrammarError(where, "] without [", "pairs of brackets")
    return weight, phrase


def _read_elements(pieces: list[str], at: int, where: str) -> tuple[list[_Element], int]:
    elements: list[_Element] = []
    while at < len(pieces) and not pieces[at].startswith("]"):
        if pieces[at] == "[":
            inner, at = _read_elements(pieces, at + 1, where)
            if at == len(pieces):
                raise GrammarError(where, "[ without ]", "pairs of brackets")
            _, label, optional = _split(pieces[at], where)
            elements.append(_Element(label, optional, phrase=inner))
        else:
            text, label, optional = _split(pieces[at], where)
            if text.startswith("{"):
                elements.append(_Element(label, optional, slot=text.strip("{}")))
            else:
                elements.append(_Element(label, optional, words=tuple(text.split("|"))))
        at += 1
    heads = sum(element.label is None and not element.optional for element in elements)
    if heads != 1 or any(element.label is None and element.optional for element in elements):
        raise GrammarError(where, f"a phrase with {heads} heads", "one element without /label")
    return elements, at


def _split(piece: str, where: str) -> tuple[str, str | None, bool]:
    optional = len(piece) > 1 and piece.endswith("?")
    text, slash, label = piece.removesuffix("?" if optional else "").rpartition("/")
    if not slash:
        return label, None, optional
    if label not in UD_LABELS:
        raise GrammarError(where, f"label {label!r}", "a Universal Dependencies v2 label")
    return text, label, optional


def _check_slots(phrase: list[_Element], names: Iterable[str], where: str) -> None:
    for element in phrase:
        if element.slot and element.slot not in names:
            raise GrammarError(where, f"slot {element.slot!r}", "a phrase that some file opens")
        _check_slots(element.phrase, names, where)
