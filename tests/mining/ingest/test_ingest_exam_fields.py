"""Modality, procedure, body part and language as each format has them."""

import json

import pytest
from pydicom.dataset import Dataset

from mining.ingest import ingest
from mining.ingest.exams import ExamFilter
from tests.mining.ingest.hospital_sources import (
    HL7_HEADER,
    HL7_PATIENT,
    coded,
    fhir_report,
    hl7_line,
    hl7_order,
    sr_text,
    write_json,
    write_sr,
)
from tests.mining.ingest.ingest_sources import openi_xml

DCM = "http://dicom.nema.org/resources/ontology/DCM"
SECTIONS = "http://terminology.hl7.org/CodeSystem/v2-0074"


def fields(report):
    return report.modality, report.procedure_code, report.body_part, report.language


@pytest.mark.parametrize(
    ("changes", "modality", "body_part"),
    [
        ({"category": [{"coding": [{"system": SECTIONS, "code": "RAD"}]}]}, "RAD", None),
        (
            {"category": [{"coding": [{"system": SECTIONS, "code": "RAD"}]},
                          {"coding": [{"system": DCM, "code": "DX"}]}]},
            "DX", None,
        ),
        (
            {"contained": [{
                "resourceType": "ImagingStudy", "modality": [{"code": "CR"}, {"code": "DX"}],
                "series": [{"modality": {"code": "DX"}, "bodySite": {"display": "Chest"}}],
            }]},
            "CR\\DX", "Chest",
        ),
        ({"category": [{"coding": [{"system": "http://loinc.org", "code": "LP1"}]}]}, None, None),
        ({"category": "RAD", "contained": [None, 5, {"resourceType": "ImagingStudy",
          "modality": 5, "series": [5, {"modality": [], "bodySite": "x"}]}]}, None, None),
    ],
)  # fmt: skip
def test_fhir(tmp_path, read, changes, modality, body_part):
    (report,), _ = read(write_json(tmp_path / "r.json", fhir_report(**changes)))
    assert fields(report) == (modality, "36643-5", body_part, "en")


def test_hl7(tmp_path, read):
    header = HL7_HEADER + "|||||||eng^English^ISO639"
    order = hl7_order().split("|")
    order[15] = "^^^CHEST&Chest&L"
    message = "\r".join([header, HL7_PATIENT, "|".join(order), hl7_line("Clear.")])
    (tmp_path / "r.hl7").write_text(message)
    (report,), _ = read(tmp_path / "r.hl7")
    assert fields(report) == ("CR", "71046", "CHEST", "eng")


def sr_code(name, value, meaning):
    item = Dataset()
    item.RelationshipType, item.ValueType = "HAS CONCEPT MOD", "CODE"
    item.ConceptNameCodeSequence = coded(name, "a name")
    item.ConceptCodeSequence = coded(value, meaning)
    return item


def test_dicom_sr_in_its_content(tmp_path, read):
    items = [sr_code("121049", "en-US", "English"), sr_code("121139", "DX", "Digital Radiography"),
             sr_code("123014", "51185008", "Chest"), sr_text("Clear.")]  # fmt: skip
    (report,), _ = read(write_sr(tmp_path / "r.dcm", items))
    assert fields(report) == ("DX", None, "Chest", "en-US")
    assert "English" not in report.text


def test_dicom_sr_in_its_attributes(tmp_path, read):
    attributes = {"ModalitiesInStudy": ["SR", "CR"], "BodyPartExamined": "CHEST",
                  "ProcedureCodeSequence": coded("71046", "Chest")}  # fmt: skip
    (report,), _ = read(write_sr(tmp_path / "r.dcm", [sr_text("Clear.")], attributes=attributes))
    assert fields(report) == ("CR", "71046", "CHEST", None)


def test_bioc(tmp_path, read):
    infons = {"modality": "CR", "procedure_code": "71046", "body_part": "CHEST", "language": "en"}
    document = {"id": "A", "infons": infons, "passages": [{"offset": 0, "text": "Clear."}]}
    (tmp_path / "r.json").write_text(json.dumps({"documents": [document]}))
    (report,), _ = read(tmp_path / "r.json")
    assert fields(report) == ("CR", "71046", "CHEST", "en")


def test_columns_found_and_mapped(tmp_path, read):
    (tmp_path / "r.csv").write_text("id,text,Modality,Exam_Code,BodyPartExamined,site,LANG\n"
                                    "A,Clear.,CR,71046,HAND,CHEST,en\n")  # fmt: skip
    (found,), _ = read(tmp_path / "r.csv")
    assert fields(found) == ("CR", "71046", "HAND", "en")
    (mapped,), _ = read(tmp_path / "r.csv", mapping={"body_part": "site", "language": ""})
    assert fields(mapped) == ("CR", "71046", "CHEST", None)


def test_openi_says_its_language_only(tmp_path, read):
    (tmp_path / "r.xml").write_bytes(openi_xml())
    (report,), _ = read(tmp_path / "r.xml")
    assert fields(report) == (None, None, None, "en")


def test_an_amended_message_of_another_examination_withdraws_the_first(tmp_path):
    """The newest version says what was examined, whatever the older ones said."""
    orders = [hl7_order(changed="20260102101500"), hl7_order("R1", "C", "20260102111500")]
    orders[1] = orders[1].replace("|CR|", "|CT|")
    lines = [HL7_HEADER, HL7_PATIENT]
    for order in orders:
        lines += [order, hl7_line("Clear.")]
    (tmp_path / "r.hl7").write_text("\r".join(lines))
    counts = ingest(tmp_path / "r.hl7", tmp_path / "out", exams=ExamFilter(modality=["CR"]))
    assert (counts.rows_in, counts.rows_out, counts.superseded) == (2, 0, 1)
    assert counts.filtered_by == {"modality: CT": 1}
