"""Open-i's XML: folders, archives, and the copy inside torchxrayvision."""

import importlib.util
import tarfile

import pytest

from mining.ingest import Reason, SourceError
from mining.ingest.openi import image_ids, openi_corpus
from tests.mining.ingest.ingest_sources import openi_xml, write_tar

BILLION_LAUGHS = b"""<!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><r>&b;</r>"""


def link(name, target):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


@pytest.fixture
def folder(tmp_path):
    for name, xml in {"1": openi_xml("CXR9001"), "sub/2": openi_xml("CXR9002")}.items():
        path = tmp_path / "xml" / f"{name}.xml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(xml)
    return tmp_path / "xml"


def test_sections_become_lines_of_one_text(folder, read):
    (first, second), rejects = read(folder)
    assert rejects == []
    assert first.text == "FINDINGS: The lungs are well aerated.\nIMPRESSION: Nothing acute."
    assert (first.report_id, first.study_id, first.source) == ("CXR9001", "CXR9001", "1.xml")
    assert (second.report_id, second.source, second.language) == ("CXR9002", "sub/2.xml", "en")


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_an_archive_gives_the_same_as_the_folder(tmp_path, folder, read, mode):
    members = {"1.xml": openi_xml("CXR9001"), "sub/2.xml": openi_xml("CXR9002")}
    archive = write_tar(tmp_path / "reports.tgz", members, mode)
    assert read(archive) == read(folder)


def test_a_single_file_is_a_source(folder, read):
    assert [report.report_id for report in read(folder / "1.xml")[0]] == ["CXR9001"]


def test_human_indexing_is_not_read(tmp_path, read):
    for name, mesh in {"with": "<MeSH><major>Hernia</major></MeSH>", "without": ""}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.xml").write_bytes(openi_xml(mesh=mesh))
    assert read(tmp_path / "with") == read(tmp_path / "without")


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        (openi_xml()[:-20], Reason.BROKEN_XML),
        (b"", Reason.BROKEN_XML),
        (openi_xml().replace(b"lungs", b"l\xffngs"), Reason.BROKEN_XML),
        (openi_xml().replace(b"utf-8", b"klingon"), Reason.BROKEN_XML),
        (BILLION_LAUGHS, Reason.FORBIDDEN_XML),
        (openi_xml(None), Reason.MISSING_ID),
        (openi_xml(" "), Reason.MISSING_ID),
        (openi_xml("X" * 200), Reason.BAD_ID),
        (openi_xml(sections={}), Reason.EMPTY),
        (openi_xml(sections={"FINDINGS": "", "INDICATION": " \n"}), Reason.EMPTY),
        (openi_xml(sections={"FINDINGS": "clear " * 200_000}), Reason.TOO_LONG),
        (openi_xml(sections={"FINDINGS": "clear " * 3_000_000}), Reason.TOO_LONG),
    ],
)
@pytest.mark.parametrize("packed", [False, True], ids=["folder", "archive"])
def test_a_bad_file_is_a_reject_and_the_rest_is_read(tmp_path, read, xml, reason, packed):
    members = {"1.xml": xml, "2.xml": openi_xml("CXR9002")}
    if packed:
        source = write_tar(tmp_path / "r.tgz", members)
    else:
        source = tmp_path
        for name, content in members.items():
            (tmp_path / name).write_bytes(content)
    (report,), (reject,) = read(source)
    assert report.report_id == "CXR9002"
    assert reject.reason is reason


def test_an_indication_alone_is_still_a_report(tmp_path, read):
    (tmp_path / "1.xml").write_bytes(openi_xml(sections={"INDICATION": "Cough", "FINDINGS": ""}))
    (report,), _ = read(tmp_path)
    assert report.text == "INDICATION: Cough"


@pytest.mark.parametrize(
    ("name", "member", "reason"),
    [
        ("l.xml", link("l.xml", "/etc/passwd"), Reason.NOT_A_FILE),
        ("../out.xml", openi_xml("CXR9009"), Reason.OUTSIDE_ARCHIVE),
        ("/abs.xml", openi_xml("CXR9009"), Reason.OUTSIDE_ARCHIVE),
        ("../l.xml", link("../l.xml", "x"), Reason.OUTSIDE_ARCHIVE),
    ],
)
def test_members_that_leave_the_archive_are_rejects(tmp_path, read, name, member, reason):
    archive = write_tar(tmp_path / "r.tgz", {name: member, "2.xml": openi_xml()})
    reports, rejects = read(archive)
    assert [report.source for report in reports] == ["2.xml"]
    assert [reject.reason for reject in rejects] == [reason]


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_an_archive_that_breaks_off_is_an_error(tmp_path, read, mode, share):
    members = {f"{n}.xml": openi_xml(f"CXR{n}", {"FINDINGS": f"{n**9}"}) for n in range(300)}
    archive = write_tar(tmp_path / "r.tgz", members, mode)
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(len(whole) * share) // 512 * 512 + 100])
    with pytest.raises(SourceError, match=r"r\.tgz: the archive breaks off"):
        read(archive)


def test_a_file_that_is_no_archive_is_an_error(tmp_path, read):
    (tmp_path / "r.tgz").write_bytes(b"not a tar")
    with pytest.raises(SourceError, match="breaks off"):
        read(tmp_path / "r.tgz")


def test_the_corpus_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SourceError, match="pip install --no-deps") as caught:
        openi_corpus()
    assert "\n" not in str(caught.value)


def test_images_of_a_report():
    assert image_ids(openi_xml()) == ["CXR9001_IM-0001"]
    assert image_ids(b"<broken") == []


def test_the_real_corpus_is_accounted_for(read):
    if importlib.util.find_spec("torchxrayvision") is None:
        pytest.skip("torchxrayvision, which carries the reports, is not installed")
    reports, rejects = read("openi")
    assert len(reports) + len(rejects) == 3955
    assert {reject.reason for reject in rejects} == {Reason.EMPTY}
    assert len(rejects) == 28
    assert all(report.report_id.startswith("CXR") for report in reports)
