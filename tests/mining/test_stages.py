"""The stages, one after the other, on reports of our own."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from data_contracts import content_hash, read_provenance, read_table
from mining import stages
from mining.fingerprints import source_fingerprint, stage_fingerprint
from mining.ingest import SourceError
from mining.ingest.openi import openi_corpus
from mining.settings import MiningSettings, SettingsError
from mining.stages import RowsLostError, StageReport

REPORTS = {
    "r1": "FINDINGS: Mild cardiomegaly. No effusion or pneumothorax.\nIMPRESSION: Cardiomegaly.",
    "r2": "INDICATION: Pneumonia?\nFINDINGS: Clear lungs. Heart size is normal.",
    "r3": "IMPRESSION: Possible small effusion.\nCannot exclude\npneumonia.",
    "r4": "INDICATION: Cough.",
}


def _walk(source: Path, out: Path, settings: MiningSettings) -> dict[str, StageReport]:
    folders = {name: out / name for name in ("ingest", "sentences", "parse", "mine", "label")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    reports = folders["ingest"] / "reports.parquet"
    done = {"ingest": stages.ingest(str(source), folders["ingest"], settings=settings)}
    done["sentences"] = stages.sentences(reports, folders["sentences"], settings=settings)
    sentences, distinct = (folders["sentences"] / f"{n}.parquet" for n in ("sentences", "distinct"))
    done["parse"] = stages.parse(distinct, folders["parse"], settings=settings)
    parses = folders["parse"] / "parses.parquet"
    done["mine"] = stages.mine(sentences, distinct, parses, folders["mine"], settings=settings)
    mentions = folders["mine"] / "mentions.parquet"
    done["label"] = stages.label(reports, mentions, folders["label"], settings=settings)
    return done


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "reports.jsonl"
    rows = (json.dumps({"report_id": k, "text": v}) for k, v in REPORTS.items())
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    out = tmp_path_factory.mktemp("run")
    yield {"out": out, "reports": _walk(source, out, MiningSettings())}


def test_rows_add_up_at_every_stage(run: dict[str, Any]) -> None:
    for report in run["reports"].values():
        report.check()


def test_labels(run: dict[str, Any]) -> None:
    table = read_table(run["out"] / "label" / "labels.parquet")
    rows = {row["report_id"]: row for row in table.to_pylist()}
    r1, r2, r3, r4 = (rows[f"r{n}"] for n in range(1, 5))
    assert (r1["Cardiomegaly"], r1["Effusion"], r1["no_finding"]) == ("present", "absent", False)
    assert (r2["Cardiomegaly"], r2["Pneumonia"], r2["normal"]) == ("absent", None, True)
    assert (r3["Effusion"], r3["Pneumonia"]) == ("uncertain", "uncertain")
    assert r4["Pneumonia"] is None


def test_offsets_of_mentions_and_cues_are_those_of_the_report(run: dict[str, Any]) -> None:
    rows = read_table(run["out"] / "mine" / "mentions.parquet").to_pylist()
    assert rows
    for row in rows:
        text = REPORTS[row["report_id"]]
        assert text[row["start"] : row["end"]].replace("\n", " ") == row["text"]
    cues = [
        REPORTS["r1"][s:e]
        for row in rows
        if row["report_id"] == "r1" and row["finding"] == "Pneumothorax"
        for s, e in zip(row["cue_starts"], row["cue_ends"], strict=True)
    ]
    assert cues == ["No"]


def test_the_same_input_gives_the_same_bytes(
    source: Path, run: dict[str, Any], tmp_path: Path
) -> None:
    _walk(source, tmp_path, MiningSettings())
    for name in ("sentences/distinct", "parse/parses", "mine/mentions", "label/labels"):
        assert content_hash(tmp_path / f"{name}.parquet") == content_hash(
            run["out"] / f"{name}.parquet"
        )


def test_shards_hold_the_same_rows(source: Path, run: dict[str, Any], tmp_path: Path) -> None:
    _walk(source, tmp_path, MiningSettings(shards=3))
    assert (tmp_path / "mine" / "mentions.parquet").is_dir()
    for name in ("mine/mentions", "label/labels"):
        whole = read_table(run["out"] / f"{name}.parquet")
        assert read_table(tmp_path / f"{name}.parquet").to_pylist() == whole.to_pylist()


def test_a_sentence_that_occurs_twice_is_read_once(run: dict[str, Any]) -> None:
    report = run["reports"]["sentences"]
    assert report.details["distinct_sentences"] <= report.details["sentences"]
    distinct = read_table(run["out"] / "sentences" / "distinct.parquet")
    assert len(set(distinct.column("text").to_pylist())) == distinct.num_rows


def test_the_metadata_say_what_a_table_rests_on(run: dict[str, Any]) -> None:
    provenance = read_provenance(run["out"] / "mine" / "mentions.parquet")
    for key in ("rules", "vocabulary", "parser", "stage_version", "cxrmine_version"):
        assert any(key in name for name in provenance), key


def test_lost_rows_stop_a_run() -> None:
    with pytest.raises(RowsLostError, match="5 rows in, 4 accounted for"):
        StageReport("mine", 5, 3, rejects=1).check()


@pytest.mark.parametrize(
    ("stage", "change", "changes"),
    [
        ("label", {"profile": "openi-mesh"}, True),
        ("mine", {"profile": "openi-mesh"}, False),
        ("parse", {"profile": "openi-mesh"}, False),
        ("mine", {"findings": "chestxray8"}, True),
        ("sentences", {"findings": "chestxray8"}, False),
    ],
)
def test_a_setting_changes_the_stages_that_read_it(
    stage: str, change: dict[str, str], changes: bool
) -> None:
    before = stage_fingerprint(stage, MiningSettings())
    assert (stage_fingerprint(stage, MiningSettings(**change)) != before) is changes  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong", [{"findings": "chestxray15"}, {"shards": -1}, {"max_reject_rate": 2.0}]
)
def test_a_setting_out_of_range_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=f"setting {next(iter(wrong))}: found"):
        MiningSettings(**wrong)


def test_the_source_fingerprint_follows_the_content(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("No effusion.")
    before = source_fingerprint(str(tmp_path))
    (tmp_path / "a.txt").write_text("No effusion!")
    assert source_fingerprint(str(tmp_path)) != before
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        source_fingerprint(str(tmp_path / "b"))


def test_mesh_is_never_an_input(tmp_path: Path) -> None:
    """Without the human indexing in its files the corpus gives the same labels."""
    try:
        corpus = openi_corpus()
    except SourceError as error:
        pytest.skip(str(error))
    with_mesh, without = tmp_path / "with", tmp_path / "without"
    for folder in (with_mesh, without):
        folder.mkdir()
    with tarfile.open(corpus) as archive:
        for member in archive.getmembers()[:400]:
            file = archive.extractfile(member)
            if file is None:
                continue
            text = file.read().decode("utf-8")
            head, _, rest = text.partition("<MeSH>")
            stripped = head + rest.partition("</MeSH>")[2]
            assert stripped != text
            (with_mesh / Path(member.name).name).write_text(text, encoding="utf-8")
            (without / Path(member.name).name).write_text(stripped, encoding="utf-8")
    labels = []
    for folder in (with_mesh, without):
        _walk(folder, tmp_path / f"{folder.name}-run", MiningSettings(profile="openi-mesh"))
        labels.append(pq.read_table(tmp_path / f"{folder.name}-run" / "label" / "labels.parquet"))
    assert labels[0].num_rows > 300
    assert labels[0].equals(labels[1])
