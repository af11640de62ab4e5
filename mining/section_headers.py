"""What is a header: the spellings of sections.toml, and their misspellings by one letter."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

__all__ = ["FINDING_LABEL", "LABEL", "HeaderError", "Headers", "load_headers"]

LABEL: Final = "\0label"
"""What `Headers.find` says of a list line inside findings, such as "Lungs"."""
FINDING_LABEL: Final = "\0finding"
"""The same of a label that is itself a finding, such as "Pneumothorax"."""

_DATA = Path(__file__).with_name("sections.toml")
_MINED = frozenset({"main", "extra", "rest", "never"})
_TYPO_LETTERS = 6  # shorter headers have too many neighbours ("plan", "lean")
_LONGEST = 80
_MEMO = 50_000

_DECORATION = re.compile(r"\([^()]*\)|<[^<>]{1,10}>|[*_#`]+")
_SPACE = re.compile(r"\s*/\s*|\s+")
_TIME = re.compile(r"(?:[ap]\.m\.?|[\d:/._-]+)(?=[\s,]|$)", re.IGNORECASE)
_WORD = re.compile(r"[^\s,/()&-]+")


class HeaderError(ValueError):
    """A mistake in a file of headers; `file`, `section` and `problem` say which."""

    def __init__(self, file: Path, section: str, problem: str) -> None:
        self.file, self.section, self.problem = file, section, problem
        super().__init__(f"{file.name}, section {section!r}: {problem}")


@dataclass(frozen=True)
class Headers:
    """Known headers: normalised spelling → section, and how each section is mined."""

    names: Mapping[str, str]
    mined: Mapping[str, str]
    qualifiers: frozenset[str]
    not_after: frozenset[str]
    labels: Mapping[str, str]
    view_title: str
    view_words: frozenset[str]
    view_core: frozenset[str]
    first_words: frozenset[str]
    _shortened: Mapping[str, frozenset[str]]
    _memo: dict[str, str | None] = field(default_factory=dict)

    def find(self, raw: str) -> str | None:
        """The section that a text in front of a colon heads, a list label's kind, or None.

        >>> headers = load_headers()
        >>> [headers.find(raw) for raw in ("NDICATION", "Chest findings", "Lungs", "The lungs")]
        ['indication', 'findings', '\\x00label', None]
        """
        try:
            return self._memo[raw]
        except KeyError:
            pass
        if len(self._memo) >= _MEMO:
            self._memo.clear()
        found = self._memo[raw] = self._find(raw)
        return found

    def find_exact(self, raw: str) -> str | None:
        """The section that a text heads by itself: no misspellings, labels or titles of views."""
        return self._qualified(normalise(raw)) if len(raw) <= _LONGEST else None

    def _find(self, raw: str) -> str | None:
        if len(raw) > _LONGEST:
            return None
        key = normalise(raw)
        found = self._qualified(key)
        if found is not None:
            return found
        if key in self.labels:
            return self.labels[key]
        if self._is_view_title(raw):
            return self.view_title
        return self._misspelt(key)

    def _qualified(self, key: str) -> str | None:
        name = self.names.get(key)
        while name is None and " " in key:
            first, key = key.split(" ", 1)
            if first not in self.qualifiers:
                return None
            name = self.names.get(key)
            if name is not None and self.mined[name] != "main":
                return None  # "chest findings" are findings; "chest comparison" is anything
        return name

    def _is_view_title(self, raw: str) -> bool:
        words = _WORD.findall(_TIME.sub(" ", raw.lower().replace("_", " ")))
        return not self.view_core.isdisjoint(words) and self.view_words.issuperset(
            word.rstrip(".") for word in words
        )

    def _misspelt(self, key: str) -> str | None:
        """The one section within one edit, from spellings that share a form with a letter left out.

        Two words within one edit (a swap of neighbours counts as one) share such a form or are
        each other's; so only those few are compared (the idea of SymSpell).
        """
        if len(key) < _TYPO_LETTERS - 1:
            return None
        near = {known for form in _forms(key) for known in self._shortened.get(form, ())}
        sections = {self.names[known] for known in near if one_edit(key, known)}
        return sections.pop() if len(sections) == 1 else None


def normalise(raw: str) -> str:
    """A header's spelling, fit to be looked up.

    >>> normalise("**Findings  (prelim) &  Impression**")
    'findings and impression'
    """
    plain = _DECORATION.sub(" ", raw).replace("&", " and ").lower()
    return _SPACE.sub(lambda m: "/" if "/" in m[0] else " ", plain).strip(" .,-–—\t\r")


def one_edit(a: str, b: str) -> bool:
    """Whether one letter more, less or other, or two neighbours swapped, make `a` into `b`.

    >>> [one_edit("findings", word) for word in ("findngs", "fidnings", "finding", "fundigns")]
    [True, True, True, False]
    """
    if abs(len(a) - len(b)) > 1:
        return False
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), None)
    if at is None:
        return True
    if len(a) != len(b):
        short, long = sorted((a, b), key=len)
        return short[at:] == long[at + 1 :]
    return a[at + 1 :] == b[at + 1 :] or (
        a[at : at + 2] == b[at : at + 2][::-1] and a[at + 2 :] == b[at + 2 :]
    )


def _forms(word: str) -> set[str]:
    return {word} | {word[:i] + word[i + 1 :] for i in range(len(word))}


@cache
def load_headers(file: Path = _DATA) -> Headers:
    """The headers of a file.

    Raises:
        HeaderError: an unknown key or value, or one spelling in two sections.
    """
    data = tomllib.loads(file.read_text(encoding="utf-8"))
    names: dict[str, str] = {}
    mined: dict[str, str] = {}
    for entry in data["section"]:
        _add_section(file, entry, names, mined)
    views = data["view_title"]
    if views["name"] not in mined:
        raise HeaderError(file, views["name"], "view_title names a section that is not in the file")
    spelled = [known for known in names if sum(map(str.isalpha, known)) >= _TYPO_LETTERS]
    qualifiers = frozenset(data["qualifiers"])
    return Headers(
        names=names,
        mined=mined,
        qualifiers=qualifiers,
        not_after=frozenset(data["not_after"]),
        labels={normalise(label): LABEL for label in data["labels"]["words"]}
        | {normalise(label): FINDING_LABEL for label in data["labels"]["findings"]},
        view_title=views["name"],
        view_words=frozenset(views["words"]),
        view_core=frozenset(views["must_hold"]),
        first_words=frozenset(re.split(r"[ /]", known)[0] for known in names) | qualifiers,
        _shortened=_index(spelled),
    )


def _add_section(
    file: Path, entry: Mapping[str, Any], names: dict[str, str], mined: dict[str, str]
) -> None:
    name = entry.get("name", "(no name)")
    if unknown := set(entry) - {"name", "mined", "headers", "examples"}:
        raise HeaderError(file, name, f"unknown key {min(unknown)!r}: remove or correct it")
    if entry.get("mined") not in _MINED:
        expected = ", ".join(sorted(_MINED))
        raise HeaderError(file, name, f"mined is {entry.get('mined')!r}: write one of {expected}")
    if not entry.get("examples"):
        raise HeaderError(file, name, "no examples: write a line or more that must be read as it")
    mined[name] = entry["mined"]
    for header in entry["headers"]:
        known = names.setdefault(normalise(header), name)
        if known != name:
            raise HeaderError(file, name, f"{header!r} belongs to {known!r} too: keep one")


def _index(words: Iterable[str]) -> dict[str, frozenset[str]]:
    index: dict[str, set[str]] = {}
    for word in words:
        for form in _forms(word):
            index.setdefault(form, set()).add(word)
    return {form: frozenset(known) for form, known in index.items()}
