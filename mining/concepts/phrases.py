"""Finding mentions by the vocabulary's phrases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mining.vocabulary.loader import LookAlike, Phrase, Vocabulary
from mining.vocabulary.patterns import Pattern, match_at


@dataclass(frozen=True, slots=True)
class Found:
    """A mention as tokens of its sentence (gaps of a discontinuous phrase left out)."""

    tokens: tuple[int, ...]
    finding: str
    form: str
    cui: str | None
    certainty: float = 1.0
    needs_rule: bool = False
    source: str = "phrase"
    similarity: float | None = None


class PhraseMatcher:
    """Finds mentions in the words of a sentence; compiled once from a vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._stops = vocabulary.stops
        self._index: dict[str, list[tuple[Pattern, Phrase | LookAlike]]] = {}
        for entry in vocabulary.entries:
            sources: list[Phrase | LookAlike] = [*entry.phrases, *entry.look_alikes]
            for source in sources:
                for pattern in source.patterns:
                    for word in pattern.first_words:
                        self._index.setdefault(word, []).append((pattern, source))
        self._triggers = frozenset(self._index)

    def find(self, words: Sequence[str]) -> list[Found]:
        """The mentions in a sentence of these lower-cased words, in order of their first word.

        Look-alikes take away what they cover; of overlapping mentions of one finding the longest
        stays; mentions of different findings may overlap.
        """
        if self._triggers.isdisjoint(words):
            return []
        found: list[tuple[tuple[int, ...], Phrase]] = []
        masked: dict[str, list[tuple[int, ...]]] = {}
        for start, word in enumerate(words):
            for pattern, source in self._index.get(word, ()):
                tokens = match_at(pattern, words, start, self._stops)
                if tokens is None:
                    continue
                if isinstance(source, LookAlike):
                    masked.setdefault(source.finding, []).append(tokens)
                else:
                    found.append((tokens, source))
        return [_mention(tokens, phrase) for tokens, phrase in _resolve(found, masked)]

    def masked(self, words: Sequence[str]) -> dict[str, set[int]]:
        """The words that look like a finding and are not, by finding."""
        masked: dict[str, set[int]] = {}
        for start, word in enumerate(words):
            for pattern, source in self._index.get(word, ()):
                if isinstance(source, LookAlike):
                    tokens = match_at(pattern, words, start, self._stops)
                    masked.setdefault(source.finding, set()).update(tokens or ())
        return masked


def _mention(tokens: tuple[int, ...], phrase: Phrase) -> Found:
    return Found(
        tokens, phrase.finding, phrase.form, phrase.cui, phrase.certainty, phrase.needs_rule
    )


def _resolve(
    found: Iterable[tuple[tuple[int, ...], Phrase]], masked: dict[str, list[tuple[int, ...]]]
) -> list[tuple[tuple[int, ...], Phrase]]:
    # Stable: of equally long matches the vocabulary's first phrase wins.
    longest_first = sorted(found, key=lambda f: -len(f[0]))
    taken: dict[str, set[int]] = {}
    # The length of the longest look-alike over each word: as many steps as there are words.
    widest: dict[tuple[str, int], int] = {}
    for finding, masks in masked.items():
        for mask in masks:
            for token in mask:
                widest[finding, token] = max(len(mask), widest.get((finding, token), 0))
    kept = []
    for tokens, phrase in longest_first:
        looks_like = any(widest.get((phrase.finding, t), 0) >= len(tokens) for t in tokens)
        used = taken.setdefault(phrase.finding, set())
        if looks_like or not used.isdisjoint(tokens):
            continue
        used.update(tokens)
        kept.append((tokens, phrase))
    return sorted(kept, key=lambda f: (f[0][0], f[1].finding))
