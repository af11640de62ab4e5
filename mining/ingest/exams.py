"""Which examinations are labelled: by modality, procedure, body part and language."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from .language import KNOWN, detector_print, foreign_language, is_code, language_code

KEEP, FILTER = "keep", "filter"
_LONGEST = 64  # characters of a pattern
_MOST = 1_000  # patterns
# A field may hold several values: HL7's repetitions, DICOM's backslash, lists of exports.
_BETWEEN = r"[\\,;~\n]"
_INSIDE = r"[^\\,;~\n]"
_SHOWN = re.compile(r"[A-Za-z0-9_. -]{1,16}")
_COLUMNS = {"modality": "modality", "procedure_codes": "procedure_code", "body_parts": "body_part"}


class ExamError(ValueError):
    """A filter of examinations that cannot be meant: the `key`, what was `found`."""

    def __init__(self, key: str, found: object, expected: str) -> None:
        self.key, self.found = key, found
        super().__init__(f"{key}: found {found!r}, expected {expected}")


@dataclass(frozen=True)
class ExamFilter:
    """Which examinations are labelled; what is left out is counted, by reason.

    Lists hold values or patterns (* any letters, ? one letter), capitals or not; an empty list
    asks nothing. Raises ExamError, and DetectorMissing.
    """

    modality: list[str] | tuple[str, ...] = ()
    procedure_codes: list[str] | tuple[str, ...] = ()
    body_parts: list[str] | tuple[str, ...] = ()
    language: str = ""
    detect_language: bool = False
    missing: str = KEEP

    def __post_init__(self) -> None:
        for key in _COLUMNS:
            object.__setattr__(self, key, tuple(getattr(self, key)))
            if getattr(self, key):
                _check_patterns(key, getattr(self, key))
        if self.language not in ("", *KNOWN):
            raise ExamError("language", self.language, f"one of {', '.join(KNOWN)}, or nothing")
        if self.missing not in (KEEP, FILTER):
            raise ExamError("missing", self.missing, f"{KEEP} or {FILTER}")
        if self.detect_language:
            if not self.language:
                raise ExamError("detect_language", True, "a language = that is looked for")
            detector_print()

    @property
    def asks(self) -> bool:
        """Whether anything may be left out at all."""
        return bool(self.modality or self.procedure_codes or self.body_parts or self.language)

    @property
    def fingerprint(self) -> str:
        """What the choice depends on; empty where there is none."""
        if not self.asks:
            return ""
        told = ", ".join(f"{item.name}={getattr(self, item.name)!r}" for item in fields(self))
        return f"{told}, {detector_print()}" if self.detect_language else told

    def to_json(self) -> dict[str, object]:
        """What is asked, key by key; empty where nothing is."""
        asked = asdict(self) if self.asks else {}
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asked.items()}

    @classmethod
    def from_json(cls, told: Mapping[str, Any] | None) -> Self:
        """The filter that `to_json` tells of."""
        return cls(**(told or {}))

    def reasons(self, reports: pa.Table) -> tuple[pa.Array, pa.Array]:
        """Column and reason for each report that is left out, null for those that are wanted.

        The first that is not as wanted is named: modality, procedure, body part, language.
        """
        column = reason = pa.nulls(reports.num_rows, pa.string())
        for key, name in _COLUMNS.items():
            if patterns := getattr(self, key):
                values = reports[name].combine_chunks()
                said = self._unwanted(name, values, _matches(values, patterns))
                column, reason = _first(column, reason, name, said)
        if self.language:
            column, reason = _first(column, reason, "language", self._foreign(reports, reason))
        return column, reason

    def _unwanted(self, name: str, values: pa.Array, wanted: pa.Array) -> pa.Array:
        """The reason for each value that is not wanted."""
        said = _shown(name, values)
        missing = self._missing(name)
        reasons = pc.if_else(wanted, pa.scalar(None, pa.string()), said)
        return pc.if_else(pc.is_null(values), missing, reasons)

    def _missing(self, name: str) -> pa.Scalar:
        return pa.scalar(f"{name}: missing" if self.missing == FILTER else None, pa.string())

    def _foreign(self, reports: pa.Table, known: pa.Array) -> pa.Array:
        """The reason for each report in another language. One that is out already is not read."""
        said = reports["language"].to_pylist()
        codes = {one: language_code(one) for one in set(said) if one}
        reasons: list[str | None] = []
        for one, text, out in zip(
            said, reports["text"].to_pylist(), known.is_valid().to_pylist(), strict=True
        ):
            reasons.append(None if out else self._language_reason(codes.get(one or ""), text))
        return pa.array(reasons, pa.string())

    def _language_reason(self, code: str | None, text: str) -> str | None:
        if code is None and self.detect_language:
            code = foreign_language(text, self.language)
        elif code is None:
            reason: str | None = self._missing("language").as_py()
            return reason
        if code is None or code == self.language:
            return None
        return f"language: {code if is_code(code) else 'other'}"


def _first(column: pa.Array, reason: pa.Array, name: str, said: pa.Array) -> tuple[pa.Array, ...]:
    """Column and reason, with these reasons where there was none."""
    mine = pc.and_(pc.is_null(reason), pc.is_valid(said))
    return pc.if_else(mine, name, column), pc.if_else(mine, said, reason)


def _matches(values: pa.Array, patterns: Sequence[str]) -> pa.Array:
    """Whether one of the values of a field is wanted. Arrow's patterns (RE2) never backtrack."""
    return pc.match_substring_regex(values, _pattern(patterns))


def _pattern(patterns: Sequence[str]) -> str:
    told = "|".join("".join(map(_letter, pattern.strip())) for pattern in patterns)
    return rf"(?i)(^|{_BETWEEN})\s*({told})\s*($|{_BETWEEN})"


def _letter(letter: str) -> str:
    if letter == "*":
        return f"{_INSIDE}*"
    return _INSIDE if letter == "?" else re.escape(letter)


def _shown(name: str, values: pa.Array) -> pa.Array:
    """What is said of these values. A column taken by mistake may hold text: that is not shown."""
    shown = [
        None if value is None else value if _SHOWN.fullmatch(value) else "other"
        for value in values.to_pylist()
    ]
    return pc.binary_join_element_wise(f"{name}:", pa.array(shown, pa.string()), " ")


def _check_patterns(key: str, patterns: Sequence[object]) -> None:
    if len(patterns) > _MOST:
        raise ExamError(key, f"{len(patterns)} patterns", f"{_MOST} at most")
    for pattern in patterns:
        if not isinstance(pattern, str) or not pattern.strip() or len(pattern) > _LONGEST:
            raise ExamError(key, pattern, f"texts of 1 to {_LONGEST} letters, as CR or 7104*")
    try:
        pc.match_substring_regex(pa.array([""]), _pattern([str(one) for one in patterns]))
    except pa.ArrowInvalid as error:
        raise ExamError(key, f"{len(patterns)} patterns", "fewer, or shorter ones") from error


EVERY_EXAM = ExamFilter()
