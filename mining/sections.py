"""Sections of a report: where findings, impression, indication and the others stand.

What a header looks like, and which sections are mined, is data: sections.toml. The text in front of
a colon is looked up there, never matched against a list of patterns, so that a thousand spellings
cost the same as ten.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from mining.section_headers import FINDING_LABEL, LABEL, Headers, load_headers

__all__ = ["Section", "find_sections", "mined_sections"]

# One line without its decoration and number: "  ## 2. FINDINGS" → "FINDINGS".
_LINE = re.compile(
    r"^[ \t>*#_|=~`+•\-]*(?:<\w{1,6}>)*(?:(?:\(?\d{1,2}[.)]|[IVX]{1,4}\.)[ \t]+)?([A-Za-z][^\n]*)",
    re.MULTILINE,
)
_DASH = re.compile(r"[ \t]*[-–—]+(?=\s|$)|[ \t]*\||\t|[ ]{3,}")
_WORDS_BEFORE_COLON = re.compile(r"[^\s*_]+")
_SENTENCE_END = re.compile(r"[.!?;\])][\s*_]+(?=[^.!?;:]*$)")
_PARAGRAPH = re.compile(r"\n[ \t\r]*\n\s{0,99}(?=[^\sa-z])")
_BODY_START = re.compile(r"[\s:]*(?:[*`]+|__(?!_)|[-–—]+(?=\s))?(?:</\w{1,6}>)?\s*")
_WORTH_READING = re.compile(r"[^\W_]")
_QUESTIONS = ("indication", "history")  # where "Pneumonia:" asks and does not report
_FURTHEST = 80  # a header is not longer
_MOST_WORDS = 6


class Section(NamedTuple):
    """A section's name and the offsets of its body, the header apart; "" stands under no header."""

    name: str
    start: int
    end: int


class _Mark(NamedTuple):
    """A header: where it begins, where its body begins, whose it is."""

    at: int
    body: int
    name: str


def find_sections(text: str) -> list[Section]:
    """The sections of a report in order, those without a word left out.

    A header stands at the start of a line with a colon, a dash or alone, or in capitals before its
    text, or within a line: in capitals with a colon, or with a colon right after a sentence.
    Labels such as "Lungs:" are content. A section that is never mined ends with its paragraph.

    >>> text = "INDICATION: Cough. FINDINGS: Clear lungs.\\nHeart: normal"
    >>> [(name, text[start:end]) for name, start, end in find_sections(text)]
    [('indication', 'Cough.'), ('findings', 'Clear lungs.\\nHeart: normal')]
    """
    headers = load_headers()
    marks = _marks(text, headers)
    found = []
    for i, mark in enumerate(marks):
        end = marks[i + 1].at if i + 1 < len(marks) else len(text)
        if headers.mined[mark.name] != "never":
            found.append(Section(mark.name, mark.body, end))
            continue
        # What follows its paragraph without a header ("PA and lateral views. …") is not of it.
        rest = _PARAGRAPH.search(text, mark.body, end)
        found.append(Section(mark.name, mark.body, rest.start() if rest else end))
        if rest:
            found.append(Section("", rest.end(), end))
    return [section for section in (_trim(text, s) for s in found) if section]


def mined_sections(text: str) -> list[Section]:
    """The sections whose sentences are mined, in order.

    Findings, impression and what goes with them (sections.toml: "main" and "extra"). In a report
    without findings and impression: all but indication, history, comparison and the like.

    >>> [s.name for s in mined_sections("HISTORY: Pneumonia.\\nIMPRESSION: Clear lungs.")]
    ['impression']
    >>> [s.name for s in mined_sections("Clear lungs.\\nCOMPARISON: None.")]
    ['']
    """
    mined = load_headers().mined
    sections = find_sections(text)
    kept = [s for s in sections if mined[s.name] in ("main", "extra")]
    if any(mined[s.name] == "main" for s in kept):
        return kept
    return [s for s in sections if mined[s.name] != "never"]


def _trim(text: str, section: Section) -> Section | None:
    name, start, end = section
    body = text[start:end].rstrip()
    return Section(name, start, start + len(body)) if _WORTH_READING.search(body) else None


def _marks(text: str, headers: Headers) -> list[_Mark]:
    first = len(text) - len(text.lstrip())
    marks = [_Mark(0, first, "")]
    for line in _LINE.finditer(text):
        at, stop = line.span(1)
        mark = _line_header(text, line, headers, marks[-1].name)
        if mark:
            marks.append(mark)
            at = mark.body
        colon = text.find(":", at, stop)
        while colon >= 0:
            inline = _inline_header(text, at, colon, headers, marks[-1].name)
            if inline:
                marks.append(inline)
                at = inline.body
            colon = text.find(":", colon + 1, stop)
    return marks


