"""Which findings a sentence mentions."""

from mining.concepts.knowledge import LinkerMissingError
from mining.concepts.linked import LinkedMatcher
from mining.concepts.linker import Linker
from mining.concepts.phrases import Found, PhraseMatcher

__all__ = ["Found", "LinkedMatcher", "Linker", "LinkerMissingError", "PhraseMatcher"]
