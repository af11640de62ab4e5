"""Parquet sources of any layout."""

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mining.ingest import MappingError, Reason, SourceError

TEXTS = ["Clear.", "Small effusion."]


def write(path, **columns):
    pq.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize(
    "texts",
    [
        pa.array(TEXTS),
        pa.array(TEXTS, pa.large_string()),
        pa.array(TEXTS, pa.string_view()),
        pa.array(TEXTS).dictionary_encode(),
        pa.array([text.encode() for text in TEXTS]),
    ],
    ids=["string", "large", "view", "dictionary", "binary"],
)
@pytest.mark.parametrize("ids", [[1, 2], ["1", "2"], [1.0, 2.0]], ids=["int", "str", "float"])
def test_types_of_columns(tmp_path, read, texts, ids):
    reports, rejects = read(write(tmp_path / "r.parquet", id=ids, text=texts))
    assert {report.report_id: report.text for report in reports} == {"1": TEXTS[0], "2": TEXTS[1]}
    assert rejects == []


def test_times_and_versions_keep_their_value(tmp_path, read):
    time = datetime(2024, 1, 2, 3, 4, 5, 600, UTC)
    columns = {"id": ["A"], "text": ["Clear."], "version": [3.0], "received_at": [time]}
    (report,), _ = read(write(tmp_path / "r.parquet", **columns))
    assert (report.version, report.received_at) == (3, time)


@pytest.mark.parametrize("kind", [pa.binary(), pa.string()], ids=["binary", "string"])
def test_text_that_is_not_utf8_is_a_reject(tmp_path, read, kind):
    raw = pa.array([b"Clear.", b"\xff\xfe", b"Small."])
    texts = pa.Array.from_buffers(kind, 3, raw.buffers())
    reports, (reject,) = read(write(tmp_path / "r.parquet", id=["A", "B", "C"], text=texts))
    assert [report.report_id for report in reports] == ["A", "C"]
    assert (reject.key, reject.reason) == ("row 2", Reason.UNDECODABLE)


def test_a_folder_of_parts_is_one_source(tmp_path, read):
    write(tmp_path / "b.parquet", id=["B", None], text=TEXTS)
    write(tmp_path / "a.parquet", id=["A"], text=TEXTS[:1])
    reports, (reject,) = read(tmp_path)
    assert [(report.report_id, report.source) for report in reports] == [
        ("A", "a.parquet"),
        ("B", "b.parquet"),
    ]
    assert (reject.key, reject.reason) == ("b.parquet row 2", Reason.MISSING_ID)


def test_a_list_is_no_text(tmp_path, read):
    with pytest.raises(MappingError, match="'text' is list"):
        read(write(tmp_path / "r.parquet", id=["A"], text=[["Clear."]]))


def test_a_damaged_file_is_an_error(tmp_path, read):
    path = write(tmp_path / "r.parquet", id=["A"], text=["Clear."])
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(SourceError, match="no readable Parquet file"):
        read(path)


def test_places_go_on_over_batches(tmp_path, read):
    ids = [None if row in (0, 5000) else str(row) for row in range(6000)]
    _, rejects = read(write(tmp_path / "r.parquet", id=ids, text=["Clear."] * 6000))
    assert [reject.key for reject in rejects] == ["row 1", "row 5001"]
