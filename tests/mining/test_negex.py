"""NegEx as an engine of a run: its verdicts on the mentions that the rules are given."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from data_contracts import MENTIONS, read_table
from flows.mine import mine_reports
from flows.road import Job
from mining.assertion.negex import NEGATED_RULE, PRESENT_RULE, NegexJudge, NegexMissingError
from mining.explain import explain_text
from mining.fingerprints import stage_fingerprint
from mining.resources import load_resources
from mining.settings import MiningSettings

NEGEX = MiningSettings(assertion="negex")


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("No pleural effusion.", ["absent"]),
        ("A small pleural effusion.", ["present"]),
        ("Possible pneumonia.", ["present"]),  # it knows no doubt
        ("No effusion, but a pneumothorax.", ["absent", "present"]),
        ("The heart is not enlarged.", ["absent"]),  # a cue inside of a mention
        ("Heart size is normal.", []),  # a mention by grace of a rule only
        ("The lungs are clear.", []),
    ],
)
def test_verdicts(sentence: str, expected: list[str]) -> None:
    reader = load_resources(NEGEX).reader
    read = [m for m in reader.read(sentence, None) if m.found.finding != "Other"]
    assert [m.ruling.verdict.value for m in read] == expected
    assert {m.ruling.rule_id for m in read} <= {NEGATED_RULE, PRESENT_RULE}


def test_it_judges_the_mentions_that_the_rules_judge() -> None:
    sentence = "No RMLA, mild cardiomegaly and a small effusoin."
    used = ["RMLA=right middle lobe atelectasis"]
    spans = []
    for settings in (NEGEX, MiningSettings()):
        read = load_resources(settings).reader.read(sentence, None, used)
        spans.append([(m.start, m.end, m.found.finding, m.found.source) for m in read])
    assert spans[0] == spans[1] and len(spans[0]) == 3


def test_nothing_is_parsed_for_it() -> None:
    sentence = "No evidence of pneumothorax or effusion."
    assert load_resources(MiningSettings()).reader.needs_parse(sentence)
    assert not load_resources(NEGEX).reader.needs_parse(sentence)


def test_a_run_says_who_judged(tmp_path: Path) -> None:
    source = tmp_path / "reports.jsonl"
    source.write_text(json.dumps({"report_id": "r", "text": "No effusion. Possible mass."}) + "\n")
    mine_reports(Job(str(source), NEGEX), tmp_path / "out")
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["settings"]["assertion"] == "negex"
    assert record["stages"]["mine"]["fingerprint"]["assertion"].startswith("negspacy 1.")
    rows = read_table(tmp_path / "out" / "mentions.parquet", MENTIONS).to_pylist()
    assert [(r["finding"], r["verdict"], r["rule_id"]) for r in rows] == [
        ("Effusion", "absent", NEGATED_RULE),
        ("Mass", "present", PRESENT_RULE),
    ]


def test_the_engine_is_part_of_every_address_that_it_changes() -> None:
    for stage in ("parse", "mine"):
        assert stage_fingerprint(stage, NEGEX) != stage_fingerprint(stage, MiningSettings())
    assert stage_fingerprint("label", NEGEX) == stage_fingerprint("label", MiningSettings())


def test_without_negspacy_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "negspacy.negation", None)
    with pytest.raises(NegexMissingError, match=r"expected negspacy.*--assertion rules"):
        NegexJudge()


def test_an_explanation_names_the_engine() -> None:
    [mention] = explain_text("No effusion.", NEGEX).sentences[0].mentions
    assert mention.reads == "NegEx (negspacy) negates it"
