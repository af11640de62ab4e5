"""FHIR R4 DiagnosticReports: bundles, bulk data, folders of both."""

import json

import pytest

from mining.ingest import Reason, SourceError, ingest, read_source
from mining.ingest.fhir import OTHER_RESOURCES
from tests.mining.ingest.hospital_sources import bundle, fhir_report, packed, write_json


def test_every_column_is_found(tmp_path, read):
    (report,), rejects = read(write_json(tmp_path / "b.json", bundle(fhir_report())))
    assert rejects == []
    assert (report.report_id, report.version, report.status) == ("rep-1", 2, "final")
    assert (report.study_id, report.patient_id, report.language) == ("A77", "p9", "en")
    assert (report.procedure_code, report.source) == ("36643-5", "b.json")
    assert report.received_at.isoformat() == "2026-01-02T09:15:00+00:00"
    assert report.text == "FINDINGS: Clear lungs."


@pytest.mark.parametrize(
    ("forms", "text"),
    [
        ([("text/html", "<p>FINDINGS: Clear.</p><script>x()</script>")], "FINDINGS: Clear."),
        ([("application/rtf", r"{\rtf1\ansi FINDINGS: Clear.\par Well.}")],
         "FINDINGS: Clear.\nWell."),
        ([("text/html", "<p>No</p>"), ("text/plain", "FINDINGS: Plain.")], "FINDINGS: Plain."),
        ([("application/pdf", "%PDF-1.7")], "IMPRESSION: Normal chest."),
        ([], "IMPRESSION: Normal chest."),
    ],
)  # fmt: skip
def test_the_text_is_taken_from_the_plainest_form(tmp_path, read, forms, text):
    given = [{"contentType": kind, "data": packed(data)} for kind, data in forms]
    path = write_json(tmp_path / "b.json", fhir_report(presentedForm=given))
    (report,), _ = read(path)
    assert report.text == text


def test_bulk_data_is_read_line_by_line_and_a_bad_line_costs_only_itself(tmp_path, read):
    lines = [json.dumps(fhir_report(id="a")), "{broken", json.dumps(fhir_report(id="b"))]
    (tmp_path / "reports.ndjson").write_text("\n".join(lines))
    reports, (reject,) = read(tmp_path / "reports.ndjson")
    assert [report.report_id for report in reports] == ["a", "b"]
    assert (reject.key, reject.reason) == ("row 2", Reason.BAD_ROW)


def test_other_resources_are_counted_and_passed_over(tmp_path):
    patient = {"resourceType": "Patient", "id": "p9"}
    path = write_json(tmp_path / "b.json", bundle(patient, fhir_report(), patient))
    counts = ingest(path, tmp_path / "out")
    assert (counts.rows_in, counts.rows_out, counts.notes) == (1, 1, {OTHER_RESOURCES: 2})


@pytest.mark.parametrize(
    ("status", "kept"),
    [("final", ["new"]), ("corrected", ["new"]), ("entered-in-error", []), ("unknown", ["new"])],
)
def test_the_newest_version_counts(tmp_path, status, kept):
    old = fhir_report(meta={"versionId": "1"}, presentedForm=None, conclusion="old")
    new = fhir_report(meta={"versionId": "3"}, presentedForm=None, conclusion="new", status=status)
    path = write_json(tmp_path / "b.json", bundle(old, new))
    counts = ingest(path, tmp_path / "out")
    assert counts.rows_out == len(kept)
    assert counts.superseded == 1
    assert counts.filtered == 1 - len(kept)


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        (fhir_report(id=None, identifier=None), Reason.MISSING_ID),
        (fhir_report(presentedForm=None, conclusion=None), Reason.EMPTY),
        (fhir_report(status="sealed"), Reason.BAD_STATUS),
        (fhir_report(conclusion="\ud800", presentedForm=None), Reason.UNDECODABLE),
        ("a string", Reason.BAD_ROW),
    ],
)
def test_what_cannot_be_used_is_a_reject(tmp_path, read, resource, reason):
    path = write_json(tmp_path / "b.json", bundle(fhir_report(id="good"), resource))
    (report,), (reject,) = read(path)
    assert report.report_id == "good"
    assert reject.reason is reason


def test_a_folder_of_bundles_is_a_source(tmp_path, read):
    for name in "ab":
        write_json(tmp_path / f"{name}.json", bundle(fhir_report(id=name)))
    assert [report.source for report in read(tmp_path)[0]] == ["a.json", "b.json"]


def test_gzip_that_breaks_off_is_an_error(tmp_path):
    (tmp_path / "r.ndjson.gz").write_bytes(b"\x1f\x8b\x08\x00broken")
    with pytest.raises(SourceError, match="cannot be read to its end"):
        list(read_source(tmp_path / "r.ndjson.gz", format="fhir"))


@pytest.mark.parametrize("odd", [[], 5, {"a": 1}, None, "x", [[]], [5], {"coding": 5}])
@pytest.mark.parametrize(
    "key",
    [
        "meta",
        "identifier",
        "code",
        "subject",
        "presentedForm",
        "imagingStudy",
        "status",
        "category",
        "contained",
    ],
)
def test_values_of_a_wrong_shape_never_stop_the_reading(tmp_path, read, key, odd):
    path = write_json(tmp_path / "b.json", bundle(fhir_report(**{key: odd})))
    reports, rejects = read(path)
    assert len(reports) + len(rejects) == 1
