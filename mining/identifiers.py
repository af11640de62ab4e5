"""How names, numbers and dates of patients are written in radiology reports, as patterns."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Identifier:
    """A way of writing an identifier: its `kind` is Presidio's entity, NAME for all names.

    The pattern is one of the library `regex`; what stands before its ``\\K`` is not masked.
    """

    kind: str
    name: str
    pattern: str
    flags: int = re.MULTILINE | re.IGNORECASE


def _one_of(words: str) -> str:
    return "(?:" + "|".join(word.replace("_", " ") for word in words.split()) + ")"


_MONTH = _one_of(
    r"jan(?:uary)? feb(?:ruary)? mar(?:ch)? apr(?:il)? may june? july? aug(?:ust)? "
    r"sept?(?:ember)? oct(?:ober)? nov(?:ember)? dec(?:ember)?"
)
_MONTH += r"\.?"
_YEAR = r"(?:19|20)\d\d"
_DAY = r"(?:[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?"
# A word of a name in capitals and small letters, or in capitals alone; O'Brien, Smith-Jones, J.
_UP, _LOW = r"\p{Lu}", r"\p{Ll}"
_WORD = rf"(?:(?:{_UP}['’])?{_UP}{_LOW}+(?:-{_UP}{_LOW}+)?|{_UP}\.?(?=\s{_UP}))"
_CAPITALS = rf"(?:{_UP}['’])?{_UP}{{2,}}(?:-{_UP}{{2,}})?"
_NAME = rf"(?:{_WORD}(?:,?[ ]{_WORD}){{0,2}}|{_CAPITALS}(?:,[ ]{_CAPITALS})?)\b"
_NUMBER = r"[A-Z]{0,3}-?\d[\dA-Z/-]{3,19}"
_NUMBERED = _one_of(
    r"m\.?r\.?n medical_record accession acc(?:t|ession)? account patient_id pt_id chart ssn case "
    "visit"
)
_TITLE = _one_of(
    "[Dd]r DR [Dd]rs DRS Mr [Mm]rs MRS Ms [Mm]iss [Pp]rof [Dd]octor DOCTOR [Nn]urse NURSE"
)
_DEGREE = _one_of(r"M\.?D D\.?O R\.?N N\.?P P\.?A(?:-C)? Ph\.?D MBBS")
_LABEL = _one_of(
    "(?:[Pp]atient|[Pp]t)(?:'s)?(?:_[Nn]ame)? PATIENT(?:_NAME)? [Nn]ame NAME "
    "(?:[Rr]eferring|[Aa]ttending|[Oo]rdering|[Rr]eading)_(?:[Pp]hysician|[Rr]adiologist) "
    "[Rr]adiologist [Tt]ranscriptionist "
    "(?:[Dd]ictated|[Ss]igned|[Rr]ead|[Rr]eported|[Ii]nterpreted)_by DICTATED_BY SIGNED_BY"
)
_TOLD = _one_of(
    "[Dd]iscussed [Cc]ommunicated [Rr]eviewed [Dd]ictated [Ss]igned [Aa]pproved [Cc]onveyed "
    "[Rr]eported"
)
_CASED = re.MULTILINE

IDENTIFIERS = (
    Identifier("DATE_TIME", "month day, year", rf"\b{_MONTH} {_DAY},? {_YEAR}\b"),
    Identifier("DATE_TIME", "day month year", rf"\b{_DAY}(?: of)? {_MONTH},? {_YEAR}\b"),
    Identifier("DATE_TIME", "month year", rf"\b{_MONTH},? (?:of )?{_YEAR}\b"),
    Identifier("DATE_TIME", "month day", rf"\b(?!may\b){_MONTH} {_DAY}\b(?! ?(?:mm|cm|x)\b)"),
    Identifier("DATE_TIME", "month/year", rf"\b(?:0?[1-9]|1[0-2])/{_YEAR}\b"),
    Identifier("DATE_TIME", "eight digits", rf"\b{_YEAR}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])\b"),
    Identifier("AGE", "age above 89", r"\b(?:9\d|1[01]\d)(?=[ -]?y(?:ea)?r?s?[ ./-]?o(?:ld)?\b)"),
    Identifier("US_SSN", "social security number", r"\b\d{3}-\d{2}-\d{4}\b"),
    Identifier("EMAIL", "mail", r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}\b"),
    Identifier("URL", "page", r"\bhttps?://\S{1,300}"),
    Identifier(
        "NUMBER",
        "number with a label",
        rf"\b{_NUMBERED}(?: (?:number|no\.?|#))? ?[:#.]{{0,2}} ?\K{_NUMBER}\b",
    ),
    Identifier(
        "NUMBER",
        "beeper or extension",
        r"\b(?:pager|beeper|ext(?:ension)?\.?) ?[:#]? ?\K\d{3,7}\b",
    ),
    Identifier("NAME", "name with a title", rf"\b{_TITLE}\.? +\K{_NAME}", _CASED),
    Identifier(
        "NAME", "name with a degree", rf"\b{_WORD}(?: {_WORD}){{1,2}}(?=,? {_DEGREE}\b)", _CASED
    ),
    Identifier("NAME", "name with a label", rf"\b{_LABEL}: *(?!NAME\b|Name\b)\K{_NAME}", _CASED),
    Identifier("NAME", "who was told", rf"\b{_TOLD} (?:with|to|by) \K{_WORD} {_WORD}\b", _CASED),
)
