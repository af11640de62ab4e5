"""MIMIC-CXR's layout: folders, archive, metadata; all of it made up."""

import gzip
import stat
import zipfile

import pytest

from mining.ingest import SourceError, ingest
from mining.ingest.exams import ExamFilter

TEXT = "                 FINAL REPORT\n FINDINGS: \n \n Clear lungs.\n \n IMPRESSION: \n \n Normal."
REPORTS = {
    "files/p10/p10000032/s50414267.txt": TEXT,
    "files/p10/p10000032/s53189527.txt": "IMPRESSION: Small effusion.",
    "files/p11/p11000001/s50000001.txt": "FINDINGS: Clear lungs.",
}
METADATA = (
    "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns,"
    "StudyDate,StudyTime,ProcedureCodeSequence_CodeMeaning\n"
    "d1,10000032,50414267,CHEST (PA AND LAT),PA,3056,2544,21800506,213014.531,CHEST\n"
    "d2,10000032,50414267,CHEST (PA AND LAT),LATERAL,3056,2544,21800506,213014.531,CHEST\n"
    "d3,10000032,53189527,PORTABLE CHEST,AP,3056,2544,21800626,93123.0,CHEST\n"
)


@pytest.fixture
def folder(tmp_path):
    for name, text in REPORTS.items():
        path = tmp_path / "mimic" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "mimic"


def archived(path, members=REPORTS):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def test_names_of_folders_and_files_say_patient_and_study(folder, read):
    reports, rejects = read(folder)
    assert not rejects
    first = reports[0]
    assert (first.report_id, first.study_id, first.patient_id) == (
        "s50414267", "s50414267", "p10000032",
    )  # fmt: skip
    assert first.source == "files/p10/p10000032/s50414267.txt"
    assert first.text == TEXT
    assert (first.received_at, first.procedure_code, first.modality) == (None, None, None)


def test_the_archive_says_the_same(tmp_path, folder, read):
    assert read(archived(tmp_path / "mimic-cxr-reports.zip")) == read(folder)


@pytest.mark.parametrize("packed", [False, True])
def test_metadata_in_the_folder_are_joined_by_study(folder, read, packed):
    raw = METADATA.encode()
    name = "mimic-cxr-2.0.0-metadata.csv"
    (folder / (name + ".gz" if packed else name)).write_bytes(gzip.compress(raw) if packed else raw)
    found = {one.report_id: one for one in read(folder)[0]}
    assert len(found) == 3
    assert found["s50414267"].received_at.isoformat() == "2180-05-06T21:30:14+00:00"
    assert found["s50414267"].procedure_code == "CHEST (PA AND LAT)"
    assert found["s53189527"].received_at.isoformat() == "2180-06-26T09:31:23+00:00"
    assert found["s50000001"].received_at is None


def test_procedures_of_the_metadata_can_be_asked_for(tmp_path, folder):
    (folder / "mimic-cxr-2.0.0-metadata.csv").write_text(METADATA)
    exams = ExamFilter(procedure_codes=["CHEST*"], missing="filter")
    counts = ingest(folder, tmp_path / "out", exams=exams)
    assert (counts.rows_out, counts.filtered) == (1, 2)
    assert counts.filtered_by["procedure_code: missing"] == 1


def test_metadata_of_another_shape_are_an_error(folder, read):
    (folder / "mimic-cxr-2.0.0-metadata.csv").write_text("a,b\n1,2\n")
    with pytest.raises(SourceError, match="no metadata of MIMIC-CXR"):
        read(folder)


def link(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("../s1.txt", "x", "outside_archive"),
        ("/etc/s1.txt", "x", "outside_archive"),
        (link("s1.txt"), "/etc/passwd", "not_a_file"),
        ("s1.txt", "0" * 5_000_000, "too_long"),
        ("s1.txt", b"\x81\x8d", "undecodable"),
        ("s1.txt", "", "empty"),
    ],
)
def test_what_cannot_be_read_of_an_archive_is_a_reject(tmp_path, read, name, text, reason):
    path = archived(tmp_path / "r.zip", {name: text, "s2.txt": "FINDINGS: Clear."})
    reports, rejects = read(path)
    assert [one.report_id for one in reports] == ["s2"]
    assert [one.reason for one in rejects] == [reason]


def test_other_members_are_counted(tmp_path):
    members = {"s1.txt": "Clear.", "LICENSE": "…", ".hidden.txt": "x"}
    path = archived(tmp_path / "r.zip", members)
    counts = ingest(path, tmp_path / "out")
    assert (counts.rows_out, dict(counts.notes)) == (1, {"archive members that are no .txt": 1})


@pytest.mark.parametrize("keep", [0.5, 0.9])
def test_an_archive_that_breaks_off_is_an_error(tmp_path, read, keep):
    raw = archived(tmp_path / "r.zip").read_bytes()
    (tmp_path / "r.zip").write_bytes(raw[: int(len(raw) * keep)])
    with pytest.raises(SourceError, match="breaks off"):
        read(tmp_path / "r.zip")


def test_a_damaged_member_is_an_error(tmp_path, read):
    path = archived(tmp_path / "r.zip")
    raw = bytearray(path.read_bytes())
    raw[80] ^= 0xFF
    path.write_bytes(raw)
    with pytest.raises(SourceError, match="breaks off"):
        read(path)
