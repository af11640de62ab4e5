"""JSON Lines."""

import pytest

from mining.ingest import MappingError, Reason
from tests.mining.ingest.ingest_sources import write_jsonl


def test_objects_are_reports(tmp_path, read):
    rows = [{"report_id": 17, "text": "Clear.\nNo change.", "version": 2, "extra": [1]}]
    (report,), rejects = read(write_jsonl(tmp_path / "r.jsonl", rows))
    assert (report.report_id, report.version, report.text) == ("17", 2, "Clear.\nNo change.")
    assert rejects == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", Reason.BAD_ROW),
        (b"[1, 2]", Reason.BAD_ROW),
        (b"null", Reason.BAD_ROW),
        (b"[" * 100_000, Reason.BAD_ROW),
        (b'{"id": "B", "text": ["Clear."]}', Reason.BAD_ROW),
        (b'{"id": "B", "text": {"body": "x"}}', Reason.BAD_ROW),
        (b'{"id": "B", "text": "\\ud800"}', Reason.UNDECODABLE),
        (b'{"id": "B", "text": "\x81"}', Reason.UNDECODABLE),
        (b'{"id": "B", "text": "\\u0000"}', Reason.NUL_BYTES),
        (b'{"id": "B", "text": null}', Reason.EMPTY),
        (b'{"id": "B"}', Reason.EMPTY),
        (b'{"text": "Clear."}', Reason.MISSING_ID),
        (b'{"id": "B", "text": "' + b"x" * 17_000_000 + b'"}', Reason.TOO_LONG),
    ],
)
def test_a_bad_line_is_a_reject_and_the_rest_is_read(tmp_path, read, line, reason):
    good = b'{"id": "A", "text": "Clear."}\n'
    (tmp_path / "r.jsonl").write_bytes(good + line + b"\n\n" + good.replace(b"A", b"C"))
    reports, (reject,) = read(tmp_path / "r.jsonl")
    assert [report.report_id for report in reports] == ["A", "C"]
    assert reject.reason is reason


def test_columns_may_be_missing_in_some_lines(tmp_path, read):
    rows = [{"id": "A", "text": "Clear."}, {"id": "B", "text": "Clear.", "status": "F"}]
    reports, _ = read(write_jsonl(tmp_path / "r.jsonl", rows))
    assert [report.status for report in reports] == [None, "final"]


def test_an_empty_file_is_an_empty_source(tmp_path, read):
    (tmp_path / "r.jsonl").touch()
    assert read(tmp_path / "r.jsonl") == ([], [])


def test_no_object_at_all_is_an_error(tmp_path, read):
    (tmp_path / "r.jsonl").write_text("id,text\nA,Clear.\n")
    with pytest.raises(MappingError, match="no JSON object"):
        read(tmp_path / "r.jsonl")
