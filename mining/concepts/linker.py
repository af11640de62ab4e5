"""Linking misspelt words to words of the vocabulary, by scispaCy's candidate generator.

Only words that neither the vocabulary nor its examples know are looked up, each once. The generator
costs half a second to load and is loaded when the first word comes that a link is possible for.
"""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from mining.concepts.knowledge import (
    aliases_of,
    candidate_generator,
    require_linker,
    words_of,
    write_entities,
)
from mining.tokens import tokenize
from mining.vocabulary import LookAlike, Phrase, Vocabulary

SETTINGS = Path(__file__).parent / "linker.toml"
_CANDIDATES = 8
_REMEMBERED = 500_000  # words without a link: numbers and names would grow with the corpus
# The similarity that scispaCy weighs by rarity was within this of the share of 3-grams, on words of
# reports outside of the test split.
_SLACK = 0.1


@dataclass(frozen=True, slots=True)
class Link:
    """The word of the vocabulary that unknown ones are taken for, and how alike they are."""

    word: str
    similarity: float
    distance: int
    words: int = 1  # 2: a word cut in two


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

    Raises:
        LinkerMissingError: scispaCy, scikit-learn or nmslib is not installed; when loading, broken.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        settings: LinkerSettings | None = None,
        known: Iterable[str] = (),
    ) -> None:
        require_linker()
        self.settings = settings or load_linker_settings()
        self._vocabulary = vocabulary
        self._generator: Any = None
        self._aliases = frozenset(aliases_of(vocabulary, self.settings.shortest))
        self._longest = max(map(len, self._aliases), default=0) + 2
        self._near: dict[str, list[str]] = {}
        for alias in self._aliases:
            for near in self._without_letters(alias):
                self._near.setdefault(near, []).append(alias)
        self._known = {*known_words(vocabulary), *self.settings.known, *known}
        self._fine = set(self._known)  # words that no link begins with or is cut out of
        self._pieces = frozenset(
            piece for a in self._aliases for at in range(1, len(a)) for piece in (a[:at], a[at:])
        )
        self._looked: set[str] = set()
        self._links: dict[str, Link] = {}

    def _without_letters(self, word: str) -> set[str]:
        """The word less each letter; from one letter below the long ones on, less each two."""
        shorter = {word[:at] + word[at + 1 :] for at in range(1, len(word))}
        found = {word, *shorter}
        # One letter shorter: a long word that lost a letter may stand beside a word that is long.
        if len(word) >= self.settings.long - 2:
            found.update(w[:at] + w[at + 1 :] for w in shorter for at in range(1, len(w)))
        return found

    def _possible(self, word: str) -> bool:
        """Whether a link is possible: some word of the vocabulary is near and shares letters."""
        if " " in word:
            return True
        # What is longer than every word we know is near none, and costs its length cubed to ask.
        if not self.settings.shortest <= len(word) <= self._longest or not word.isalpha():
            return False
        nearby = self._without_letters(word) & self._near.keys()
        near = {alias for shorter in nearby for alias in self._near[shorter]}
        most = self._most(word)
        for alias in near:
            distance = edit_distance(word, alias, most) if alias[0] == word[0] else most + 1
            if distance <= most:
                least = self.settings.similarity[distance - 1] - _SLACK
                if shared_grams(word, alias) >= least:
                    return True
        return False

    def _most(self, word: str) -> int:
        return 2 if len(word) >= self.settings.long else 1

    def links(self, words: Sequence[str]) -> dict[int, Link]:
        """The links of a sentence's lower-cased words, by the number of their first word."""
        if self._fine.issuperset(words):
            return {}
        keys = {n: word for n, word in enumerate(words) if word not in self._known}
        for n, (one, other) in enumerate(pairwise(words)):
            if one + other in self._aliases and (n in keys or n + 1 in keys):
                keys[n] = f"{one} {other}"  # one word cut in two
        if not self._looked.issuperset(keys.values()):
            self._look_up(set(keys.values()) - self._looked)
        return {n: self._links[key] for n, key in keys.items() if key in self._links}

    def _look_up(self, unknown: set[str]) -> None:
        if len(self._looked) > _REMEMBERED:
            self._looked, self._fine = set(self._links), set(self._known)
        self._ask(unknown)
        self._looked |= unknown
        self._fine |= unknown - self._links.keys() - self._pieces

    def _ask(self, unknown: set[str]) -> None:
        looked = sorted(word for word in unknown if self._possible(word))
        if not looked:
            return
        if self._generator is None:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "knowledge.jsonl"
                write_entities(self._vocabulary, path, self.settings.shortest)
                self._generator = candidate_generator(path)
        for word, candidates in zip(looked, self._generator(looked, _CANDIDATES), strict=True):
            pairs = {
                (alias, score)
                for candidate in candidates
                for alias, score in zip(candidate.aliases, candidate.similarities, strict=True)
            }
            link = self._best(word, pairs)
            if link is not None:
                self._links[word] = link

    def _best(self, word: str, pairs: set[tuple[str, float]]) -> Link | None:
        settings = self.settings
        if " " in word:
            whole = word.replace(" ", "")
            return next((Link(a, min(1.0, s), 1, 2) for a, s in pairs if a == whole), None)
        most = self._most(word)
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


def shared_grams(one: str, other: str) -> float:
    """The similarity of two words by their character 3-grams, each counted alike.

    >>> shared_grams("edema", "edema"), shared_grams("edema", "mass")
    (1.0, 0.0)
    """
    here, there = ({f" {w} "[at : at + 3] for at in range(len(w))} for w in (one, other))
    return float(len(here & there) / (len(here) * len(there)) ** 0.5)


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
