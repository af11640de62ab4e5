"""Loading vocabulary files: a finding is one TOML file."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mining.vocabulary.patterns import Pattern, compile_pattern

VOCABULARY = Path(__file__).parent
_SHARED = "shared.toml"
_FILE_KEYS = {"name", "definition", "cuis", "words", "phrase", "look_alike"}
_PHRASE_KEYS = {"form", "cui", "patterns", "certainty", "needs_rule", "yes", "no"}
_LOOK_ALIKE_KEYS = {"reads", "patterns", "yes"}


class VocabularyError(ValueError):
    """A vocabulary file that can't be used: file, entry, what was found, what was expected."""

    def __init__(self, where: str, message: str) -> None:
        self.where = where
        super().__init__(f"{where}: {message}")


@dataclass(frozen=True)
class Phrase:
    """A way of saying a finding. ``certainty`` below 1: the words themselves are a hedge.

    ``needs_rule``: the words name an organ ("heart size"); they are a mention only where a rule
    decides about them ("heart size is normal").
    """

    finding: str
    form: str
    cui: str | None
    patterns: tuple[Pattern, ...]
    certainty: float = 1.0
    needs_rule: bool = False
    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()


@dataclass(frozen=True)
class LookAlike:
    """Words that contain a phrase of the finding and do not mean it."""

    finding: str
    reads: str
    patterns: tuple[Pattern, ...]
    yes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """A finding's vocabulary."""

    name: str
    definition: str
    cuis: tuple[str, ...]
    phrases: tuple[Phrase, ...]
    look_alikes: tuple[LookAlike, ...]
    file: str


@dataclass(frozen=True)
class Vocabulary:
    """The vocabularies of a set of findings."""

    entries: tuple[Entry, ...]
    stops: frozenset[str]
    content_hash: str

    def only(self, names: Iterable[str]) -> Vocabulary:
        """The same vocabulary without the other findings."""
        wanted = set(names)
        kept = tuple(e for e in self.entries if e.name in wanted)
        return Vocabulary(kept, self.stops, self.content_hash)

    @property
    def findings(self) -> tuple[str, ...]:
        """The names of the findings, in the order of their files' list."""
        return tuple(e.name for e in self.entries)


def load_vocabulary(files: Iterable[Path] | None = None) -> Vocabulary:
    """The vocabulary of these files (default: all that the package ships).

    Raises:
        VocabularyError: no TOML, unknown or missing key, a finding named twice.
        PatternError: a phrase that can't be compiled.
    """
    chosen = sorted(files) if files is not None else _shipped()
    digest = hashlib.sha256()
    shared = read_toml(VOCABULARY / _SHARED)
    entries: dict[str, Entry] = {}
    for file in chosen:
        entry = _entry(file)
        if entry.name in entries:
            raise VocabularyError(str(file), f"{entry.name} stands in {entries[entry.name].file}")
        entries[entry.name] = entry
    for file in [*chosen, VOCABULARY / _SHARED]:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return Vocabulary(tuple(entries.values()), frozenset(shared["stops"]), digest.hexdigest())


def _shipped() -> list[Path]:
    return sorted(p for p in VOCABULARY.glob("*.toml") if p.name != _SHARED)


def read_toml(file: Path) -> dict[str, Any]:
    """The file's data. VocabularyError when it is not there or is no TOML, with the line."""
    try:
        with file.open("rb") as handle:
            return tomllib.load(handle)
    except (ValueError, RecursionError) as error:  # bytes that are no text; nested too deeply
        raise VocabularyError(str(file), f"no valid TOML: {error}") from error
    except OSError as error:
        raise VocabularyError(str(file), f"{error.strerror}; expected a TOML file") from error


def line_of(file: Path, what: str, number: int = 0) -> int:
    """The line in which a key, or a header such as ``[[phrase]]``, begins for the nth time."""
    start = re.escape(what) + (r"\s*(#.*)?$" if what.startswith("[") else r"\s*=")
    lines = file.read_text(encoding="utf-8").splitlines()
    found = [n for n, line in enumerate(lines, 1) if re.match(rf"\s*{start}", line)]
    return found[number] if number < len(found) else 1


