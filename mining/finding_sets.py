"""The finding set of a run: which findings, in which order, and the words for each.

A set is shipped ("chestxray8", "chestxray14", "chexpert14") or a TOML file of the user's own: the
vocabulary of one finding, or a list of findings. The list's form:

    name = "tb-screening"             # how tables and run.json call the set
    [[finding]]
    name = "Tuberculosis"             # the column; letters, digits and _
    file = "tuberculosis.toml"        # its vocabulary, beside the list
    [[finding]]
    name = "Pleural_Effusion"
    from = ["Effusion"]               # vocabularies of the package that lend their phrases
    forms = ["effusion"]              # which of their forms count; the others are look-alikes
    display = "Pleural effusion"      # for people; default: the name without _
    disease = true                    # false: keeps no report from having no finding

A finding with neither `file` nor `from` takes the package's vocabulary of its name.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from data_contracts import CHESTXRAY8, CHESTXRAY14, Finding, finding_set
from mining.concepts.phrases import PhraseMatcher
from mining.examples import ExampleError, read_example, tokens_of
from mining.reading import OTHER, cut
from mining.vocabulary import Entry, LookAlike, Vocabulary, VocabularyError, load_vocabulary
from mining.vocabulary.loader import VOCABULARY, line_of, line_with, read_toml

CHEXPERT = VOCABULARY / "chexpert" / "set.toml"
_SET_KEYS = {"name", "finding"}
_FINDING_KEYS = {"name", "display", "disease", "file", "from", "forms"}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_TAKEN = {OTHER, "report_id", "no_finding", "normal"}


@dataclass(frozen=True)
class FindingSet:
    """A set of findings with its vocabulary; `id` tells it from every other set."""

    id: str
    findings: tuple[Finding, ...]
    vocabulary: Vocabulary


def load_finding_set(name: str) -> FindingSet:
    """The finding set of this name, or of this TOML file; an own file's examples are checked.

    Raises:
        VocabularyError: no such file, no TOML, an unknown or missing key, a name that is taken, an
            example that the phrases do not find; with the line where it stands.
        PatternError: a phrase that can't be compiled.
    """
    if not name.endswith(".toml"):
        findings = finding_set(name)
        names = tuple(f.name for f in findings)
        if names in (CHESTXRAY8, CHESTXRAY14):
            return FindingSet(name, findings, load_vocabulary().only({*names, OTHER}))
        return FindingSet(name, findings, _listed(CHEXPERT, read_toml(CHEXPERT)).vocabulary)
    file = Path(name)
    data = read_toml(file)
    found = _single(file) if "phrase" in data else _listed(file, data)
    check_examples(found.vocabulary, file)
    return found


def _single(file: Path) -> FindingSet:
    shipped = load_vocabulary()
    own = load_vocabulary([file])
    [entry] = own.entries
    _check_name(entry.name, f"{file}:{line_of(file, 'name')}", set())
    entries = (entry, _entry_of(OTHER, shipped, str(file)))
    digest = hashlib.sha256((own.content_hash + shipped.content_hash).encode()).hexdigest()
    return _made(entry.name, [Finding(entry.name, entry.name.replace("_", " "))], entries, digest)


def _listed(file: Path, data: Mapping[str, Any]) -> FindingSet:
    unknown = sorted(set(data) - _SET_KEYS)
    if unknown:
        raise VocabularyError(
            f"{file}:{line_of(file, unknown[0])}",
            f"unknown key {unknown[0]!r}; a list of findings has {sorted(_SET_KEYS)}, the"
            " vocabulary of one finding has [[phrase]] entries",
        )
    rows = data.get("finding")
    if not isinstance(rows, list) or not rows or not isinstance(data.get("name"), str):
        raise VocabularyError(f"{file}:1", "expected a `name` and at least one [[finding]]")
    shipped = load_vocabulary()
    digest = hashlib.sha256(shipped.content_hash.encode() + file.read_bytes())
    findings: list[Finding] = []
    entries: list[Entry] = []
    for number, raw in enumerate(rows):
        where = f"{file}:{line_of(file, '[[finding]]', number)}"
        _check_row(raw, where, {f.name for f in findings})
        display = raw.get("display", raw["name"].replace("_", " "))
        findings.append(Finding(raw["name"], display, raw.get("disease", True)))
        entry, content = _entry(raw, file, shipped, where)
        digest.update(content)
        entries.append(entry)
    entries.append(_entry_of(OTHER, shipped, str(file)))
    return _made(data["name"], findings, tuple(entries), digest.hexdigest())


def _made(
    name: str, findings: list[Finding], entries: tuple[Entry, ...], digest: str
) -> FindingSet:
    vocabulary = Vocabulary(entries, load_vocabulary().stops, digest)
    columns = repr([(f.name, f.disease) for f in findings])
    short = hashlib.sha256(columns.encode()).hexdigest()[:12]
    return FindingSet(f"{name} {short}", tuple(findings), vocabulary)


def _check_row(raw: Mapping[str, Any], where: str, seen: set[str]) -> None:
    unknown = sorted(set(raw) - _FINDING_KEYS)
    if unknown:
        raise VocabularyError(where, f"unknown keys {unknown}; known are {sorted(_FINDING_KEYS)}")
    kinds = {"name": str, "display": str, "disease": bool, "file": str, "from": list, "forms": list}
    for key, kind in kinds.items():
        if key in raw and not isinstance(raw[key], kind):
            raise VocabularyError(
                where,
                f"{key} = {raw[key]!r}: expected {'a list' if kind is list else kind.__name__}",
            )
    if "forms" in raw and "from" not in raw:
        raise VocabularyError(
            where, "`forms` without `from`; expected the vocabularies to take from"
        )
    _check_name(raw.get("name"), where, seen)


def _check_name(name: str | None, where: str, seen: set[str]) -> None:
    if name is None or not _NAME.match(name):
        raise VocabularyError(where, f"name {name!r}: expected letters, digits and _")
    if name in _TAKEN or name in seen:
        raise VocabularyError(where, f"name {name!r} is taken; expected another")


def _entry(
    raw: Mapping[str, Any], file: Path, shipped: Vocabulary, where: str
) -> tuple[Entry, bytes]:
    """The vocabulary of one row of a list, and the bytes that it stands in."""
    name, content = raw["name"], b""
    parts = [_entry_of(n, shipped, where) for n in raw.get("from", [])]
    forms = raw.get("forms")
    if forms is not None:
        missing = sorted(set(forms) - {p.form for e in parts for p in e.phrases})
        if missing:
            raise VocabularyError(where, f"forms {missing} are in none of {raw['from']}")
        parts = [_with_forms(entry, frozenset(forms)) for entry in parts]
    if "file" in raw:
        path = file.parent / raw["file"]
        content = path.read_bytes() if path.is_file() else b""
        parts += load_vocabulary([path]).entries
    parts = parts or [_entry_of(name, shipped, where)]
    entry = Entry(
        name=name,
        definition=" ".join(part.definition for part in parts),
        cuis=tuple(dict.fromkeys(cui for part in parts for cui in part.cuis)),
        phrases=tuple(replace(p, finding=name) for part in parts for p in part.phrases),
        look_alikes=tuple(replace(k, finding=name) for part in parts for k in part.look_alikes),
        file=", ".join(part.file for part in parts),
    )
    return entry, content


def _with_forms(entry: Entry, forms: frozenset[str]) -> Entry:
    """The entry with the phrases of these forms; what the others match is a look-alike."""
    others = [p for p in entry.phrases if p.form not in forms]
    masks = tuple(LookAlike(p.finding, p.form, p.patterns) for p in others)
    kept = tuple(p for p in entry.phrases if p.form in forms)
    return replace(entry, phrases=kept, look_alikes=(*entry.look_alikes, *masks))


def _entry_of(name: str, shipped: Vocabulary, where: str) -> Entry:
    for entry in shipped.entries:
        if entry.name == name:
            return entry
    known = ", ".join(shipped.findings)
    raise VocabularyError(where, f"no vocabulary {name!r}; give a `file`, or one of {known}")


def check_examples(vocabulary: Vocabulary, file: Path) -> None:
    """Returns when each phrase finds what its `yes` sentences mark and nothing in its `no` ones.

    Raises:
        VocabularyError: with the first example that fails, or that marks nothing in brackets.
    """
    matcher = PhraseMatcher(vocabulary)
    for entry in vocabulary.entries:
        for phrase in entry.phrases:
            what = f"{entry.name}, phrase {phrase.form}"
            for marked in phrase.yes:
                where = f"{_line_of_example(marked, entry, file)}: {what}"
                try:
                    example = read_example(marked)
                except ExampleError as error:
                    raise VocabularyError(where, str(error)) from error
                sentence = cut(example.text)
                wanted = tuple(tokens_of(sentence.offsets, example.spans))
                found = matcher.find(sentence.words)
                if (wanted, entry.name) not in [(f.tokens, f.finding) for f in found]:
                    raise VocabularyError(where, f"its patterns do not find {marked!r}")
            for plain in phrase.no:
                where = f"{_line_of_example(plain, entry, file)}: {what}"
                found = matcher.find(cut(plain).words)
                if (entry.name, phrase.form) in [(f.finding, f.form) for f in found]:
                    raise VocabularyError(where, f"its patterns find something in {plain!r}")


def _line_of_example(text: str, entry: Entry, file: Path) -> str:
    """The file and line of an example: the list's own, or that of a vocabulary that it names."""
    names = [file.parent / name for name in entry.file.split(", ")]
    for path in (file, *names, *(VOCABULARY / path.name for path in names)):
        line = line_with(path, text) if path.is_file() else None
        if line is not None:
            return f"{path}:{line}"
    return str(file)
