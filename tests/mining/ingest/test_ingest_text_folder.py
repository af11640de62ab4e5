"""Folders of .txt files."""

import pytest

from mining.ingest import Reason, ingest


def put(folder, name, content=b"Clear."):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_the_stem_is_the_id(tmp_path, read):
    put(tmp_path, "b/00000001_000.txt", b"FINDINGS:\r\nClear.\r\n")
    put(tmp_path, "a.TXT")
    put(tmp_path, ".hidden.txt")
    put(tmp_path, "notes.md")
    reports, rejects = read(tmp_path)
    assert [(report.report_id, report.source) for report in reports] == [
        ("a", "a.TXT"),
        ("00000001_000", "b/00000001_000.txt"),
    ]
    assert reports[1].text == "FINDINGS:\r\nClear.\r\n"
    assert (reports[1].study_id, reports[1].patient_id, rejects) == (None, None, [])


def test_mimic_names_tell_study_and_patient(tmp_path, read):
    put(tmp_path, "files/p10/p10000017/s50000123.txt")
    (report,), _ = read(tmp_path)
    assert (report.report_id, report.study_id) == ("s50000123", "s50000123")
    assert report.patient_id == "p10000017"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(tmp_path, read, encoding):
    put(tmp_path, "a.txt", "38 °C".encode(encoding))
    assert read(tmp_path)[0][0].text == "38 °C"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Reason.EMPTY),
        (b"\n \t", Reason.EMPTY),
        (b"\x81\x8d", Reason.UNDECODABLE),
        ("Clear.".encode("utf-16-le"), Reason.NUL_BYTES),
        (b"x" * 1_000_001, Reason.TOO_LONG),
        (b"x" * 5_000_000, Reason.TOO_LONG),
    ],
)
def test_a_bad_file_is_a_reject_and_the_rest_is_read(tmp_path, read, content, reason):
    put(tmp_path, "a.txt")
    put(tmp_path, "b.txt", content)
    put(tmp_path, "c.txt")
    reports, (reject,) = read(tmp_path)
    assert [report.report_id for report in reports] == ["a", "c"]
    assert reject.reason is reason
    assert reject.key in ("b", "b.txt")


def test_a_link_to_nowhere_is_a_reject(tmp_path, read):
    (tmp_path / "a.txt").symlink_to(tmp_path / "gone.txt")
    assert [reject.reason for reject in read(tmp_path)[1]] == [Reason.NOT_A_FILE]


def test_a_link_to_a_folder_above_is_not_followed(tmp_path, read):
    put(tmp_path, "sub/a.txt")
    (tmp_path / "sub" / "up").symlink_to(tmp_path)
    assert len(read(tmp_path)[0]) == 1


def test_one_stem_in_two_folders_is_a_conflict(tmp_path):
    put(tmp_path, "in/x/a.txt", b"Clear.")
    put(tmp_path, "in/y/a.txt", b"Effusion.")
    counts = ingest(tmp_path / "in", tmp_path / "out")
    assert (counts.rows_out, counts.rejects) == (0, 2)
