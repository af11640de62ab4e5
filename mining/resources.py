"""The data files a mining run rests on, loaded once per process, and their fingerprints."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from mining.assertion.negex import NegexJudge
from mining.assertion.rule_files import load_rules
from mining.assertion.rulebook import RuleBook
from mining.concepts import LinkedMatcher, Linker, PhraseMatcher
from mining.concepts.abbreviations import Finder
from mining.concepts.linker import known_words
from mining.concepts.umls import UmlsLinker, find_umls
from mining.concepts.umls_matcher import UmlsMatcher, load_umls_settings
from mining.finding_sets import FindingSet, load_finding_set
from mining.parsing import Parser, load_parser
from mining.profiles import Profile, load_profile
from mining.reading import SentenceReader
from mining.settings import MiningSettings
from mining.vocabulary import Vocabulary, load_vocabulary


@dataclass(frozen=True)
class Resources:
    """Vocabulary and rules, compiled."""

    vocabulary: Vocabulary
    book: RuleBook
    reader: SentenceReader


@lru_cache(maxsize=4)
def load_resources(settings: MiningSettings) -> Resources:
    """The vocabulary of the settings' findings, the rules, and the reader made of them."""
    vocabulary = the_findings(settings.findings).vocabulary
    book = load_rules()
    rival = NegexJudge() if settings.assertion == "negex" else None
    return Resources(vocabulary, book, SentenceReader(_matcher(settings, vocabulary), book, rival))


def _matcher(settings: MiningSettings, vocabulary: Vocabulary) -> Finder:
    phrases = PhraseMatcher(vocabulary)
    if settings.concepts == "phrases":
        return phrases
    linker = Linker(vocabulary, known=known_words(load_vocabulary()))
    linked = LinkedMatcher(phrases, linker, phrases=settings.concepts != "linker")
    if settings.concepts != "umls":
        return linked
    chosen = load_umls_settings()
    umls = UmlsLinker(find_umls(settings.umls), similarity=chosen.similarity)
    return UmlsMatcher(linked, phrases, vocabulary, umls, chosen)


@lru_cache(maxsize=4)
def the_findings(name: str) -> FindingSet:
    """The finding set of this name or file, loaded once per process."""
    return load_finding_set(name)


@lru_cache(maxsize=2)
def the_parser(name: str) -> Parser:
    """The parser of this name, loaded once per process."""
    return load_parser(name)


@lru_cache(maxsize=4)
def the_profile(name: str) -> Profile:
    """The profile of this name, loaded once per process."""
    return load_profile(name)
