"""Which findings a sentence mentions."""

from mining.concepts.phrases import Found, PhraseMatcher

__all__ = ["Found", "PhraseMatcher"]
