"""A mention's sentence, as mining cuts it, out of the report as received."""

from __future__ import annotations

from mining.sections import mined_sections
from mining.sentences import split_sentences


def sentence_of(text: str, start: int, end: int) -> tuple[int, int]:
    """Where the sentence around text[start:end] begins and ends; its line where none is.

    >>> text = "FINDINGS: Clear. No mass is seen."
    >>> text[slice(*sentence_of(text, 20, 24))]
    'No mass is seen.'
    """
    for section in mined_sections(text):
        if section.start <= start and end <= section.end:
            for begin, stop in split_sentences(text, section.start, section.end):
                if begin <= start and end <= stop:
                    return begin, stop
    after = text.find("\n", end)
    return text.rfind("\n", 0, start) + 1, len(text) if after < 0 else after
