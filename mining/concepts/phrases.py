"""Finding mentions by the vocabulary's phrases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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


_Entry = tuple[Pattern, Phrase | LookAlike]


class PhraseMatcher:
    """Finds mentions in the words of a sentence; compiled once from a vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._stops = vocabulary.stops
        index: dict[str, list[_Entry]] = {}
        for entry in vocabulary.entries:
            sources: list[Phrase | LookAlike] = [*entry.phrases, *entry.look_alikes]
            for source in sources:
                for pattern in source.patterns:
                    for word in pattern.first_words:
                        index.setdefault(word, []).append((pattern, source))
        self._index = {word: _by_next_word(entries) for word, entries in index.items()}

    def find(self, words: Sequence[str]) -> list[Found]:
        """The mentions in a sentence of these lower-cased words, in order of their first word.

        Look-alikes take away what they cover; of overlapping mentions of one finding the longest
        stays; mentions of different findings may overlap.
        """
        if self._index.keys().isdisjoint(words):
            return []
        found: list[tuple[tuple[int, ...], Phrase]] = []
        masked: dict[str, list[tuple[int, ...]]] = {}
        for tokens, source in self._matches(words):
            if isinstance(source, LookAlike):
                masked.setdefault(source.finding, []).append(tokens)
            else:
                found.append((tokens, source))
        return [_mention(tokens, phrase) for tokens, phrase in _resolve(found, masked)]

    def masked(self, words: Sequence[str]) -> dict[str, set[int]]:
        """The words that look like a finding and are not, by finding."""
        masked: dict[str, set[int]] = {}
        for tokens, source in self._matches(words):
            if isinstance(source, LookAlike):
                masked.setdefault(source.finding, set()).update(tokens)
        return masked

    def _matches(
        self, words: Sequence[str]
    ) -> Iterator[tuple[tuple[int, ...], Phrase | LookAlike]]:
        for start, word in enumerate(words):
            if word not in self._index:
                continue
            always, by_next = self._index[word]
            following = words[start + 1] if start + 1 < len(words) else ""
            for pattern, source in by_next.get(following, always):
                tokens = match_at(pattern, words, start, self._stops)
                if tokens is not None:
                    yield tokens, source


def _by_next_word(entries: Sequence[_Entry]) -> tuple[list[_Entry], dict[str, list[_Entry]]]:
    """The entries that any next word may follow, and by next word those that it may follow too."""
    nexts = [pattern.second_words for pattern, _ in entries]
    told = {word for words in nexts if words is not None for word in words}
    by_next = {
        word: [e for e, words in zip(entries, nexts, strict=True) if words is None or word in words]
        for word in told
    }
    return [e for e, words in zip(entries, nexts, strict=True) if words is None], by_next


def _mention(tokens: tuple[int, ...], phrase: Phrase) -> Found:
    return Found(
        tokens, phrase.finding, phrase.form, phrase.cui, phrase.certainty, phrase.needs_rule
    )


def _resolve(
    found: Sequence[tuple[tuple[int, ...], Phrase]], masked: dict[str, list[tuple[int, ...]]]
) -> list[tuple[tuple[int, ...], Phrase]]:
    if len(found) == 1 and not masked:
        return list(found)
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
