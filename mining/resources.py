"""The data files a mining run rests on, loaded once per process, and their fingerprints."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from mining.assertion.negex import NegexJudge
from mining.assertion.rule_files import load_rules
from mining.assertion.rulebook import RuleBook
from mining.concepts import LinkedMatcher, Linker, PhraseMatcher
from mining.concepts.linker import known_words
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


def _matcher(settings: MiningSettings, vocabulary: Vocabulary) -> PhraseMatcher | LinkedMatcher:
    phrases = PhraseMatcher(vocabulary)
    if settings.concepts == "phrases":
        return phrases
    linker = Linker(vocabulary, known=known_words(load_vocabulary()))
    return LinkedMatcher(phrases, linker, phrases=settings.concepts == "both")


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
