"""DICOM structured reports."""

import pytest
from pydicom.dataset import Dataset

from mining.ingest import Reason, ingest
from mining.ingest.dicom_sr import OTHER_OBJECTS
from tests.mining.ingest.hospital_sources import (
    DOSE_SR,
    STUDY,
    coded,
    sr_container,
    sr_text,
    write_sr,
)

FINDINGS, IMPRESSION = ("121070", "Findings"), ("121072", "Impressions")


def test_every_column_is_found(tmp_path, read):
    items = [
        sr_container(FINDINGS, [sr_text("Lungs are clear."), sr_text("Heart is normal.")]),
        sr_container(IMPRESSION, [sr_text("Normal chest.")]),
    ]
    attributes = {
        "AccessionNumber": "A77", "TimezoneOffsetFromUTC": "+0100",
        "PerformedProcedureCodeSequence": coded("36643-5", "Chest"),
    }  # fmt: skip
    (report,), rejects = read(write_sr(tmp_path / "r.dcm", items, attributes=attributes))
    assert rejects == []
    assert report.text == (
        "FINDINGS:\nLungs are clear.\nHeart is normal.\nIMPRESSIONS:\nNormal chest."
    )
    assert (report.report_id, report.study_id) == (f"{STUDY}/18748-4", "A77")
    assert (report.patient_id, report.status) == ("p9", "final")
    assert (report.procedure_code, report.source) == ("36643-5", "r.dcm")
    assert report.received_at.isoformat() == "2026-01-02T09:15:00+00:00"


def test_text_at_the_top_goes_by_its_own_name_and_codes_by_their_meaning(tmp_path, read):
    code = Dataset()
    code.ValueType, code.RelationshipType = "CODE", "CONTAINS"
    code.ConceptNameCodeSequence = coded("121071", "Finding")
    code.ConceptCodeSequence = coded("R93", "Cardiomegaly")
    items = [sr_text("Clear.", ("121070", "Findings")), sr_container(IMPRESSION, [code])]
    (report,), _ = read(write_sr(tmp_path / "r.dcm", items))
    assert report.text == "FINDINGS: Clear.\nIMPRESSIONS:\nCardiomegaly."


@pytest.mark.parametrize(
    ("attributes", "status"),
    [
        ({"CompletionFlag": "PARTIAL"}, "preliminary"),
        ({"PreliminaryFlag": "PRELIMINARY"}, "preliminary"),
        ({"PredecessorDocumentsSequence": [Dataset()]}, "amended"),
        ({"CompletionFlag": "COMPLETE", "VerificationFlag": "UNVERIFIED"}, "final"),
    ],
)
def test_the_state_of_a_document(tmp_path, read, attributes, status):
    path = write_sr(tmp_path / "r.dcm", [sr_text("Clear.")], attributes=attributes)
    assert [report.status for report in read(path)[0]] == [status]


def test_an_amended_document_supersedes_the_first(tmp_path):
    write_sr(tmp_path / "1.dcm", [sr_text("Old.")])
    later = {"PredecessorDocumentsSequence": [Dataset()], "ContentTime": "120000"}
    write_sr(tmp_path / "2.dcm", [sr_text("New.")], attributes=later)
    counts = ingest(tmp_path, tmp_path / "out")
    assert (counts.rows_in, counts.rows_out, counts.superseded) == (2, 1, 1)


def test_objects_that_nobody_dictated_are_counted_and_passed_over(tmp_path):
    write_sr(tmp_path / "dose.dcm", [sr_text("CTDI 3")], DOSE_SR)
    write_sr(tmp_path / "report.dcm", [sr_text("Clear.")])
    counts = ingest(tmp_path, tmp_path / "out")
    assert (counts.rows_in, counts.rows_out, counts.notes) == (1, 1, {OTHER_OBJECTS: 1})


def nested(depth):
    item = sr_text("Clear.")
    for _ in range(depth):
        item = sr_container(FINDINGS, [item])
    return item


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (lambda path: path.write_bytes(b"not DICOM"), Reason.BAD_ROW),
        (lambda path: path.write_bytes(b""), Reason.BAD_ROW),
        (lambda path: write_sr(path, []), Reason.EMPTY),
        (lambda path: write_sr(path, [nested(100)]), Reason.BAD_ROW),
        (lambda path: path.symlink_to("nowhere"), Reason.NOT_A_FILE),
    ],
)
def test_what_cannot_be_read_is_a_reject_and_the_rest_is_read(tmp_path, read, write, reason):
    write(tmp_path / "bad.dcm")
    write_sr(tmp_path / "good.dcm", [sr_text("Clear.")])
    (report,), (reject,) = read(tmp_path)
    assert report.source == "good.dcm"
    assert reject.reason is reason
