"""Mentions that only the UMLS knows by name, beside those of phrases and linker; CUIs for all."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mining.concepts.abbreviations import Finder
from mining.concepts.phrases import Found, PhraseMatcher
from mining.concepts.umls import UmlsLinker, noun_chunks
from mining.vocabulary import Vocabulary

SETTINGS = Path(__file__).parent / "umls.toml"
SOURCE = "umls"


@dataclass(frozen=True)
class UmlsSettings:
    """What counts as a link to the UMLS; see umls.toml."""

    similarity: float
    longest: int
    breaks: frozenset[str]


def load_umls_settings(file: Path = SETTINGS) -> UmlsSettings:
    """The settings in this file. Errors: those of tomllib; KeyError for one that is missing."""
    data = tomllib.loads(file.read_text(encoding="utf-8"))
    return UmlsSettings(data["similarity"], data["longest"], frozenset(data["breaks"]))


class UmlsMatcher:
    """Finds what another finder finds, and what the UMLS calls by a CUI of the vocabulary.

    A noun chunk, or its end without the words before, is a mention of the finding whose CUI it
    links to, unless a mention of that finding or a look-alike stands there. A mention whose phrase
    has no CUI gets that of its own words.
    """

    def __init__(
        self,
        finder: Finder,
        phrases: PhraseMatcher,
        vocabulary: Vocabulary,
        umls: UmlsLinker,
        settings: UmlsSettings | None = None,
    ) -> None:
        self._finder = finder
        self._phrases = phrases
        self._umls = umls
        self._settings = settings or load_umls_settings()
        self._by_cui = _by_cui(vocabulary)

    def find(self, words: Sequence[str]) -> list[Found]:
        """The mentions in a sentence of these lower-cased words, in order of their first word."""
        own = [self._with_cui(found, words) for found in self._finder.find(words)]
        more = self._linked(words, own)
        return sorted([*own, *more], key=lambda f: (f.tokens[0], f.finding)) if more else own

    def _with_cui(self, found: Found, words: Sequence[str]) -> Found:
        if found.cui is not None or found.needs_rule:
            return found
        [concepts] = self._umls.concepts([" ".join(words[t] for t in found.tokens)])
        return replace(found, cui=concepts[0][0]) if concepts else found

    def _linked(self, words: Sequence[str], own: list[Found]) -> list[Found]:
        ends = [
            range(at, chunk.stop)
            for chunk in noun_chunks(words, self._settings.breaks)
            for at in range(max(chunk.start, chunk.stop - self._settings.longest), chunk.stop)
        ]
        texts = [" ".join(words[span.start : span.stop]) for span in ends]
        answers = self._umls.concepts(texts) if texts else []
        links = [
            (similarity, span, meant)
            for span, concepts in zip(ends, answers, strict=True)
            for cui, similarity in concepts
            for meant in self._by_cui.get(cui, ())
        ]
        taken: dict[str, set[int]] = self._phrases.masked(words) if links else {}
        for found in own:
            taken.setdefault(found.finding, set()).update(found.tokens)
        linked = []
        # The surest first; of equally sure ones the fewest words.
        for similarity, span, meant in sorted(links, key=lambda k: (-round(k[0], 3), len(k[1]))):
            used = taken.setdefault(meant.finding, set())
            if used.isdisjoint(span):
                used.update(span)
                linked.append(replace(meant, tokens=tuple(span), similarity=similarity))
        return linked


def _by_cui(vocabulary: Vocabulary) -> dict[str, list[Found]]:
    """What a CUI means in this vocabulary: a finding, and the form of the phrase that has the CUI.

    A CUI of the whole entry means its first form.
    """
    meant: dict[str, list[Found]] = {}
    for entry in vocabulary.entries:
        own = {p.cui: p for p in reversed(entry.phrases) if p.cui is not None and not p.needs_rule}
        first = next((p for p in entry.phrases if not p.needs_rule), None)
        for cui in dict.fromkeys((*entry.cuis, *own)):
            phrase = own.get(cui, first)
            if phrase is not None:
                found = Found((), entry.name, phrase.form, cui, phrase.certainty, source=SOURCE)
                meant.setdefault(cui, []).append(found)
    return meant
