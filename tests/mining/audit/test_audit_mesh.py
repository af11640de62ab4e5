from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from data_contracts import CHESTXRAY8, CHESTXRAY14
from mining.audit import gold_differences, label_statistics, mark_unindexed, mesh_gold, read_gold
from mining.audit.holdout import held_out_ids
from mining.audit.mesh import MeshError, read_indexings, unindexed_ids

# Counts of Wang et al., CVPR 2017, Table 1, for OpenI: reports, and those with overlap.
TABLE_1 = {
    "Atelectasis": "315 (122)",
    "Cardiomegaly": "345 (100)",
    "Effusion": "153 (94)",
    "Infiltration": "60 (45)",
    "Mass": "15 (4)",
    "Nodule": "106 (18)",
    "Pneumonia": "40 (15)",
    "Pneumothorax": "22 (11)",
}


def document(report_id: str, *headings: str, images: int = 1) -> bytes:
    majors = "".join(f"<major>{heading}</major>" for heading in headings)
    return (
        f'<eCitation><uId id="{report_id}"/><MeSH>{majors}'
        f"<automatic>Pneumonia</automatic></MeSH>{'<parentImage/>' * images}</eCitation>"
    ).encode()


@pytest.fixture
def folder(tmp_path) -> Callable[..., Path]:
    def write(*documents: bytes) -> Path:
        for number, content in enumerate(documents):
            (tmp_path / f"{number}.xml").write_bytes(content)
        return tmp_path

    return write


@pytest.fixture(scope="module")
def installed():
    try:
        return mesh_gold()
    except MeshError:
        pytest.skip("torchxrayvision, which carries the OpenI reports, is not installed")


def positives(table, row=0):
    record = table.to_pylist()[row]
    return {finding for finding in CHESTXRAY14 if record[finding]}


@pytest.mark.parametrize(
    ("heading", "finding"),
    [
        ("Pulmonary Atelectasis/base/left/mild", "Atelectasis"),
        ("Pleural Effusion/bilateral", "Effusion"),
        ("Pericardial Effusion", "Effusion"),
        ("Pulmonary Edema", "Edema"),
        ("Pulmonary Emphysema", "Emphysema"),
        ("Thickening/pleura", "Pleural_Thickening"),
        ("Hernia, Hiatal", "Hernia"),
    ],
)
def test_heading_reads_as_its_finding(folder, heading, finding):
    assert positives(mesh_gold(folder(document("CXR1", heading)))) == {finding}


@pytest.mark.parametrize("heading", ["Opacity/nodule", "Subcutaneous Emphysema", "normal"])
def test_other_headings_and_qualifiers_are_no_finding(folder, heading):
    assert positives(mesh_gold(folder(document("CXR1", heading)))) == set()


def test_normal_heading_is_normal(folder):
    gold = mesh_gold(folder(document("CXR1", "normal"), document("CXR2", "Mass")))
    assert [bool(value) for value in gold["normal"].to_pylist()] == [True, False]


def test_report_that_nobody_indexed_is_not_judged(folder):
    source = folder(document("CXR1", "No Indexing"), document("CXR2", "Mass"), document("CXR3"))
    assert mesh_gold(source)["judged"].to_pylist() == [False, True, False]
    assert unindexed_ids(source) == {"CXR1", "CXR3"}


def test_unindexed_reports_are_marked_in_a_gold_that_cannot_say_so(folder, make_gold):
    source = folder(document("CXR1", "No Indexing"), document("CXR2", "Mass"))
    gold = make_gold({"CXR2": {}, "CXR1": {}})
    assert mark_unindexed(gold, source)["judged"].to_pylist() == [True, False]


def test_gold_of_other_reports_stays_as_it_is(folder, make_gold):
    source = folder(document("CXR1", "No Indexing"))
    gold = make_gold({"CXR1": {}, "exam7": {}})
    assert mark_unindexed(gold, source).equals(gold)


def test_reports_without_image_come_on_request(folder):
    source = folder(document("CXR1", "Mass"), document("CXR2", "Mass", images=0))
    assert mesh_gold(source)["report_id"].to_pylist() == ["CXR1"]
    assert mesh_gold(source, with_image_only=False).num_rows == 2


def test_archive_reads_like_the_folder(folder, tmp_path):
    source = folder(document("CXR1", "Mass"), document("CXR2", "Nodule"))
    archive = tmp_path / "reports.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        for file in sorted(source.glob("*.xml")):
            content = file.read_bytes()
            member = tarfile.TarInfo(f"inner/{file.name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    assert mesh_gold(archive).equals(mesh_gold(source))


BOMB = b'<!DOCTYPE a [<!ENTITY b "c">]><eCitation><uId id="CXR9"/>&b;</eCitation>'


@pytest.mark.parametrize("broken", [b"<eCitation>", b"", b"<eCitation/>", BOMB])
def test_unreadable_file_is_logged_and_left_out(folder, caplog, broken):
    source = folder(document("CXR1", "Mass"), broken)
    assert [found.report_id for found in read_indexings(source)] == ["CXR1"]
    assert "1.xml" in caplog.text


def test_report_twice_is_an_error(folder):
    with pytest.raises(MeshError, match="CXR1 twice"):
        mesh_gold(folder(document("CXR1"), document("CXR1")))


def test_source_without_reports_is_an_error(tmp_path):
    with pytest.raises(MeshError, match="no OpenI report"):
        mesh_gold(tmp_path)
    with pytest.raises(MeshError, match="neither a folder"):
        mesh_gold(tmp_path / "nowhere.tgz")


def test_reference_equals_the_published_gold_but_for_hernia(installed, data_folder):
    published = read_gold(data_folder / "openi" / "gold_train.csv")
    others = set(installed["report_id"].to_pylist()) - held_out_ids()
    assert others == set(published["report_id"].to_pylist())
    for row in gold_differences(installed, published).to_pylist():
        expected = 41 if row["finding"] == "Hernia" else 0  # never set in the published file
        assert (row["only_one"], row["only_other"]) == (expected, 0), row["finding"]


def test_reference_counts_are_those_of_chestxray8(installed):
    # Counts over all reports; the paper's totals include the test split. No text is read.
    found = label_statistics(installed, findings=CHESTXRAY8)
    assert {name: str(count) for name, count in found.findings.items()} == TABLE_1
    assert found.normal == 1379
    assert found.reports == 3851


def test_hernia_heading_is_kept_for_46_reports(installed):
    assert label_statistics(installed).findings["Hernia"].total == 46


def test_92_reports_of_the_published_gold_are_not_judged(installed):
    assert installed["judged"].to_pylist().count(False) == 92
