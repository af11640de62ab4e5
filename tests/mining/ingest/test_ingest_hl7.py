"""HL7 version 2 result messages."""

import pytest

from mining.ingest import Reason, ingest
from mining.ingest.hl7_v2 import OTHER_MESSAGES
from tests.mining.ingest.hospital_sources import (
    HL7_HEADER,
    hl7_line,
    hl7_message,
    hl7_order,
    packed,
)

IMPRESSION = "71046&IMP^Impression"


@pytest.fixture
def read_message(tmp_path, read):
    def write_and_read(text):
        path = tmp_path / "m.hl7"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read(path)

    return write_and_read


def test_every_column_is_found(read_message):
    (report,), rejects = read_message(
        hl7_message(hl7_order(), hl7_line("Lungs clear."), hl7_line("Normal.", code=IMPRESSION))
    )
    assert rejects == []
    assert (report.report_id, report.status, report.study_id) == ("R1", "final", "A77")
    assert (report.patient_id, report.modality, report.procedure_code) == ("p9", "CR", "71046")
    assert report.received_at.isoformat() == "2026-01-02T10:15:00+00:00"
    assert report.text == "FINDINGS:\nLungs clear.\nIMPRESSION:\nNormal."
    assert report.source == "m.hl7"


def test_one_message_may_hold_several_reports_and_one_file_several_messages(read_message):
    two = hl7_message(hl7_order("R1"), hl7_line("One."), hl7_order("R2"), hl7_line("Two."))
    reports, _ = read_message("\x0b" + two + "\x1c\r" + hl7_message(hl7_order("R3"), hl7_line("3")))
    assert [report.report_id for report in reports] == ["R1", "R2", "R3"]
    assert [report.patient_id for report in reports] == ["p9", "p9", "p9"]


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_segments_end_as_they_like(read_message, end):
    text = hl7_message(hl7_order(), hl7_line("Lungs clear.")).replace("\r", end)
    (report,), _ = read_message(text)
    assert report.text == "FINDINGS:\nLungs clear."


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"Heart\.br\lungs", "Heart\nlungs"),
        (r"one \T\ two \F\ \S\ \R\ \E\ ", "one & two | ^ ~ \\"),
        ("first~second", "first\nsecond"),
        (r"\H\bold\N\ text", "bold text"),
        (r"\X41\ and \Xzz\.", r"A and \Xzz\."),
    ],
)
def test_escapes_are_resolved(read_message, written, meant):
    (report,), _ = read_message(hl7_message(hl7_order(), hl7_line(written, code="71046")))
    assert report.text == meant


def test_a_document_in_base64_is_unpacked(read_message):
    data = f"RIS^TEXT^HTML^Base64^{packed('<p>FINDINGS: Clear.</p>')}"
    (report,), _ = read_message(hl7_message(hl7_order(), hl7_line(data, "ED", "REPORT")))
    assert report.text == "FINDINGS: Clear."


@pytest.mark.parametrize("status", ["D", "W", "X"])
def test_lines_that_were_taken_back_are_left_out(read_message, status):
    wrong = hl7_line("Pneumothorax.", status=status)
    (report,), _ = read_message(hl7_message(hl7_order(), wrong, hl7_line("Clear.")))
    assert report.text == "FINDINGS:\nClear."


def test_codes_and_numbers_are_no_text(read_message):
    number, code = hl7_line("3", "NM", "DLP"), hl7_line("C1^yes^L", "CWE", "Q")
    (report,), _ = read_message(hl7_message(hl7_order(), number, code, hl7_line("Clear.")))
    assert report.text == "FINDINGS:\nClear."


@pytest.mark.parametrize(
    ("second", "out", "superseded", "filtered"),
    [("C", 1, 1, 0), ("F", 1, 1, 0), ("X", 0, 1, 1), ("P", 1, 1, 0)],
)
def test_amended_and_cancelled_reports(tmp_path, second, out, superseded, filtered):
    first = hl7_message(hl7_order(status="F"), hl7_line("Old."))
    later = hl7_message(hl7_order(status=second, changed="20260103"), hl7_line("New."))
    (tmp_path / "m.hl7").write_text(first + later)
    counts = ingest(tmp_path / "m.hl7", tmp_path / "out")
    assert (counts.rows_out, counts.superseded, counts.filtered) == (out, superseded, filtered)


def test_other_messages_are_counted_and_passed_over(tmp_path):
    order = HL7_HEADER.replace("ORU^R01^ORU_R01", "ORM^O01") + "\rPID|1\r"
    (tmp_path / "m.hl7").write_text(order + hl7_message(hl7_order(), hl7_line("Clear.")))
    counts = ingest(tmp_path / "m.hl7", tmp_path / "out")
    assert (counts.rows_in, counts.rows_out, counts.notes) == (1, 1, {OTHER_MESSAGES: 1})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (hl7_message(hl7_order(""), hl7_line("Clear.")).replace("PL1", ""), Reason.MISSING_ID),
        (hl7_message(hl7_order("R2")), Reason.EMPTY),
        (hl7_message(), Reason.BAD_ROW),
        (hl7_message(hl7_order("R2", status="?"), hl7_line("Clear.")), Reason.BAD_STATUS),
        (hl7_message(hl7_order("R2"), hl7_line("x\x00y")), Reason.NUL_BYTES),
        ("no message at all\r", Reason.BAD_ROW),
        (b"MSH|^~\\&|\x81\x8d\r", Reason.UNDECODABLE),
        (hl7_message(hl7_order("R2"), hl7_line("x" * 17_000_000)), Reason.TOO_LONG),
    ],
)
def test_what_cannot_be_read_is_a_reject_and_the_rest_is_read(read_message, text, reason):
    good = hl7_message(hl7_order("good"), hl7_line("Clear.")).encode()
    bad = text if isinstance(text, bytes) else text.encode()
    (report,), (reject,) = read_message(bad + good)
    assert report.report_id == "good"
    assert reject.reason is reason
