"""The language of a report: what its record says, or what its words look like."""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from importlib.metadata import version
from typing import Any

# ISO 639-2 in both of its forms, and English names, of what the detector knows.
_CODES = {
    "en": ("eng", "english"), "de": ("ger", "deu", "german", "deutsch"),
    "fr": ("fre", "fra", "french"), "es": ("spa", "spanish"), "it": ("ita", "italian"),
    "pt": ("por", "portuguese"), "nl": ("dut", "nld", "dutch"), "sv": ("swe", "swedish"),
    "da": ("dan", "danish"), "nb": ("nob", "nor", "no", "norwegian"), "fi": ("fin", "finnish"),
    "pl": ("pol", "polish"), "cs": ("cze", "ces", "czech"), "tr": ("tur", "turkish"),
}  # fmt: skip
_BY_NAME = {name: code for code, names in _CODES.items() for name in names}
KNOWN = tuple(_CODES)
_PRIMARY = re.compile(r"[a-z]+")
_TAG = re.compile(r"[a-z]{2,3}")

# Terse English reports are half Latin, and look French: "Normal mediastinal contours. No effusion."
# Two of these words, which hardly any other language has, are evidence enough.
_ENGLISH = re.compile(r"\b(the|and|of|or|are|with|without|there|has|chest|heart|lungs?|size)\b")
_FEWEST_WORDS = 2
_LETTERS = re.compile(r"[^\W\d_]")
_FEWEST_LETTERS = 30
_LOOKED_AT = 2_000  # characters
_UNLIKELY = 0.05  # below this share the wanted language is ruled out


class DetectorMissing(ValueError):
    """Languages are to be told from texts, and what tells them is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "detect_language: found no lingua-language-detector, expected it to be installed. "
            "Run: pip install 'cxrmine[language]', or leave detect_language out."
        )


def language_code(text: str) -> str:
    """The language in two letters, of the ways in which records say it.

    >>> [language_code(text) for text in ("en-US", "ENG^English^ISO639", "German", "und")]
    ['en', 'en', 'de', 'und']
    """
    found = _PRIMARY.match(text.strip().lower())
    word = found[0] if found else ""
    return _BY_NAME.get(word, word)


def is_code(code: str) -> bool:
    """Whether it looks like a code of ISO 639: only these are shown.

    >>> is_code("de"), is_code("normalchest")
    (True, False)
    """
    return _TAG.fullmatch(code) is not None


def foreign_language(text: str, wanted: str) -> str | None:
    """The language that the text is in, if it clearly is not in the wanted one; else None.

    A text of a few words is never foreign: there is too little to tell by. The same text always
    gets the same answer. Errors: DetectorMissing.
    """
    text = text[:_LOOKED_AT].lower()
    if len(_LETTERS.findall(text)) < _FEWEST_LETTERS:
        return None
    if wanted == "en" and len(set(_ENGLISH.findall(text))) >= _FEWEST_WORDS:
        return None
    shares = _detector().compute_language_confidence_values(text)
    by_code = {_code(one.language): one.value for one in shares}
    best = max(by_code, key=lambda code: by_code[code], default=wanted)
    return best if best != wanted and by_code.get(wanted, 0.0) < _UNLIKELY else None


def detector_print() -> str:
    """What the answers depend on: the library and its version. Errors: DetectorMissing."""
    require_detector()
    return f"lingua {version('lingua-language-detector')}, rules 1"


def require_detector() -> None:
    """Returns when languages can be told. Errors: DetectorMissing."""
    if importlib.util.find_spec("lingua") is None:
        raise DetectorMissing


@cache
def _detector() -> Any:
    """Built once in a process: it takes a second, and holds its models in memory."""
    require_detector()
    from lingua import LanguageDetectorBuilder

    return LanguageDetectorBuilder.from_languages(*_languages()).build()


def _languages() -> list[Any]:
    from lingua import Language

    return [one for one in Language.all() if _code(one) in KNOWN]


def _code(language: Any) -> str:
    return str(language.iso_code_639_1.name).lower()
