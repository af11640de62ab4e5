"""Reports of FHIR R4: DiagnosticReport resources, in bundles or as bulk data (NDJSON).

| column | where it stands in a DiagnosticReport |
|---|---|
| report_id | `id`, else the first `identifier.value` |
| version | `meta.versionId`, if it is a number |
| status | `status`; `unknown` is no status |
| received_at | `issued`, else `meta.lastUpdated` |
| study_id | `identifier` of type ACSN (accession), else the last part of `imagingStudy.reference` |
| patient_id | the last part of `subject.reference`, else `subject.identifier.value` |
| procedure_code | first `code.coding.code` |
| modality | that of a contained ImagingStudy, else `category`: DICOM's code, else HL7's (0074) |
| body_part | first `series.bodySite` of a contained ImagingStudy |
| language | `language` |
| text | `presentedForm` (plain, HTML, RTF; first with text), else `conclusion` as impression |

Other resources in a bundle are no reports and are passed over (counted in the notes).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .encoding import byte_lines, decode, open_bytes, read_json
from .mapping import ColumnMapping
from .markup import base64_text
from .rows import (
    MAX_RECORD_BYTES,
    Batch,
    Layout,
    RawReject,
    Reason,
    Row,
    SourceError,
    batched,
    broken_off,
)
from .text_folder import walk

OTHER_RESOURCES = "resources that are no DiagnosticReport"
# A bundle is one JSON value, held in memory whole; bulk data has a resource per line instead.
_MAX_BUNDLE_BYTES = 512_000_000
_COLUMNS = (
    "report_id", "version", "status", "received_at", "study_id", "patient_id", "procedure_code",
    "modality", "body_part", "language", "source", "text",
)  # fmt: skip
_LAYOUT = Layout(tuple((name, (name,)) for name in _COLUMNS))
_CATEGORY_SYSTEMS = ("dicom.nema.org", "v2-0074")
_TEXT_FORMS = ("text/plain", "text/html", "text/rtf", "application/rtf")


def read_fhir(path: Path, mapping: ColumnMapping, notes: Counter[str]) -> Iterator[Batch]:
    """The DiagnosticReports of a bundle (.json), of bulk data (.ndjson), or of a folder of both.

    Nothing is mapped by column, so `mapping` is not used. What is no JSON is a reject;
    SourceError for a file that breaks off or a bundle that is too large.
    """
    files = [path]
    if path.is_dir():
        files = [file for end in (".json", ".ndjson", ".gz") for file in walk(path, end)]
    for file in files:
        place = file.relative_to(path).as_posix() if path.is_dir() else file.name
        with broken_off(file):
            yield from batched(_rows(file, place, notes), _LAYOUT, place)


def _rows(file: Path, source: str, notes: Counter[str]) -> Iterator[Row | RawReject]:
    for place, value in _values(file, source, notes):
        if isinstance(value, RawReject):
            yield value
            continue
        for at, resource in _resources(value):
            where = f"{place} {at}".strip()
            if not isinstance(resource, dict):
                yield RawReject(where, None, Reason.BAD_ROW)
            elif resource.get("resourceType") != "DiagnosticReport":
                notes[OTHER_RESOURCES] += 1
            else:
                yield _report(resource, where, source, notes)


def _values(file: Path, source: str, notes: Counter[str]) -> Iterator[tuple[str, Any]]:
    """Place and JSON value: one for a bundle, one per line for bulk data."""
    if ".ndjson" not in file.name.lower():
        bundle = read_json(file, _MAX_BUNDLE_BYTES)
        if bundle is None:
            raise SourceError(
                file, f"a bundle of more than {_MAX_BUNDLE_BYTES // 1_000_000} MB, or made to "
                "fill the memory", "Export it as bulk data (.ndjson), which is read line by line.",
            )  # fmt: skip
        yield source, _parsed(bundle, source, notes)
        return
    number, cut = 0, False
    with open_bytes(file) as stream:
        for raw in byte_lines(stream):
            rest, cut = cut, not raw.endswith(b"\n")
            if rest or raw.isspace():  # of a line that was too long, or of nothing
                continue
            number += 1
            place = f"row {number}"
            if len(raw) < MAX_RECORD_BYTES:
                yield place, _parsed(raw, place, notes)
            else:
                yield place, RawReject.of(place, Reason.TOO_LONG, None, raw)


def _parsed(raw: bytes, place: str, notes: Counter[str]) -> Any:
    text = decode(raw, notes)
    if text is None:
        return RawReject.of(place, Reason.UNDECODABLE, None, raw)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return RawReject.of(place, Reason.BAD_ROW, None, raw)


def _resources(value: Any) -> Iterator[tuple[str, Any]]:
    """The resource itself, or those in a bundle with their place in it."""
    if not isinstance(value, dict) or value.get("resourceType") != "Bundle":
        yield "", value
        return
    for number, entry in enumerate(_listed(value.get("entry")), start=1):
        yield f"entry {number}", entry.get("resource") if isinstance(entry, dict) else entry


def _report(
    item: Mapping[str, Any], place: str, source: str, notes: Counter[str]
) -> Row | RawReject:
    meta = _dict(item.get("meta"))
    version = _text(meta.get("versionId"))
    status = _text(item.get("status"))
    values = {
        "report_id": _text(item.get("id")) or _first(item.get("identifier"), "value"),
        "version": version if version and version.isdigit() else None,
        "status": None if status == "unknown" else status,
        "received_at": _text(item.get("issued")) or _text(meta.get("lastUpdated")),
        "study_id": _study(item),
        "patient_id": _reference(item.get("subject")),
        "procedure_code": _first(_dict(item.get("code")).get("coding"), "code"),
        "modality": _modality(item),
        "body_part": _body_part(item),
        "language": _text(item.get("language")),
        "source": source,
        "text": _report_text(item, notes),
    }
    row = [values[name] for name in _COLUMNS]
    try:
        "".join(value for value in row if value).encode()
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can write and UTF-8 cannot
        return RawReject(place, None, Reason.UNDECODABLE)
    return Row(place, row)


def _report_text(item: Mapping[str, Any], notes: Counter[str]) -> str | None:
    forms = [form for form in _listed(item.get("presentedForm")) if isinstance(form, dict)]
    for kind in (*_TEXT_FORMS, ""):
        for form in forms:
            content = (_text(form.get("contentType")) or "").partition(";")[0].strip().lower()
            data = _text(form.get("data"))
            if content == kind and data and (text := base64_text(data, notes)):
                return text
    conclusion = _text(item.get("conclusion"))
    return f"IMPRESSION: {conclusion}" if conclusion else None


def _study(item: Mapping[str, Any]) -> str | None:
    for identifier in _listed(item.get("identifier")):
        kind = _dict(_dict(identifier).get("type"))
        if any(_dict(code).get("code") == "ACSN" for code in _listed(kind.get("coding"))):
            return _text(identifier.get("value"))
    studies = _listed(item.get("imagingStudy"))
    return _reference(studies[0]) if studies else None


def _modality(item: Mapping[str, Any]) -> str | None:
    """The modalities, DICOM's backslash between several."""
    series = [one for study in _studies(item) for one in _listed(study.get("series"))]
    told = [code for study in _studies(item) for code in _listed(study.get("modality"))]
    told += [_dict(one).get("modality") for one in series]
    codes = dict.fromkeys(code for one in told if (code := _text(_dict(one).get("code"))))
    if codes:
        return "\\".join(codes)
    categories = [_dict(one) for one in _listed(item.get("category"))]
    codings = [_dict(code) for one in categories for code in _listed(one.get("coding"))]
    for system in _CATEGORY_SYSTEMS:
        for coding in codings:
            if system in str(coding.get("system")) and (found := _text(coding.get("code"))):
                return found
    return None


def _body_part(item: Mapping[str, Any]) -> str | None:
    series = [_dict(one) for study in _studies(item) for one in _listed(study.get("series"))]
    sites = [_dict(one.get("bodySite")) for one in series]
    found = (_text(site.get("display")) or _text(site.get("code")) for site in sites)
    return next((site for site in found if site), None)


def _studies(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    contained = [_dict(one) for one in _listed(item.get("contained"))]
    return [one for one in contained if one.get("resourceType") == "ImagingStudy"]


def _reference(value: Any) -> str | None:
    """The id at the end of a reference, or the value of the identifier it goes by."""
    named = _text(_dict(value).get("reference"))
    if named:
        parts = named.split("/_history/")[0].rstrip("/").split("/")
        return parts[-1].removeprefix("urn:uuid:")
    return _text(_dict(_dict(value).get("identifier")).get("value"))


def _first(items: Any, key: str) -> str | None:
    found = (_text(_dict(item).get(key)) for item in _listed(items))
    return next((text for text in found if text), None)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
