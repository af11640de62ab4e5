"""Dates, names and numbers of patients out of reports, before anything of them is stored.

Microsoft's Presidio finds them, by its own recognizers for dates, telephone numbers and numbers of
the American social security, and by patterns for what stands in radiology reports. What is found
becomes XXXX, the mask of the OpenI corpus, which the sentence splitter and the parser know. Names
without a title or a label before them need a spaCy model that knows persons: name an installed one.
docs/security.md says what is missed.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pyarrow as pa

from mining.identifiers import IDENTIFIERS, Identifier
from mining.ingest.normalise import Normalised
from mining.privacy import Privacy
from mining.vocabulary import load_vocabulary

MASK = "XXXX"
MASKED = "identifiers masked"
_LONGEST = 2_000
_SURE = 0.5  # Presidio's dates without a day or a year, as 1/2, are often no dates
_OWN_NUMBERS = ("report_id", "study_id", "patient_id")
_SHORTEST_OWN = 5  # characters; a shorter id is a word or a number of its own somewhere


class DeidentifierError(RuntimeError):
    """What de-identification needs is not there: `missing`, and what `to_do`."""

    def __init__(self, missing: str, to_do: str) -> None:
        self.missing, self.to_do = missing, to_do
        super().__init__(f"--deidentify: {missing} is not there. {to_do}")


@dataclass(frozen=True)
class Deidentifier:
    """Masks identifiers. `id` changes with all that its answers depend on."""

    id: str
    recognizers: Sequence[tuple[Any, str]]
    words: frozenset[str]
    names: Any = None

    def mask(self, text: str, numbers: Iterable[str] = ()) -> tuple[str, int]:
        """The text with XXXX for every identifier, and how many there were.

        `numbers` are those of the report itself, masked wherever they stand.
        """
        spans = {*_literal(text, numbers)}
        for at, piece in _pieces(text):
            spans |= {(at + start, at + end) for start, end in self._found(piece)}
        parts, at, count = [], 0, 0
        for start, end in _merged(sorted(spans)):
            parts += [text[at:start], MASK]
            at, count = end, count + 1
        return "".join([*parts, text[at:]]), count

    def masked(self, batches: Iterable[Normalised], notes: Counter[str]) -> Iterator[Normalised]:
        """The batches with masked texts; `notes` counts the masks."""
        for batch in batches:
            yield replace(batch, reports=self._masked(batch.reports, notes))

    def _masked(self, reports: pa.Table, notes: Counter[str]) -> pa.Table:
        own = zip(*(reports[name].to_pylist() for name in _OWN_NUMBERS), strict=True)
        texts = []
        for text, numbers in zip(reports["text"].to_pylist(), own, strict=True):
            masked, count = self.mask(text, filter(None, numbers))
            texts.append(masked)
            notes[MASKED] += count
        digests = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        for name, values in (("text", texts), ("text_sha256", digests)):
            at = reports.schema.get_field_index(name)
            reports = reports.set_column(
                at, reports.schema.field(at), pa.array(values, pa.string())
            )
        return reports

    def _found(self, text: str) -> Iterator[tuple[int, int]]:
        for recognizer, kind in self.recognizers:
            for one in recognizer.analyze(text, [kind], None):
                if one.score >= _SURE or kind == "PHONE_NUMBER":
                    yield from self._kept(text, one.start, one.end, kind)
        if self.names is not None:
            for person in self.names(text).ents:
                if person.label_ in ("PERSON", "PER"):
                    yield from self._kept(text, person.start_char, person.end_char, "NAME")

    def _kept(self, text: str, start: int, end: int, kind: str) -> Iterator[tuple[int, int]]:
        """The span; of a name as much as stands before a word of the vocabulary."""
        if kind == "NAME":
            at = start
            for word in text[start:end].split():
                at = text.index(word, at)
                if len(word.strip(".,")) > 1 and word.strip(".,").lower() in self.words:
                    end = at
                    break
                at += len(word)
            end = start + len(text[start:end].rstrip(" ,"))
        if start < end:
            yield start, end


def the_deidentifier(privacy: Privacy) -> Deidentifier | None:
    """The deidentifier that is asked for. Errors: as for `load_deidentifier`."""
    return load_deidentifier(privacy.names) if privacy.deidentify else None


@lru_cache(maxsize=2)
def load_deidentifier(names: str = "") -> Deidentifier:
    """The deidentifier; `names` is an installed spaCy model that knows persons, or its folder.

    Raises:
        DeidentifierError: Presidio is not installed, or there is no such model.
    """
    try:
        from presidio_analyzer import Pattern, PatternRecognizer
        from presidio_analyzer.predefined_recognizers import DateRecognizer, PhoneRecognizer
    except ImportError as error:
        raise DeidentifierError("Presidio", "Run: pip install 'cxrmine[deid]'") from error

    def own(one: Identifier) -> tuple[Any, str]:
        pattern = Pattern(one.name, one.pattern, 1.0)
        recognizer = PatternRecognizer(
            one.kind, name=one.name, patterns=[pattern], global_regex_flags=one.flags
        )
        return recognizer, one.kind

    recognizers = [
        (DateRecognizer(), "DATE_TIME"),
        (PhoneRecognizer(supported_regions=("US",)), "PHONE_NUMBER"),
        *map(own, IDENTIFIERS),
    ]
    model = _model(names) if names else None
    return Deidentifier(deidentifier_id(names), recognizers, _clinical_words(), model)


def deidentifier_id(names: str = "") -> str:
    """What the answers depend on: the libraries, our patterns, the vocabulary, the model.

    Raises:
        DeidentifierError: Presidio is not installed, or there is no such model.
    """
    try:
        libraries = [f"{name} {version(name)}" for name in ("presidio-analyzer", "phonenumbers")]
    except PackageNotFoundError as error:
        raise DeidentifierError("Presidio", "Run: pip install 'cxrmine[deid]'") from error
    own = hashlib.sha256(repr((IDENTIFIERS, sorted(_clinical_words()))).encode())
    own.update(Path(__file__).read_bytes())
    model = _model_print(names) if names else "none"
    return " ".join([*libraries, f"patterns {own.hexdigest()[:16]}", f"names {model}"])


@lru_cache(maxsize=1)
def _model(name: str) -> Any:
    import spacy

    try:
        return spacy.load(name)
    except (OSError, ValueError) as error:
        to_do = "Install a spaCy model that knows persons, as en_core_web_lg, or name its folder."
        raise DeidentifierError(f"the model {name!r}", to_do) from error


def _model_print(name: str) -> str:
    meta: Mapping[str, Any] = _model(name).meta
    digest = hashlib.sha256()
    if Path(name).is_dir():
        for file in sorted(path for path in Path(name).rglob("*") if path.is_file()):
            digest.update(file.read_bytes())
    return f"{meta.get('lang')}_{meta.get('name')} {meta.get('version')} {digest.hexdigest()[:16]}"


@lru_cache(maxsize=1)
def _clinical_words() -> frozenset[str]:
    """Words that no name may swallow: those of findings, and those around them."""
    words = {
        word
        for entry in load_vocabulary().entries
        for phrase in entry.phrases
        for pattern in phrase.patterns
        for item in pattern.items
        for word in item.words
    }
    return frozenset(words | _NO_NAMES)


_NO_NAMES = frozenset(
    [
        "no",
        "not",
        "without",
        "and",
        "or",
        "the",
        "is",
        "was",
        "were",
        "are",
        "has",
        "had",
        "of",
        "on",
        "at",
        "in",
        "to",
        "for",
        "with",
        "by",
        "from",
        "about",
        "regarding",
        "findings",
        "impression",
        "indication",
        "comparison",
        "history",
        "technique",
        "there",
        "lungs",
        "chest",
        "heart",
        "called",
        "notified",
        "who",
        "this",
        "these",
        "any",
        "negative",
        "positive",
        "new",
        "stable",
        "small",
        "large",
        "name",
    ]
)


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """The text in pieces of bounded length with their offsets, cut at lines' or words' ends.

    Presidio compares all that it finds in a text with each other.

    >>> [piece for _, piece in _pieces("No mass.\\n" * 400)][0] == "No mass.\\n" * 222
    True
    """
    at = 0
    while at < len(text):
        end = min(at + _LONGEST, len(text))
        if end < len(text):
            cuts = (text.rfind(sign, at, end) + 1 for sign in "\n. ")
            end = next((cut for cut in cuts if cut > at), end)
        yield at, text[at:end]
        at = end


def _literal(text: str, numbers: Iterable[str]) -> Iterator[tuple[int, int]]:
    for number in numbers:
        if len(number) < _SHORTEST_OWN or not any(sign.isdigit() for sign in number):
            continue
        at = text.find(number)
        while at >= 0:
            yield at, at + len(number)
            at = text.find(number, at + len(number))


def _merged(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Spans that overlap as one.

    >>> list(_merged([(0, 4), (2, 6), (8, 9)]))
    [(0, 6), (8, 9)]
    """
    last: tuple[int, int] | None = None
    for start, end in spans:
        if last is not None and start < last[1]:
            last = (last[0], max(end, last[1]))
            continue
        if last is not None:
            yield last
        last = (start, end)
    if last is not None:
        yield last
