"""CSV and TSV, as hospitals export them."""

import codecs
import csv
import gzip
from collections import Counter

import pytest

from mining.ingest import MappingError, Reason, SourceError, ingest
from mining.ingest.encoding import decode


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("separator", [",", "\t", ";", "|"])
def test_the_separator_is_found(tmp_path, read, separator):
    path = tmp_path / "r.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=separator)
        writer.writerows(
            [("id", "report"), ("A", f"One{separator} two.\r\nThree."), ("B", "Four.")]
        )
    reports, rejects = read(path)
    texts = {report.report_id: report.text for report in reports}
    assert texts == {"A": f"One{separator} two.\r\nThree.", "B": "Four."}
    assert rejects == []
    assert reports[0].source == "r.csv"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(tmp_path, read, encoding):
    path = write(tmp_path / "r.csv", "id,text\nA,Größe: 2 × 3 cm\nB,“Clear”\n", encoding)
    assert [report.text for report in read(path)[0]] == ["Größe: 2 × 3 cm", "“Clear”"]


def test_a_fall_back_is_noted_and_costs_only_its_line(tmp_path):
    raw = "id,text\nA,Naïve.\n".encode() + "B,Café.\n".encode("cp1252")
    (tmp_path / "r.csv").write_bytes(raw)
    counts = ingest(tmp_path / "r.csv", tmp_path / "out")
    assert counts.rows_out == 2
    assert counts.notes == {"decoded as cp1252": 1}


def test_packed_files_are_unpacked(tmp_path, read):
    (tmp_path / "r.csv.gz").write_bytes(gzip.compress(b"id,text\nA,Clear.\n"))
    assert [report.report_id for report in read(tmp_path / "r.csv.gz")[0]] == ["A"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"B", Reason.BAD_ROW),
        (b"B,one,two", Reason.BAD_ROW),
        (b"B,not \x81 any code", Reason.UNDECODABLE),
        (b"B,with\x00NUL", Reason.NUL_BYTES),
        (b"B,", Reason.EMPTY),
        (b"B,  ", Reason.EMPTY),
        (b",Clear.", Reason.MISSING_ID),
        (b'"B\nB",Clear.', Reason.BAD_ID),
        (b"B" * 129 + b",Clear.", Reason.BAD_ID),
        (b"B," + b"x" * 1_000_001, Reason.TOO_LONG),
    ],
)
def test_a_bad_row_is_a_reject_and_the_rest_is_read(tmp_path, read, line, reason):
    (tmp_path / "r.csv").write_bytes(b"id,text\nA,Clear.\n" + line + b"\nC,Clear.\n")
    reports, (reject,) = read(tmp_path / "r.csv")
    assert [report.report_id for report in reports] == ["A", "C"]
    assert reject.reason is reason
    assert reject.key in ("B", "row 2")


@pytest.mark.parametrize(
    ("lines", "read_ids", "rejected"),
    [
        (['B,"open', "C,Clear.", 'D,"Quoted, too."', "E,Clear."], "ADE", 2),
        (['B,"open', 'C,"Quoted, too."', "D,Clear."], "ACD", 1),
        (['B,"He said "ok, fine" today', "No, effusion.", 'Heart, normal."', 'C,"Ok."'], "AC", 3),
        (['B,"never closed', "C,Clear.", "D,Clear."], "A", 3),
        (['B,"closed" twice"', 'C,"Ok."'], "AC", 1),
    ],
    ids=["swallows two", "swallows one", "inner quotes", "to the end", "twice"],
)
def test_a_wrong_quotation_mark_neither_swallows_nor_invents_rows(
    tmp_path, read, lines, read_ids, rejected
):
    path = write(tmp_path / "r.csv", "\n".join(["id,text", "A,Clear.", *lines, ""]))
    reports, rejects = read(path)
    assert "".join(report.report_id for report in reports) == read_ids
    assert [reject.reason for reject in rejects] == [Reason.BAD_ROW] * rejected


def test_a_field_beyond_all_bounds_does_not_lose_the_rest(tmp_path, read):
    path = tmp_path / "r.csv"
    path.write_bytes(b'id,text\nA,"' + (b"x" * 9_999 + b"\n") * 1_700 + b'B,"Clear."\n')
    reports, rejects = read(path)
    assert [report.report_id for report in reports] == ["B"]
    assert {reject.reason for reject in rejects} == {Reason.BAD_ROW}


def test_blank_lines_are_no_rows(tmp_path, read):
    reports, rejects = read(write(tmp_path / "r.csv", "id,text\n\nA,Clear.\n\n"))
    assert (len(reports), rejects) == (1, [])


@pytest.mark.parametrize("content", ["", "\n"])
def test_a_file_without_header_is_an_error(tmp_path, read, content):
    with pytest.raises(MappingError, match="no header"):
        read(write(tmp_path / "r.csv", content))


def test_a_header_alone_is_an_empty_source(tmp_path, read):
    assert read(write(tmp_path / "r.csv", "id,text\n")) == ([], [])


def test_a_packed_file_that_breaks_off_is_an_error(tmp_path, read):
    packed = gzip.compress(("id,text\n" + "A,Clear.\n" * 1000).encode())
    (tmp_path / "r.csv.gz").write_bytes(packed[:-12])
    with pytest.raises(SourceError, match="cannot be read to its end"):
        read(tmp_path / "r.csv.gz")


def test_a_broken_character_in_utf16_is_undecodable(tmp_path, read):
    raw = codecs.BOM_UTF16_LE + "id,text\nA,Clear.\nB,Cl".encode("utf-16-le")
    (tmp_path / "r.csv").write_bytes(raw + b"\x00\xd8" + "ear.\n".encode("utf-16-le"))
    reports, (reject,) = read(tmp_path / "r.csv")
    assert [report.report_id for report in reports] == ["A"]
    assert reject.reason is Reason.UNDECODABLE


def test_no_text_without_an_encoding():
    assert decode(b"\x81", Counter()) is None
