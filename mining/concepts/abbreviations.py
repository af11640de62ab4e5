"""Abbreviations that a report defines: "right middle lobe atelectasis (RMLA)", later "RMLA".

scispaCy's `AbbreviationDetector` (Schwartz and Hearst, PSB 2003) finds the definitions. What an
abbreviation means is a matter of its report, while a sentence is read once for all reports: a
sentence that uses one is a sentence of its own, whose id holds what the abbreviation means.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Protocol

from mining.concepts.phrases import Found
from mining.sentences import sentence_key
from mining.tokens import tokenize

SOURCE = "abbreviation"
# What a definition looks like from afar; scispaCy is asked only then. Nothing is tried twice: what
# a wall of letters and hyphens costs is its length, not its length cubed.
_DEFINES = re.compile(
    r"\w\s*+\((?!X++\))[A-Za-z][a-z0-9-]*+[A-Z][A-Za-z0-9-]*+\)"  # right lower lobe (RLL)
    r"|\b[A-Z](?=[A-Za-z0-9-]{1,8}+\s*+\([a-z])[a-z0-9-]*+[A-Z]"  # RLL (right lower lobe)
)
_LONGEST_SENTENCE = 400  # words; the detector looks at every pair of parentheses
_LONGEST_FORM = 200  # characters; it is kept beside every sentence that uses it
_SHORT = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,8}\Z")


class Finder(Protocol):
    """Whoever finds mentions in lower-cased words."""

    def find(self, words: Sequence[str]) -> list[Found]:
        """The mentions, in order of their first word."""


class ReportAbbreviations:
    """What the sentences of one report, given in their order, have defined so far."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def used_in(self, sentence: str) -> tuple[str, ...]:
        """The abbreviations of earlier sentences that this one uses, each as "RMLA=long form".

        >>> report = ReportAbbreviations()
        >>> report.used_in("New right middle lobe atelectasis (RMLA).")
        ()
        >>> report.used_in("The RMLA is smaller.")
        ('RMLA=right middle lobe atelectasis',)
        """
        used: tuple[str, ...] = ()
        if self._known:
            words = {sentence[a:b] for a, b in tokenize(sentence)}
            used = tuple(f"{s}={self._known[s]}" for s in sorted(words & self._known.keys()))
        if "(" in sentence and _DEFINES.search(sentence):
            self._known.update(defined_in(sentence))
        return used


def keyed_sentence(text: str, used: Sequence[str]) -> tuple[str, str]:
    """The id and the plain text of a sentence; what it abbreviates is part of the id.

    >>> keyed_sentence("RMLA.", ())[0] == keyed_sentence("RMLA.", ("RMLA=right lung",))[0]
    False
    """
    key, plain = sentence_key(text)
    return (sentence_key("\0".join([plain, *used]))[0] if used else key), plain


def long_forms(used: Sequence[str] | None) -> dict[str, str]:
    """The long forms by abbreviation, from the lines that `used_in` gives.

    >>> long_forms(["RMLA=right middle lobe atelectasis"])
    {'RMLA': 'right middle lobe atelectasis'}
    """
    return dict(line.split("=", 1) for line in used or ())


@lru_cache(maxsize=4096)
def _defined_in(sentence: str) -> tuple[tuple[str, str], ...]:
    from spacy.tokens import Doc

    words = [sentence[a:b] for a, b in tokenize(sentence)]
    if len(words) > _LONGEST_SENTENCE:
        return ()
    detector = _detector()
    # A space after each word: the detector counts characters of words that are joined so.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # W036: a sentence without a definition
        doc = detector(Doc(detector.matcher.vocab, words=words, spaces=[True] * len(words)))
    pairs = {
        (short.text, " ".join(t.text for t in short._.long_form)) for short in doc._.abbreviations
    }
    fitting = (p for p in pairs if _SHORT.match(p[0]) and len(p[0]) < len(p[1]) <= _LONGEST_FORM)
    return tuple(sorted(fitting))


def defined_in(sentence: str) -> dict[str, str]:
    """The abbreviations that a sentence defines, with their long forms.

    >>> defined_in("A small left pleural effusion (LPE) is seen.")
    {'LPE': 'left pleural effusion'}
    """
    return dict(_defined_in(sentence))


@lru_cache(maxsize=1)
def _detector() -> Any:
    import spacy
    from scispacy.abbreviation import AbbreviationDetector

    return AbbreviationDetector(spacy.blank("en"))


def find_expanded(
    finder: Finder, written: Sequence[str], meanings: Mapping[str, str]
) -> list[Found]:
    """The mentions in these words as written, abbreviations read as what they mean.

    A mention in a long form stands where its abbreviation stands, and says so.
    """
    words: list[str] = []
    origin: list[int] = []
    for number, word in enumerate(written):
        meaning = meanings.get(word)
        parts = [word] if meaning is None else [meaning[a:b] for a, b in tokenize(meaning)]
        words += [part.lower() for part in parts]
        origin += [number] * len(parts)
    taken: dict[str, set[int]] = {}
    kept = []
    for found in finder.find(words):
        tokens = tuple(dict.fromkeys(origin[t] for t in found.tokens))
        used = taken.setdefault(found.finding, set())
        if used.isdisjoint(tokens):
            used.update(tokens)
            through = any(written[t] in meanings for t in tokens)
            kept.append(replace(found, tokens=tokens, source=SOURCE if through else found.source))
    return kept
