"""Abbreviations that a report defines: which are found, what they mean, where mentions stand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data_contracts import DISTINCT_SENTENCES, MENTIONS, REPORTS, read_table
from mining import stages
from mining.concepts.abbreviations import ReportAbbreviations, defined_in, keyed_sentence
from mining.explain import explain_text
from mining.fingerprints import stage_fingerprint
from mining.resources import load_resources
from mining.sentences import sentence_key
from mining.settings import MiningSettings

REPORT = "FINDINGS: New right middle lobe atelectasis (RMLA). No pleural fluid.\nIMPRESSION: {}"


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("New right middle lobe atelectasis (RMLA).", {"RMLA": "right middle lobe atelectasis"}),
        ("A LLPE (large left pleural effusion) is seen.", {"LLPE": "large left pleural effusion"}),
        ("There is an effusion (small).", {}),
        ("Compared with the prior (XXXX).", {}),
        ("The lungs are clear (PA and lateral).", {}),
        ("A nodule (9 MM) is seen.", {}),
    ],
)
def test_a_definition_is_found(sentence: str, expected: dict[str, str]) -> None:
    assert defined_in(sentence) == expected


def test_a_sentence_without_end_defines_nothing() -> None:
    filler = "and so on " * 200
    assert defined_in(f"A left pleural effusion (LPE) {filler}.") == {}


def test_a_long_form_is_words_and_no_wall_of_letters() -> None:
    wall = "l" * 300
    assert defined_in(f"A {wall} pleural effusion (LPE) is seen.") == {}


def test_only_later_sentences_use_it_and_only_as_written() -> None:
    report = ReportAbbreviations()
    assert report.used_in("The LPE and a left pleural effusion (LPE).") == ()
    assert report.used_in("LPE and lpe are unchanged.") == ("LPE=left pleural effusion",)
    assert ReportAbbreviations().used_in("LPE is unchanged.") == ()


def test_a_sentence_without_abbreviations_keeps_its_key() -> None:
    assert keyed_sentence("No\neffusion.", ()) == sentence_key("No effusion.")


def _run(tmp_path: Path, settings: MiningSettings, *texts: str) -> dict[str, list[object]]:
    """The columns of the mentions of these reports, after the stages of a run."""
    source = tmp_path / "reports.jsonl"
    rows = [{"report_id": f"r{n}", "text": text} for n, text in enumerate(texts)]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    stages.ingest(str(source), tmp_path, settings=settings)
    stages.sentences(tmp_path / "reports.parquet", tmp_path, settings=settings)
    distinct = tmp_path / "distinct.parquet"
    stages.parse(distinct, tmp_path, settings=settings)
    stages.mine(
        tmp_path / "sentences.parquet", distinct, tmp_path / "parses.parquet", tmp_path,
        settings=settings,
    )  # fmt: skip
    assert read_table(tmp_path / "reports.parquet", REPORTS).num_rows == len(texts)
    return read_table(tmp_path / "mentions.parquet", MENTIONS).to_pydict()


def _later(found: dict[str, list[object]], report: str) -> list[tuple[object, ...]]:
    names = ("report_id", "text", "finding", "concept_source", "verdict")
    rows = list(zip(*(found[n] for n in names), strict=True))
    return [row[1:] for row in rows if row[0] == report and row[3] == "abbreviation"]


def test_a_later_sentence_mentions_what_the_abbreviation_means(tmp_path: Path) -> None:
    text = REPORT.format("RMLA is unchanged. No RMLA on the left.")
    found = _run(tmp_path, MiningSettings(), text)
    assert _later(found, "r0") == [
        ("RMLA", "Atelectasis", "abbreviation", "present"),
        ("RMLA", "Atelectasis", "abbreviation", "absent"),
    ]
    starts, ends = found["start"], found["end"]
    assert all(text[a:b] == t for a, b, t in zip(starts, ends, found["text"], strict=True))  # type: ignore[misc]


def test_another_report_does_not_know_the_abbreviation(tmp_path: Path) -> None:
    texts = [REPORT.format("RMLA is unchanged."), "FINDINGS: RMLA is unchanged."]
    found = _run(tmp_path, MiningSettings(), *texts)
    assert _later(found, "r0") and not _later(found, "r1")
    distinct = read_table(tmp_path / "distinct.parquet", DISTINCT_SENTENCES)
    same = [r for r in distinct.to_pylist() if r["text"] == "RMLA is unchanged."]
    used = {(r["abbreviations"] or [""])[0] for r in same}
    assert used == {"RMLA=right middle lobe atelectasis", ""}
    assert len({r["sentence_id"] for r in same}) == 2


def test_phrases_alone_know_no_abbreviations(tmp_path: Path) -> None:
    settings = MiningSettings(concepts="phrases")
    assert _later(_run(tmp_path, settings, REPORT.format("RMLA is unchanged.")), "r0") == []
    assert stage_fingerprint("sentences", settings)["abbreviations"] == "off"


@pytest.mark.parametrize(
    "used", ["NPTX=no pneumothorax", "PP=possible pneumonia", "HOP=history of pneumonia"]
)
def test_an_abbreviation_with_a_cue_inside_is_let_be(used: str) -> None:
    reader = load_resources(MiningSettings()).reader
    assert reader.read(f"{used.split('=')[0]} is seen.", None, [used]) == []


def test_the_reports_own_meaning_wins_over_the_vocabularys() -> None:
    reader = load_resources(MiningSettings()).reader
    text = "A large PTX."
    assert [m.found.finding for m in reader.read(text, None)] == ["Pneumothorax"]
    assert reader.read(text, None, ["PTX=patient transfer"]) == []


def test_a_finding_comes_once_where_an_abbreviation_holds_it_twice() -> None:
    reader = load_resources(MiningSettings()).reader
    [mention] = reader.read("BPE seen.", None, ["BPE=bilateral effusion and pleural effusion"])
    assert (mention.found.finding, mention.found.tokens) == ("Effusion", (0,))


def test_an_explanation_reads_abbreviations_as_a_run_does() -> None:
    explained = explain_text(REPORT.format("No RMLA."))
    last = explained.sentences[-1].mentions
    assert [(m.text, m.mention.ruling.verdict.value) for m in last] == [("RMLA", "absent")]
