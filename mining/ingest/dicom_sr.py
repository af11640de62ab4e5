"""Reports of DICOM structured reports: the text content items of SR objects.

| column | where it stands |
|---|---|
| report_id | StudyInstanceUID "/" code of the document's title: versions of one report share it |
| status | PreliminaryFlag, CompletionFlag and VerificationFlag; amended if there are predecessors |
| received_at | ContentDate and ContentTime, with TimezoneOffsetFromUTC |
| study_id | AccessionNumber, else StudyInstanceUID |
| patient_id | PatientID |
| procedure_code | first code of PerformedProcedureCodeSequence, else of ProcedureCodeSequence |
| modality | ModalitiesInStudy without SR, else the item Modality (121139): its own is always SR |
| body_part | BodyPartExamined, else AnatomicRegionSequence, else the item Target Region (123014) |
| language | the item Language of Content (121049) |
| text | TEXT items under the headings of their containers, codes by their meaning |

An object without a content tree (an image) or of a kind that no person dictates (dose, key objects,
computer-aided detection) is no report and is passed over (counted in the notes).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .mapping import ColumnMapping
from .rows import MAX_RECORD_BYTES, Batch, Layout, RawReject, Reason, Row, batched
from .text_folder import walk

OTHER_OBJECTS = "DICOM objects that are no report"
_COLUMNS = (
    "report_id", "status", "received_at", "study_id", "patient_id", "procedure_code", "modality",
    "body_part", "language", "source", "text",
)  # fmt: skip
_LAYOUT = Layout(tuple((name, (name,)) for name in _COLUMNS))
# Basic Text, Enhanced, Comprehensive, Comprehensive 3D SR (PS3.4, annex B.5).
_REPORTS = {
    f"1.2.840.10008.5.1.4.1.1.88.{number}" for number in (11, 22, 33, 34)
}  # fmt: skip
_MODALITY, _TARGET_REGION, _LANGUAGE = "121139", "123014", "121049"
_CONTEXT = {_LANGUAGE, "121046"}  # language and its country: about the text, no part of it
_DEEPEST = 64  # a content tree nested deeper is no report but an attack, or damage
_SUFFIXES = (".dcm", ".sr")


def read_dicom_sr(path: Path, mapping: ColumnMapping, notes: Counter[str]) -> Iterator[Batch]:
    """The structured reports of a file, or of the .dcm and .sr files of a folder.

    Nothing is mapped by column, so `mapping` is not used. A file that is no DICOM is a reject.
    """
    files = [path]
    if path.is_dir():
        files = [file for suffix in _SUFFIXES for file in walk(path, suffix)]
    rows = (_report(file, path, notes) for file in files)
    yield from batched((row for row in rows if row is not None), _LAYOUT, path.name)


def _report(file: Path, root: Path, notes: Counter[str]) -> Row | RawReject | None:
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    place = file.relative_to(root).as_posix() if root.is_dir() else file.name
    try:
        if not file.is_file():
            return RawReject(place, None, Reason.NOT_A_FILE)
        size = os.stat(file).st_size
        if size > MAX_RECORD_BYTES:
            return RawReject(place, None, Reason.TOO_LONG, size)
        item = dcmread(file, stop_before_pixels=True)
        if item.get("SOPClassUID") not in _REPORTS:
            notes[OTHER_OBJECTS] += 1
            return None
        values = _values(item)
    except InvalidDicomError:
        return RawReject(place, None, Reason.BAD_ROW, size)
    except OSError:
        return RawReject(place, None, Reason.NOT_A_FILE)
    except Exception:  # pydicom raises whatever its decoding of damaged values meets
        return RawReject(place, None, Reason.BAD_ROW, size)
    values["source"] = place
    return Row(place, [values[name] for name in _COLUMNS])


def _values(item: Any) -> dict[str, str | None]:
    study = _text(item.get("StudyInstanceUID"))
    title = _code(item.get("ConceptNameCodeSequence"))
    time = _text(item.get("ContentDate")) or ""
    if time:
        clock = (_text(item.get("ContentTime")) or "").ljust(6, "0")
        time += clock + (_text(item.get("TimezoneOffsetFromUTC")) or "")
    procedure = _code(item.get("PerformedProcedureCodeSequence")) or _code(
        item.get("ProcedureCodeSequence")
    )
    return {
        "report_id": f"{study}/{title[0]}" if study and title else study,
        "status": _status(item),
        "received_at": time or None,
        "study_id": _text(item.get("AccessionNumber")) or study,
        "patient_id": _text(item.get("PatientID")),
        "procedure_code": procedure[0] if procedure else None,
        "modality": _modality(item),
        "body_part": _body_part(item),
        "language": _coded(item, _LANGUAGE),
        "text": "\n".join(_lines(item, 0)),
    }


def _status(item: Any) -> str | None:
    if _text(item.get("PreliminaryFlag")) == "PRELIMINARY":
        return "preliminary"
    if _text(item.get("CompletionFlag")) == "PARTIAL":
        return "preliminary"
    if item.get("PredecessorDocumentsSequence"):
        return "amended"
    verified = _text(item.get("VerificationFlag")) == "VERIFIED"
    complete = _text(item.get("CompletionFlag")) == "COMPLETE"
    return "final" if verified or complete else None


def _modality(item: Any) -> str | None:
    listed = item.get("ModalitiesInStudy") or ()
    several = [listed] if isinstance(listed, str) else list(listed)
    others = [str(one) for one in several if str(one) not in ("", "SR")]
    return "\\".join(others) or _coded(item, _MODALITY)


def _body_part(item: Any) -> str | None:
    region = _code(item.get("AnatomicRegionSequence"))
    told = _text(item.get("BodyPartExamined")) or (region and region[1])
    return told or _coded(item, _TARGET_REGION, meaning=True)


def _coded(item: Any, name: str, *, meaning: bool = False) -> str | None:
    """The value of the coded item of this name at the root of the content tree."""
    for one in item.get("ContentSequence") or ():
        concept = _code(one.get("ConceptNameCodeSequence"))
        if concept and concept[0] == name and (value := _code(one.get("ConceptCodeSequence"))):
            return value[1 if meaning else 0] or None
    return None


def _lines(node: Any, depth: int) -> Iterator[str]:
    """The text of a content tree, depth first; a container's name heads what it holds."""
    if depth > _DEEPEST:
        raise ValueError("content tree nested too deeply")
    for item in node.get("ContentSequence") or ():
        kind = _text(item.get("ValueType"))
        meaning = _code(item.get("ConceptNameCodeSequence"))
        name = meaning[1] if meaning else ""
        if meaning and meaning[0] in _CONTEXT:
            continue
        if kind == "CONTAINER":
            below = list(_lines(item, depth + 1))
            if below and name:
                yield f"{name.upper()}:"
            yield from below
            continue
        if kind == "TEXT" and (text := _text(item.get("TextValue"))):
            # "Finding: text" is a sentence of its section; a section's own text needs its heading.
            yield f"{name.upper()}: {text}" if depth == 0 and name else text
        elif kind == "CODE" and (code := _code(item.get("ConceptCodeSequence"))):
            yield f"{code[1]}."
        yield from _lines(item, depth + 1)


def _code(sequence: Any) -> tuple[str, str] | None:
    """Code and meaning of the first item of a code sequence."""
    for item in sequence or ():
        return str(item.get("CodeValue") or ""), str(item.get("CodeMeaning") or "")
    return None


def _text(value: Any) -> str | None:
    text = "" if value is None else str(value).strip()
    return text or None