def line_with(file: Path, text: str) -> int | None:
    """The first line in which this text stands; None where it does not stand as it is."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return next((n for n, line in enumerate(lines, 1) if text in line), None)


def _entry(file: Path) -> Entry:
    data = read_toml(file)
    unknown = sorted(set(data) - _FILE_KEYS)
    _known(f"{file.name}:{line_of(file, unknown[0]) if unknown else 1}", data, _FILE_KEYS)
    for key in ("name", "definition", "phrase"):
        if not data.get(key):
            raise VocabularyError(
                f"{file.name}:1", f"no `{key}`; a finding needs name, definition, phrase"
            )
    lists = {}
    for key in data.get("words", {}):
        where = f"{file.name}:{line_of(file, key)}: words"
        lists[key] = frozenset(w.lower() for w in _strings(data["words"], key, where))
    name = data["name"]
    return Entry(
        name=name,
        definition=data["definition"],
        cuis=tuple(data.get("cuis", [])),
        phrases=tuple(
            _phrase(raw, name, lists, file, line_of(file, "[[phrase]]", n))
            for n, raw in enumerate(data["phrase"])
        ),
        look_alikes=tuple(
            _look_alike(raw, name, lists, file, line_of(file, "[[look_alike]]", n))
            for n, raw in enumerate(data.get("look_alike", []))
        ),
        file=file.name,
    )


def _known(where: str, data: Mapping[str, object], allowed: set[str]) -> None:
    unknown = sorted(set(data) - allowed)
    if unknown:
        raise VocabularyError(where, f"unknown keys {unknown}; known are {sorted(allowed)}")


def _phrase(
    raw: Mapping[str, Any], finding: str, lists: Mapping[str, frozenset[str]], file: Path, line: int
) -> Phrase:
    what = f"phrase {raw.get('form', '(no form)')}"
    where = f"{file.name}:{line}: {what}"
    _known(where, raw, _PHRASE_KEYS)
    if not raw.get("form") or not raw.get("yes") or not raw.get("no"):
        raise VocabularyError(where, "a phrase needs form, patterns, and `yes` and `no` sentences")
    return Phrase(
        finding=finding,
        form=raw["form"],
        cui=raw.get("cui"),
        patterns=_patterns(raw, lists, file, line, what),
        certainty=float(raw.get("certainty", 1.0)),
        needs_rule=bool(raw.get("needs_rule", False)),
        yes=_strings(raw, "yes", where),
        no=_strings(raw, "no", where),
    )


def _look_alike(
    raw: Mapping[str, Any], finding: str, lists: Mapping[str, frozenset[str]], file: Path, line: int
) -> LookAlike:
    what = f"look_alike {raw.get('reads', '')!r}"
    where = f"{file.name}:{line}: {what}"
    _known(where, raw, _LOOK_ALIKE_KEYS)
    if not raw.get("reads") or not raw.get("yes"):
        raise VocabularyError(where, "a look_alike needs reads, patterns and `yes` sentences")
    patterns = _patterns(raw, lists, file, line, what)
    return LookAlike(finding, raw["reads"], patterns, _strings(raw, "yes", where))


def _patterns(
    raw: Mapping[str, Any], lists: Mapping[str, frozenset[str]], file: Path, line: int, what: str
) -> tuple[Pattern, ...]:
    where = f"{file.name}:{line}: {what}"
    if not raw.get("patterns"):
        raise VocabularyError(where, "no `patterns`")
    patterns: list[Pattern] = []
    for text in _strings(raw, "patterns", where):
        own = line_with(file, f'"{text}"') or line
        patterns += compile_pattern(text, lists, f"{file.name}:{own}: {what}")
    return tuple(patterns)


def _strings(raw: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    """The list of texts under a key: a lone text would be read letter by letter."""
    value = raw[key]
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise VocabularyError(where, f"{key} = {value!r}: expected a list of texts")
    return tuple(value)
