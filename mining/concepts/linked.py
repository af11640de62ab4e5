"""Finding mentions by phrases and by linkers, united; each mention says who found it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mining.concepts.linker import Link, Linker
from mining.concepts.phrases import Found, PhraseMatcher


class LinkedMatcher:
    """Finds mentions by phrases and by the linker, united; each mention says who found it."""

    def __init__(self, matcher: PhraseMatcher, linker: Linker, *, phrases: bool = True) -> None:
        self._matcher = matcher
        self._linker = linker
        self._phrases = phrases

    def find(self, words: Sequence[str]) -> list[Found]:
        """The mentions in a sentence of these lower-cased words, in order of their first word."""
        links = self._linker.links(words)
        own = self._matcher.find(words)
        if not links:
            return own if self._phrases else []
        corrected, origin = _corrected(words, links)
        again = (replace(f, tokens=_places(f, origin)) for f in self._matcher.find(corrected))
        named = _named(own)
        judged = (self._judged(found, links, named) for found in again)
        united = [found for found in judged if found is not None]
        if not self._phrases:
            return [found for found in united if found.source != "phrase"]
        return united if _covers(united, own) else own

    def _judged(
        self, found: Found, links: dict[int, Link], named: dict[str, set[int]]
    ) -> Found | None:
        used = [links[n] for n in found.tokens if n in links]
        if not used:
            return found
        similarity = min(link.similarity for link in used)
        if similarity < self._linker.settings.findings.get(found.finding, 0.0):
            return None
        both = not named.get(found.finding, set()).isdisjoint(found.tokens)
        return replace(found, source="both" if both else "linker", similarity=similarity)


def _named(own: Sequence[Found]) -> dict[str, set[int]]:
    """By finding the words that phrases alone take for it."""
    named: dict[str, set[int]] = {}
    for found in own:
        if not found.needs_rule:
            named.setdefault(found.finding, set()).update(found.tokens)
    return named


def _covers(united: Sequence[Found], own: Sequence[Found]) -> bool:
    """Whether no finding that the phrases alone found has been lost."""
    return {f.finding for f in own} <= {f.finding for f in united}


def _corrected(words: Sequence[str], links: dict[int, Link]) -> tuple[list[str], list[range]]:
    """The words with what they are taken for, and which words each of them was."""
    corrected: list[str] = []
    origin: list[range] = []
    at = 0
    while at < len(words):
        link = links.get(at)
        width = link.words if link else 1
        corrected.append(link.word if link else words[at])
        origin.append(range(at, at + width))
        at += width
    return corrected, origin


def _places(found: Found, origin: list[range]) -> tuple[int, ...]:
    return tuple(place for token in found.tokens for place in origin[token])
