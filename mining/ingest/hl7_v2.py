"""Reports of HL7 version 2: ORU^R01 messages, several to a file, several reports to a message.

| column | where it stands |
|---|---|
| report_id | OBR-3 (filler order number), else OBR-2 |
| status | OBR-25; else that of the OBX lines |
| received_at | OBR-22 (status change), else OBR-7 (observation), else MSH-7 (message) |
| study_id | OBR-18 (accession, as IHE has it), else the report's id |
| patient_id | PID-3 |
| procedure_code | OBR-4 |
| modality | OBR-24 (diagnostic service) |
| body_part | OBR-15, fourth component (site), as IHE has it |
| language | MSH-19 |
| text | OBX-5 of the text lines (TX, FT, ST; ED in base64) under headings that OBX-3 names |

Lines with the result status D (deleted), W (wrong) or X are left out. A message of another type is
no report and is passed over (counted in the notes).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .encoding import byte_lines, decode, open_bytes
from .mapping import ColumnMapping
from .markup import base64_text, readable_text
from .rows import MAX_RECORD_BYTES, Batch, Layout, RawReject, Reason, Row, batched, broken_off
from .text_folder import walk

OTHER_MESSAGES = "messages that are no ORU"
_COLUMNS = (
    "report_id", "status", "received_at", "study_id", "patient_id", "procedure_code", "modality",
    "body_part", "language", "source", "text",
)  # fmt: skip
_LAYOUT = Layout(tuple((name, (name,)) for name in _COLUMNS))
_TEXT_TYPES = {"TX", "FT", "ST", ""}
_LEFT_OUT = {"D", "W", "X"}
_FRAMING = b"\x0b\x1c"  # of MLLP, which files saved from a socket keep
_BATCH_SEGMENTS = (b"FHS", b"BHS", b"BTS", b"FTS")
# The suffixes of OBX-3 that HL7 names (table 0936 and chapter 7), and what LOINC terms say.
_SUFFIXES = {"IMP": "IMPRESSION", "REC": "RECOMMENDATION", "ADT": "ADDENDUM", "GDT": "FINDINGS"}
_HEADINGS = ("IMPRESSION", "FINDINGS", "INDICATION", "COMPARISON", "TECHNIQUE", "HISTORY",
             "RECOMMENDATION", "ADDENDUM")  # fmt: skip
_ESCAPE = re.compile(r"\\(\.?[A-Za-z]{1,3}[-+0-9A-Fa-f]*)\\")
_LINE_BREAKS = {".br", ".sp", ".ce"}


def read_hl7(path: Path, mapping: ColumnMapping, notes: Counter[str]) -> Iterator[Batch]:
    """The reports in the messages of a file, or of the .hl7 files of a folder, as a stream.

    Nothing is mapped by column, so `mapping` is not used. A message that cannot be read is a
    reject; SourceError for a file that breaks off.
    """
    for file in walk(path, ".hl7") if path.is_dir() else [path]:
        place = file.relative_to(path).as_posix() if path.is_dir() else file.name
        with broken_off(file):
            yield from batched(_rows(file, place, notes), _LAYOUT, place)


def _rows(file: Path, source: str, notes: Counter[str]) -> Iterator[Row | RawReject]:
    for number, raw in enumerate(_messages(file), start=1):
        place = f"{source} message {number}"
        if len(raw) >= MAX_RECORD_BYTES:
            yield RawReject.of(place, Reason.TOO_LONG, None, raw)
        elif (text := decode(raw, notes)) is None:
            yield RawReject.of(place, Reason.UNDECODABLE, None, raw)
        else:
            yield from _reports(text, place, source, notes)


def _messages(file: Path) -> Iterator[bytes]:
    """The bytes of each message; segments may end in CR, LF or both. One too long is cut short."""
    message: list[bytes] = []
    size = 0
    with open_bytes(file) as stream:
        for line in byte_lines(stream):
            for segment in line.translate(None, _FRAMING).splitlines():
                if segment.startswith(b"MSH") and message:
                    yield b"\r".join(message)
                    message, size = [], 0
                if segment.startswith(_BATCH_SEGMENTS) or not segment.strip():
                    continue
                if size < MAX_RECORD_BYTES:
                    message.append(segment)
                    size += len(segment) + 1
    if message:
        yield b"\r".join(message)


def _reports(text: str, place: str, source: str, notes: Counter[str]) -> Iterator[Row | RawReject]:
    import hl7

    try:
        message = hl7.parse(text)
        kind = _component(message[0], 9, 0)
    except Exception:  # the library raises whatever its indexing meets
        yield RawReject.of(place, Reason.BAD_ROW, None, text)
        return
    if kind not in ("ORU", ""):
        notes[OTHER_MESSAGES] += 1
        return
    groups = list(_groups(message))
    if not groups:
        yield RawReject.of(place, Reason.BAD_ROW, None, text)
    for number, (patient, order, lines) in enumerate(groups, start=1):
        values = _values(message[0], patient, order, lines, notes)
        values["source"] = source
        yield Row(f"{place} report {number}", [values[name] for name in _COLUMNS])


def _groups(message: Any) -> Iterator[tuple[Any, Any, list[Any]]]:
    """Patient, order (OBR) and result lines (OBX) of each report in a message."""
    patient = order = None
    lines: list[Any] = []
    for segment in message:
        name = str(segment[0])
        if name == "OBX" and order is not None:
            lines.append(segment)
        elif name in ("OBR", "PID"):
            if order is not None:
                yield patient, order, lines
            order, lines = (segment if name == "OBR" else None), []
            patient = segment if name == "PID" else patient
    if order is not None:
        yield patient, order, lines


def _values(
    header: Any, patient: Any, order: Any, lines: list[Any], notes: Counter[str]
) -> dict[str, str | None]:
    report = _component(order, 3, 0) or _component(order, 2, 0)
    kept = [line for line in lines if _field(line, 11).upper() not in _LEFT_OUT]
    stated = {_field(line, 11) for line in lines} - {""}
    status = _field(order, 25) or (stated.pop() if len(stated) == 1 else "")
    time = _component(order, 22, 0) or _component(order, 7, 0) or _component(header, 7, 0)
    return {
        "report_id": report,
        "status": status,
        "received_at": time,
        "study_id": _component(order, 18, 0) or report,
        "patient_id": _component(patient, 3, 0) if patient is not None else None,
        "procedure_code": _component(order, 4, 0),
        "modality": _field(order, 24),
        "body_part": _component(order, 15, 3).partition("&")[0],
        "language": _component(header, 19, 0),
        "text": _text(kept, notes),
    }


def _text(lines: list[Any], notes: Counter[str]) -> str:
    """The lines of a report; a heading where the kind of line changes."""
    found: list[str] = []
    last = None
    for line in lines:
        kind = _field(line, 2).upper()
        if kind in _TEXT_TYPES:
            text = readable_text(_unescaped(_field(line, 5)))
        elif kind == "ED":
            text = base64_text(_component(line, 5, 4), notes) or ""
        else:  # coded values and numbers are no text of a report
            continue
        heading = _heading(line)
        if heading and heading != last and not text.upper().lstrip().startswith(heading):
            found.append(f"{heading}:")
        last = heading
        found.append(text)
    return "\n".join(found)


def _heading(line: Any) -> str | None:
    """The section that OBX-3 names, by HL7's suffixes or by the words of its text."""
    code, name = _field(line, 3).partition("^")[0], _component(line, 3, 1)
    suffix = _SUFFIXES.get(code.rpartition("&")[2].upper())
    words = name.upper().split()
    return suffix or next((heading for heading in _HEADINGS if heading in words), None)


def _field(segment: Any, number: int) -> str:
    """The text of a field, repetitions as lines; empty when it is not there."""
    try:
        value = segment[number]
    except IndexError:
        return ""
    return "\n".join(str(part) for part in value).strip() if len(value) > 1 else str(value).strip()


def _component(segment: Any, number: int, component: int) -> str:
    parts = _field(segment, number).partition("\n")[0].split("^")
    return parts[component].strip() if component < len(parts) else ""


def _unescaped(text: str) -> str:
    r"""The text with HL7's escapes resolved.

    >>> _unescaped(r"Heart\.br\lungs \T\ bones")
    'Heart\nlungs & bones'
    """
    return _ESCAPE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    code = found[1]
    if code[:3].lower() in _LINE_BREAKS:
        return "\n"
    if code[0] == "X" and len(code) > 1:
        try:
            return bytes.fromhex(code[1:]).decode("utf-8", "replace")
        except ValueError:
            return found[0]
    return {"F": "|", "S": "^", "T": "&", "R": "~", "E": "\\"}.get(code, "")
