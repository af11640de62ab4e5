"""Which findings a sentence mentions."""

from mining.concepts.linker import LinkedMatcher, Linker
from mining.concepts.phrases import Found, PhraseMatcher

__all__ = ["Found", "LinkedMatcher", "Linker", "PhraseMatcher"]
