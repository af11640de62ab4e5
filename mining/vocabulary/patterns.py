"""The phrase patterns of the vocabulary files: syntax, and matching over the words of a sentence.

A pattern is a row of items: ``a|b`` one of these words, ``@list`` a list of the file's ``[words]``,
``[a|b]`` may be absent, ``~3`` a gap of at most three words (a discontinuous phrase; the gap is not
part of the mention and crosses no stop word).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_MOST_OPTIONAL = 8
_WIDEST = 20
_GAP = re.compile("~([1-9]|1[0-9]|20)")


class PatternError(ValueError):
    """A phrase pattern that can't be compiled: where, what was found, what was expected."""

    def __init__(self, where: str, found: str, expected: str) -> None:
        self.where, self.found, self.expected = where, found, expected
        super().__init__(f"{where}: found {found!r}, expected {expected}")


@dataclass(frozen=True, slots=True)
class Item:
    """One word of a pattern, and how many words may stand before it."""

    words: frozenset[str]
    gap: int = 0
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled phrase pattern; its first item is never optional."""

    text: str
    items: tuple[Item, ...]

    @property
    def first_words(self) -> frozenset[str]:
        """The words that a match can begin with."""
        return self.items[0].words

    @property
    def second_words(self) -> frozenset[str] | None:
        """The words one of which must follow the first; None where any word may, or none.

        >>> [sorted(p.second_words) for p in compile_pattern("a [b] c d", {}, "here")]
        [['b', 'c']]
        """
        words: frozenset[str] = frozenset()
        for item in self.items[1:]:
            if item.gap:
                return None
            words |= item.words
            if not item.optional:
                return words
        return None


def compile_pattern(text: str, words: Mapping[str, frozenset[str]], where: str) -> list[Pattern]:
    """The pattern, once for each item that a match may begin with.

    >>> [len(p.items) for p in compile_pattern("[mild] pleural [fluid]", {}, "here")]
    [3, 2]

    Raises:
        PatternError: unknown list, gap without a word on both sides, nothing but optional items.
    """
    items: list[Item] = []
    gap = 0
    for token in text.split():
        if token.startswith("~"):
            if not items or gap or not _GAP.fullmatch(token):
                raise PatternError(where, text, f"a gap of ~1 to ~{_WIDEST} between two words")
            gap = int(token[1:])
            continue
        optional = token.startswith("[")
        if optional != token.endswith("]") or "[" in token[1:] or "]" in token[:-1]:
            raise PatternError(where, token, "brackets around one item: [a|b] [c]")
        items.append(Item(_words(token.strip("[]"), words, where), gap, optional))
        gap = 0
    if gap or not items or all(i.optional for i in items):
        raise PatternError(where, text, "at least one word that is not optional, none after a gap")
    if sum(i.optional for i in items) > _MOST_OPTIONAL:  # each doubles the ways to match
        raise PatternError(where, text, f"at most {_MOST_OPTIONAL} optional words; make it two")
    starts = []
    for n, item in enumerate(items):
        first = Item(item.words, 0, False)
        starts.append(Pattern(text, (first, *items[n + 1 :])))
        if not item.optional:
            break
    return starts


def _words(text: str, lists: Mapping[str, frozenset[str]], where: str) -> frozenset[str]:
    found: set[str] = set()
    # A "|" of its own would split into nothing; the pipe is no word of any phrase.
    for word in text.split("|"):
        if word.startswith("@"):
            if word[1:] not in lists:
                raise PatternError(where, word, f"a list of [words]: {sorted(lists)}")
            found |= lists[word[1:]]
        elif word:
            found.add(word.lower())
    if not found:
        raise PatternError(where, text, "words")
    return frozenset(found)


def match_at(
    pattern: Pattern, words: Sequence[str], start: int, stops: frozenset[str]
) -> tuple[int, ...] | None:
    """The token numbers of the longest match that begins at `start`, gaps left out, or None."""
    if words[start] not in pattern.first_words:
        return None
    best: tuple[int, ...] | None = None
    for rest in _rest(pattern.items, 1, words, start + 1, stops):
        found = (start, *rest)
        if best is None or len(found) > len(best):
            best = found
    return best


def _rest(
    items: tuple[Item, ...], n: int, words: Sequence[str], at: int, stops: frozenset[str]
) -> Iterator[tuple[int, ...]]:
    if n == len(items):
        yield ()
        return
    item = items[n]
    position, passed = at, 0
    while position < len(words):
        if words[position] in item.words:
            for rest in _rest(items, n + 1, words, position + 1, stops):
                yield (position, *rest)
            break
        if passed >= item.gap or words[position] in stops:
            break
        passed += 1
        position += 1
    if item.optional:
        yield from _rest(items, n + 1, words, at, stops)
