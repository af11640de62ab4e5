"""Reports in the formats of hospital systems, all of them made up."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

BASIC_TEXT_SR = "1.2.840.10008.5.1.4.1.1.88.11"
DOSE_SR = "1.2.840.10008.5.1.4.1.1.88.67"
STUDY = "1.2.826.0.1.77"


def packed(text: str | bytes) -> str:
    raw = text.encode() if isinstance(text, str) else text
    return base64.b64encode(raw).decode()


def fhir_report(**changes: Any) -> dict[str, Any]:
    """A DiagnosticReport as a radiology system sends it."""
    report = {
        "resourceType": "DiagnosticReport",
        "id": "rep-1",
        "meta": {"versionId": "2", "lastUpdated": "2026-01-02T11:00:00Z"},
        "language": "en",
        "status": "final",
        "identifier": [
            {"type": {"coding": [{"code": "ACSN"}]}, "value": "A77"},
        ],
        "code": {"coding": [{"system": "http://loinc.org", "code": "36643-5"}]},
        "subject": {"reference": "Patient/p9"},
        "issued": "2026-01-02T10:15:00+01:00",
        "presentedForm": [
            {"contentType": "application/pdf", "data": packed(b"%PDF-1.7 ...")},
            {"contentType": "text/plain; charset=utf-8", "data": packed("FINDINGS: Clear lungs.")},
        ],
        "conclusion": "Normal chest.",
    }
    return {key: value for key, value in {**report, **changes}.items() if value is not None}


def bundle(*resources: Any) -> dict[str, Any]:
    entries = [{"fullUrl": f"urn:uuid:{n}", "resource": r} for n, r in enumerate(resources)]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def write_json(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


HL7_HEADER = r"MSH|^~\&|RIS|HOSP|MINE|HOSP|20260102103000||ORU^R01^ORU_R01|77|P|2.5"
HL7_PATIENT = "PID|1||p9^^^HOSP^MR||PHANTOM^ANN"


def hl7_order(report_id: str = "R1", status: str = "F", changed: str = "20260102101500") -> str:
    """An OBR segment."""
    fields = [""] * 26
    values = {1: "1", 2: "PL1", 3: report_id, 4: "71046^CHEST 2 VIEWS^CPT", 18: "A77",
              22: changed, 24: "CR", 25: status}  # fmt: skip
    for place, value in values.items():
        fields[place] = value
    return "|".join(["OBR", *fields[1:]])


def hl7_line(
    text: str, kind: str = "TX", code: str = "71046&GDT^Findings", status: str = "F"
) -> str:
    """An OBX segment."""
    return f"OBX|1|{kind}|{code}||{text}||||||{status}"


def hl7_message(*segments: str) -> str:
    return "\r".join([HL7_HEADER, HL7_PATIENT, *segments]) + "\r"


def coded(value: str, meaning: str) -> list[Dataset]:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "LN", meaning
    return [code]


def sr_text(text: str, name: tuple[str, str] = ("121071", "Finding")) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType, item.TextValue = "CONTAINS", "TEXT", text
    item.ConceptNameCodeSequence = coded(*name)
    return item


def sr_container(name: tuple[str, str], items: Sequence[Dataset]) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", "CONTAINER"
    item.ConceptNameCodeSequence = coded(*name)
    item.ContentSequence = list(items)
    return item


def write_sr(
    path: Path,
    items: Sequence[Dataset],
    sop_class: str = BASIC_TEXT_SR,
    attributes: Mapping[str, Any] = {},
) -> Path:
    """A structured report with this content tree."""
    report = Dataset()
    report.file_meta = FileMetaDataset()
    report.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    report.file_meta.MediaStorageSOPClassUID = report.SOPClassUID = sop_class
    report.file_meta.MediaStorageSOPInstanceUID = report.SOPInstanceUID = f"{STUDY}.1.1"
    report.Modality, report.StudyInstanceUID, report.PatientID = "SR", STUDY, "p9"
    report.ContentDate, report.ContentTime = "20260102", "101500"
    report.CompletionFlag, report.VerificationFlag = "COMPLETE", "VERIFIED"
    report.ValueType = "CONTAINER"
    report.ConceptNameCodeSequence = coded("18748-4", "Diagnostic imaging report")
    report.ContentSequence = list(items)
    for name, value in attributes.items():
        setattr(report, name, value)
    report.save_as(path, enforce_file_format=True)
    return path


def bioc_xml(documents: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE collection SYSTEM "BioC.dtd">'
        f"<collection><source>x</source><date/><key/>{documents}</collection>"
    )


def bioc_document(report_id: str, *passages: tuple[int, str]) -> str:
    inner = "".join(
        f"<passage><offset>{at}</offset><text>{text}</text></passage>" for at, text in passages
    )
    return f'<document><id>{report_id}</id><infon key="study_id">A77</infon>{inner}</document>'
