"""What the findings are called: one TOML file per finding, each phrase with its examples."""

from mining.vocabulary.loader import Entry, LookAlike, Phrase, Vocabulary, VocabularyError
from mining.vocabulary.loader import load_vocabulary as load_vocabulary
from mining.vocabulary.patterns import PatternError

__all__ = [
    "Entry",
    "LookAlike",
    "PatternError",
    "Phrase",
    "Vocabulary",
    "VocabularyError",
    "load_vocabulary",
]
