"""Runs as BioC collections."""

from pathlib import Path

import pyarrow as pa
import pytest
from defusedxml.ElementTree import parse

from data_contracts import REPORTS, write_table
from mining.export_bioc import write_bioc
from mining.ingest import RawReport, read_source
from mining.settings import MiningSettings
from mining.stages import ingest, mine, sentences
from mining.stages import parse as parse_stage

SETTINGS = MiningSettings()
TEXTS = {
    "R1": "FINDINGS: No pleural effusion. Heart <5% & enlarged.",
    "R2": "IMPRESSION: Nothing to say.",
    "R3": "FINDINGS: Possible\x0bpneumonia\rhere.",
}


@pytest.fixture
def run(tmp_path: Path, write_reports):  # type: ignore[no-untyped-def]
    source = write_reports(tmp_path / "r.csv", list(TEXTS.items()))
    out = tmp_path / "run"
    out.mkdir()
    ingest(str(source), out, settings=SETTINGS)
    sentences(out / "reports.parquet", out, settings=SETTINGS)
    parse_stage(out / "distinct.parquet", out, settings=SETTINGS)
    mine(out / "sentences.parquet", out / "distinct.parquet", out / "parses.parquet", out,
         settings=SETTINGS)  # fmt: skip
    return out


def export(run: Path) -> Path:
    path = run / "c.xml"
    write_bioc(run / "reports.parquet", run / "mentions.parquet", path)
    return path


def test_annotations_stand_where_the_mentions_are(run: Path) -> None:
    root = parse(export(run), forbid_dtd=False).getroot()
    first = root.findall("document")[0]
    text = first.findtext("passage/text")
    assert text == TEXTS["R1"]
    for annotation in first.iter("annotation"):
        location = annotation.find("location")
        start, length = int(location.get("offset")), int(location.get("length"))
        assert text[start : start + length] == annotation.findtext("text")
    infons = {i.get("key"): i.text for i in first.find(".//annotation[@id='M0']").iter("infon")}
    assert infons["type"] == "Effusion"
    assert infons["verdict"] == "absent"


def test_a_cue_is_tied_to_its_mention(run: Path) -> None:
    root = parse(export(run), forbid_dtd=False).getroot()
    nodes = [
        (node.get("refid"), node.get("role")) for node in root.find(".//relation").iter("node")
    ]
    assert nodes == [("M0", "mention"), ("M0C0", "cue")]
    assert root.findtext(".//annotation[@id='M0C0']/text") == "No"


def test_the_collection_is_read_back(run: Path) -> None:
    reports = list(read_source(export(run)))
    assert all(isinstance(report, RawReport) for report in reports)
    texts = [report.text for report in reports]
    assert texts == [t.replace("\x0b", " ").replace("\r", " ") for t in TEXTS.values()]


def test_tables_of_two_runs_are_told(run: Path, tmp_path: Path) -> None:
    other = pa.Table.from_pylist(
        [dict.fromkeys(REPORTS.columns) | {"report_id": "X", "text": "x"}], schema=REPORTS.schema
    )
    write_table(tmp_path / "other.parquet", other, REPORTS)
    with pytest.raises(ValueError, match="out of the order"):
        write_bioc(tmp_path / "other.parquet", run / "mentions.parquet", tmp_path / "c.xml")
