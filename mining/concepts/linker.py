"""Finding mentions by scispaCy's linker: misspelt words are linked, and the phrases read again.

Only words that neither the vocabulary nor its examples know are looked up, each once. A word that
links to a word of the vocabulary is read as that word; a mention that rests on it says so.
"""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mining.concepts.knowledge import candidate_generator, words_of, write_entities
from mining.concepts.phrases import Found, PhraseMatcher
from mining.tokens import tokenize
from mining.vocabulary import LookAlike, Phrase, Vocabulary

SETTINGS = Path(__file__).parent / "linker.toml"
_CANDIDATES = 8


@dataclass(frozen=True, slots=True)
class Link:
    """The word of the vocabulary that an unknown word is taken for, and how alike they are."""

    word: str
    similarity: float
    distance: int


@dataclass(frozen=True)
class LinkerSettings:
    """What may be taken for a misspelling; see linker.toml."""

    shortest: int
    long: int
    similarity: tuple[float, float]
    known: frozenset[str]
    findings: dict[str, float]


def load_linker_settings(file: Path = SETTINGS) -> LinkerSettings:
    """The settings in this file. Errors: those of tomllib; KeyError for one that is missing."""
    data = tomllib.loads(file.read_text(encoding="utf-8"))
    one, two = data["similarity"]
    return LinkerSettings(
        data["shortest"], data["long"], (one, two), frozenset(data["known"]), data["findings"]
    )


class Linker:
    """Links words that the vocabulary does not know to those that it does.

    A small vocabulary knows few words: `known` are others that are no misspelling.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        settings: LinkerSettings | None = None,
        known: Iterable[str] = (),
    ) -> None:
        self.settings = settings or load_linker_settings()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "knowledge.jsonl"
            write_entities(vocabulary, path, self.settings.shortest)
            self._generator: Any = candidate_generator(path)
        self._seen = {*known_words(vocabulary), *self.settings.known, *known}
        self._links: dict[str, Link] = {}

    def prepare(self, words: Iterable[str]) -> None:
        """Looks the unknown ones of these lower-cased words up, in one batch."""
        unknown = sorted(set(words) - self._seen)
        self._seen.update(unknown)
        looked = [w for w in unknown if len(w) >= self.settings.shortest and w.isalpha()]
        if not looked:
            return
        for word, candidates in zip(looked, self._generator(looked, _CANDIDATES), strict=True):
            pairs = {
                (alias, score)
                for candidate in candidates
                for alias, score in zip(candidate.aliases, candidate.similarities, strict=True)
            }
            link = self._best(word, pairs)
            if link is not None:
                self._links[word] = link

    def links(self, words: Sequence[str]) -> dict[int, Link]:
        """The links of a sentence's words, by their number."""
        if not self._seen.issuperset(words):
            self.prepare(words)
        links = self._links
        if not links or links.keys().isdisjoint(words):
            return {}
        return {n: links[word] for n, word in enumerate(words) if word in links}

    def _best(self, word: str, pairs: set[tuple[str, float]]) -> Link | None:
        settings = self.settings
        most = 2 if len(word) >= settings.long else 1
        fitting = []
        for alias, score in pairs:
            if alias[0] != word[0] or abs(len(alias) - len(word)) > most:
                continue
            distance = edit_distance(word, alias, most)
            if distance <= most and score >= settings.similarity[distance - 1]:
                fitting.append((distance, -score, alias))
        if not fitting:
            return None
        distance, score, alias = min(fitting)
        return Link(alias, min(1.0, -score), distance)


class LinkedMatcher:
    """Finds mentions by phrases and by the linker, united; each mention says who found it."""

    def __init__(self, matcher: PhraseMatcher, linker: Linker, *, phrases: bool = True) -> None:
        self._matcher = matcher
        self._linker = linker
        self._phrases = phrases

    def prepare(self, texts: Iterable[str]) -> None:
        """Looks up the unknown words of all these sentences at once; finding needs no such call."""
        self._linker.prepare({t[a:b].lower() for t in texts for a, b in tokenize(t)})

    def find(self, words: Sequence[str]) -> list[Found]:
        """The mentions in a sentence of these lower-cased words, in order of their first word."""
        links = self._linker.links(words)
        own = self._matcher.find(words)
        if not links:
            return own if self._phrases else []
        corrected = [links[n].word if n in links else word for n, word in enumerate(words)]
        judged = (self._judged(found, links, own) for found in self._matcher.find(corrected))
        united = [found for found in judged if found is not None]
        if not self._phrases:
            return [found for found in united if found.source != "phrase"]
        return united if _covers(united, own) else own

    def _judged(self, found: Found, links: dict[int, Link], own: list[Found]) -> Found | None:
        used = [links[n] for n in found.tokens if n in links]
        if not used:
            return found
        similarity = min(link.similarity for link in used)
        if similarity < self._linker.settings.findings.get(found.finding, 0.0):
            return None
        tokens = set(found.tokens)
        both = any(
            f.finding == found.finding and not f.needs_rule and not tokens.isdisjoint(f.tokens)
            for f in own
        )
        return replace(found, source="both" if both else "linker", similarity=similarity)


def _covers(united: Sequence[Found], own: Sequence[Found]) -> bool:
    """Whether no finding that the phrases alone found has been lost."""
    return {f.finding for f in own} <= {f.finding for f in united}


def known_words(vocabulary: Vocabulary) -> set[str]:
    """The words of the vocabulary's phrases, look-alikes, stops and example sentences."""
    known = set(vocabulary.stops)
    for entry in vocabulary.entries:
        sources: list[Phrase | LookAlike] = [*entry.phrases, *entry.look_alikes]
        for source in sources:
            known |= words_of(source)
        examples = [t for s in sources for t in s.yes] + [t for p in entry.phrases for t in p.no]
        known |= {text[a:b].lower() for text in examples for a, b in tokenize(text)}
    return known


def edit_distance(one: str, other: str, most: int) -> int:
    """How many letters were added, lost, changed or swapped; `most` + 1 where it is more.

    >>> edit_distance("effusoin", "effusion", 2), edit_distance("effusive", "effusion", 1)
    (1, 2)

    Source: Damerau, CACM 1964 (swaps of neighbours; no part edited twice).
    """
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and b == one[i - 2]:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
        before, last = last, row
    return min(last[-1], most + 1)