def _line_header(text: str, line: re.Match[str], headers: Headers, current: str) -> _Mark | None:
    """The header at the start of a line, if there is one."""
    at, stop = line.span(1)
    colon = text.find(":", at, min(stop, at + _FURTHEST))
    while colon > 0 and text[colon + 1 : colon + 2].isdigit():  # the time in "CHEST, 6:15 A.M.:"
        colon = text.find(":", colon + 1, min(stop, at + _FURTHEST))
    if colon > 0:
        raw = text[at:colon]
        name = headers.find(raw)
        if name in (LABEL, FINDING_LABEL):
            # "Lungs: clear" right after an indication: the findings begin, the label is theirs.
            opens = headers.mined[current] in ("never", "rest") and current != ""
            opens &= name == LABEL or current not in _QUESTIONS
            return _Mark(line.start(), at, "findings") if opens else None
        if name is None:
            unknown = raw.isupper() and headers.mined[current] == "never" and _like_header(raw)
            return _Mark(line.start(), at, "") if unknown else None
        if _is_content(name, current, headers):
            return None
        if raw[0].islower() and _continues(text, line.start(), headers):
            return None
        return _Mark(line.start(), _body(text, colon + 1), name)
    first = text[at:stop].split(None, 1)[0].strip("*_`-–—|").split("/", 1)[0].lower()
    if first not in headers.first_words or text[at].islower():
        return None
    return _header_without_colon(text, line, headers)


def _header_without_colon(text: str, line: re.Match[str], headers: Headers) -> _Mark | None:
    at, stop = line.span(1)
    dash = _DASH.search(text, at, min(stop, at + _FURTHEST))
    if dash:
        name = headers.find_exact(text[at : dash.start()])
        if name is not None:
            return _Mark(line.start(), _body(text, dash.end()), name)
    if stop - at <= _FURTHEST and text[stop - 1] != ".":
        name = headers.find_exact(text[at:stop])
        if name is not None:
            alone = not _continues(text, line.start(), headers)
            return _Mark(line.start(), _body(text, stop), name) if alone else None
    return _capitals_before_text(text, line, headers)


def _capitals_before_text(text: str, line: re.Match[str], headers: Headers) -> _Mark | None:
    """ "FINDINGS The lungs are clear": capitals, then a sentence that is not in capitals."""
    at, stop = line.span(1)
    if text[at:stop].isupper():
        return None
    words = list(re.finditer(r"\S+", text[at : min(stop, at + _FURTHEST)]))
    upper = next((i for i, w in enumerate(words) if not w[0].isupper()), len(words))
    for count in range(min(upper, len(words) - 1), 0, -1):
        name = headers.find_exact(text[at : at + words[count - 1].end()])
        body = at + words[count].start()
        if name is not None and (text[body].isupper() or text[body].isdigit()):
            return _Mark(line.start(), body, name)
    return None


def _inline_header(
    text: str, start: int, colon: int, headers: Headers, current: str
) -> _Mark | None:
    """The header that ends in this colon within a line.

    In capitals it may stand anywhere. Otherwise it begins with a capital and stands after a
    sentence or right after another header, or is spelled without a slip: findings and the like
    in any section, history and the like in one that is not mined ("Exam: PA Findings: …").
    """
    begin = max(start, colon - _FURTHEST)
    before = text[begin:colon]
    ended = _SENTENCE_END.search(before)
    first = begin + ended.end() if ended else start
    anywhere = headers.mined[current] in ("never", "rest") and current != ""
    for word in list(_WORDS_BEFORE_COLON.finditer(before))[-_MOST_WORDS:]:
        at = begin + word.start()
        raw = text[at:colon]
        if not raw[0].isupper():
            continue
        leading = at == first or raw.isupper()
        name = headers.find(raw) if leading else headers.find_exact(raw)
        if name is None or _is_content(name, current, headers):
            continue
        if name == headers.view_title and not (ended and at == first):
            continue  # "COMPARISON: Chest, 2 views, at 23: 50"
        kind = headers.mined[name]
        if leading or (kind == "main" and current) or (kind == "never" and anywhere):
            return _Mark(at, _body(text, colon + 1), name)
    return None


def _is_content(name: str, current: str, headers: Headers) -> bool:
    """Whether a label such as "Lungs:", or "Chest:" inside findings, heads no section."""
    if name in (LABEL, FINDING_LABEL):
        return True
    return name == headers.view_title and headers.mined[current] == "main"


def _like_header(raw: str) -> bool:
    return len(raw.split()) <= _MOST_WORDS and sum(map(str.isalpha, raw)) > 3


def _continues(text: str, line_start: int, headers: Headers) -> bool:
    """Whether the line before ends in the middle of a phrase ("no acute / findings")."""
    before = text[max(0, line_start - _FURTHEST) : line_start].removesuffix("\n").rstrip(" \t\r")
    words = before.rsplit("\n", 1)[-1].split()
    return bool(words) and words[-1].lower() in headers.not_after


def _body(text: str, at: int) -> int:
    match = _BODY_START.match(text, at)
    return match.end() if match else at
