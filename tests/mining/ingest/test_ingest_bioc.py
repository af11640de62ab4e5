"""BioC collections in XML and JSON."""

import pytest

from mining.ingest import Reason, SourceError
from tests.mining.ingest.hospital_sources import bioc_document, bioc_xml, write_json

DOCUMENT = {
    "id": "R1",
    "infons": {"study_id": "A77", "status": "final"},
    "passages": [
        {"offset": 0, "text": "FINDINGS: Clear."},
        {"offset": 20, "text": "", "sentences": [{"offset": 20, "text": "Heart is normal."}]},
    ],
}


@pytest.fixture
def read_xml(tmp_path, read):
    def write_and_read(*documents):
        (tmp_path / "c.xml").write_text(bioc_xml("".join(documents)))
        return read(tmp_path / "c.xml")

    return write_and_read


def test_pieces_stand_at_their_offsets(read_xml):
    (report,), rejects = read_xml(bioc_document("R1", (0, "FINDINGS: Clear."), (20, "Heart fine.")))
    assert rejects == []
    assert report.text.index("Heart fine.") == 20
    assert (report.report_id, report.study_id, report.source) == ("R1", "A77", "c.xml")


def test_json_says_the_same(tmp_path, read):
    (report,), _ = read(write_json(tmp_path / "c.json", {"documents": [DOCUMENT]}))
    assert report.text == "FINDINGS: Clear.   \nHeart is normal."
    assert (report.study_id, report.status) == ("A77", "final")


def test_offsets_that_cannot_be_leave_the_order(read_xml):
    (report,), _ = read_xml(bioc_document("R1", (0, "First one."), (3, "Second.")))
    assert report.text == "First one.\nSecond."


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (bioc_document("", (0, "Clear.")), Reason.MISSING_ID),
        (bioc_document("R2"), Reason.EMPTY),
        (bioc_document("R2", (10**12, "Clear.")), Reason.BAD_ROW),
        (bioc_document("R2", (-5, "Clear.")), Reason.BAD_ROW),
    ],
)
def test_what_cannot_be_used_is_a_reject(read_xml, document, reason):
    (report,), (reject,) = read_xml(document, bioc_document("good", (0, "Clear.")))
    assert report.report_id == "good"
    assert reject.reason is reason


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (bioc_xml("<document><id>1</id>")[:-5], "breaks off"),
        ('<!DOCTYPE c [<!ENTITY a "ha">]><collection>&a;</collection>', "entities"),
    ],
)
def test_broken_and_hostile_collections_are_errors(tmp_path, read, text, said):
    (tmp_path / "c.xml").write_text(text)
    with pytest.raises(SourceError, match=said):
        read(tmp_path / "c.xml")


@pytest.mark.parametrize("value", [[], 5, {"documents": 5}, {"documents": [5]}])
def test_json_of_another_shape_is_an_error(tmp_path, read, value):
    with pytest.raises(SourceError, match="no BioC collection"):
        read(write_json(tmp_path / "c.json", value), format="bioc")
