"""What `check_rules` says of small rule books on a small corpus of our own."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow as pa
import pytest
from rich.console import Console

from data_contracts import CHESTXRAY14
from mining.assertion.rule_files import load_rules
from mining.audit import read_gold
from mining.audit.holdout import held_out_ids
from mining.examples import rule_examples
from mining.parsing import Parse, Parser
from mining.reading import SentenceReader
from mining.resources import load_resources
from mining.rulecheck import Corpus, RuleCheck, RuleReport, check_rules, corpus_of
from mining.rulecheck.firing import FiringReader
from mining.rulecheck.view import check_markdown, print_check
from mining.settings import MiningSettings
from tests.mining.rulecheck.conftest import RuleFolder

REPORTS = [
    ("A1", "FINDINGS: No pneumothorax. Small pleural effusion."),
    ("A2", "FINDINGS: No pneumothorax. Possible pneumonia."),
    ("A3", "FINDINGS: No change in the nodule. No pneumothorax."),
    ("A4", "FINDINGS: There is no evidence of pneumothorax."),
]
GOLD = "report_id,Pneumothorax,Pneumonia,Nodule\nA1,0,0,0\nA2,1,1,0\nA3,0,0,1\nA4,0,0,0\n"

RULES = """
scheme = "ud2"
[[rule]]
id = "own.present"
reads = "no change in FINDING"
verdict = "present"
surface = "no 'change' 'in' ~2 FINDING"
yes = ["No change in the [nodule]."]
no = ["No [nodule]."]
[[rule]]
id = "own.no"
reads = "no FINDING"
verdict = "absent"
path = "FINDING >det no"
yes = ["No [nodule]."]
no = ["A [nodule]."]
[[rule]]
id = "own.words"
reads = "no FINDING"
verdict = "absent"
surface = "no ~ FINDING"
yes = ["No change in the size of the [nodule]."]
no = ["A [nodule]."]
[[rule]]
id = "own.never"
reads = "denies FINDING"
verdict = "absent"
surface = "denies FINDING"
yes = ["Denies [pain]."]
no = ["A [nodule]."]
"""


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return corpus_of(REPORTS)


@pytest.fixture
def gold(tmp_path: Path) -> pa.Table:
    (tmp_path / "gold.csv").write_text(GOLD)
    return read_gold(tmp_path / "gold.csv", findings=CHESTXRAY14)


@pytest.fixture
def check(rule_folder: RuleFolder, corpus: Corpus, gold: pa.Table) -> RuleCheck:
    return check_rules(load_rules(rule_folder(RULES)), corpus, gold=gold)


def _of(check: RuleCheck, rule_id: str) -> RuleReport:
    return next(report for report in check.rules if report.rule.id == rule_id)


def test_a_sentence_counts_as_often_as_it_occurs(check: RuleCheck) -> None:
    assert len(check.corpus.texts) == 5
    assert (check.mentions, check.verdicts) == (7, {"absent": 4, "present": 3})


@pytest.mark.parametrize(
    ("rule_id", "figures"),
    [
        # A3's nodule: own.words would call it absent.
        ("own.present", (1, 1, 1)),
        # Four pneumothoraces, all of which own.words reads alike.
        ("own.no", (4, 4, 0)),
        ("own.words", (5, 0, 0)),
        ("own.never", (0, 0, 0)),
    ],
)
def test_fires_decides_and_decides_alone(
    check: RuleCheck, rule_id: str, figures: tuple[int, int, int]
) -> None:
    tally = _of(check, rule_id).tally
    assert (tally.fires, tally.decides, tally.alone) == figures


def test_shared_mentions_are_counted_by_rule(check: RuleCheck) -> None:
    assert _of(check, "own.words").shared == [("own.no", 4), ("own.present", 1)]


@pytest.mark.parametrize(
    ("rule_id", "right", "judged"), [("own.no", 3, 4), ("own.present", 1, 1), ("own.words", 0, 0)]
)
def test_precision_against_the_gold(
    check: RuleCheck, rule_id: str, right: int, judged: int
) -> None:
    tally = _of(check, rule_id).tally
    assert (tally.right, tally.judged) == (right, judged)
    assert tally.precision == (right / judged if judged else None)


def test_idle_rules_are_named_and_are_no_error(check: RuleCheck) -> None:
    assert _of(check, "own.never").warnings == ("never fires on this corpus",)
    assert _of(check, "own.words").warnings[0].startswith("shadowed")
    assert not check.failed


def test_kinds(check: RuleCheck) -> None:
    assert [report.kind for report in check.rules] == ["words", "graph", "words", "words"]


def test_words_that_no_sentence_holds_are_listed(check: RuleCheck) -> None:
    unseen = {u.name: u.words for u in check.unseen}
    assert "zero" in unseen["no"]
    assert "denies" not in unseen["denies"]


def _errors(folder: Path, corpus: Corpus) -> dict[str, tuple[str, ...]]:
    check = check_rules(load_rules(folder), corpus)
    assert check.failed is any(r.errors for r in check.rules)
    return {report.rule.id: report.errors for report in check.rules}


def test_a_rule_that_an_earlier_one_forestalls_is_dead(
    rule_folder: RuleFolder, corpus: Corpus
) -> None:
    text = RULES.replace("No change in the size of the [nodule].", "No [mass].")
    [error] = _errors(rule_folder(text), corpus)["own.words"]
    assert error == "decided by own.no: No [mass]."


def test_a_rule_that_fires_on_its_near_miss_is_an_error(
    rule_folder: RuleFolder, corpus: Corpus
) -> None:
    text = RULES.replace('no = ["No [nodule]."]', 'no = ["No change in the [mass]."]')
    [error] = _errors(rule_folder(text), corpus)["own.present"]
    assert error.startswith("fires on its near-miss")


TWIN = """
[[rule]]
id = "own.twin"
reads = "no FINDING"
verdict = "absent"
path = "FINDING >det 'no'"
{}
yes = ["No [nodule]."]
no = ["A [nodule]."]
"""


def test_a_duplicate_is_found_by_what_it_matches(rule_folder: RuleFolder, corpus: Corpus) -> None:
    text = RULES.replace("FINDING >det no", "FINDING >det 'no'") + TWIN.format("")
    errors = _errors(rule_folder(text), corpus)
    assert "an expression stands in own.twin too" in errors["own.no"]
    assert "an expression stands in own.no too" in errors["own.twin"]


@pytest.mark.parametrize("terms", ["exact = true", "unless = [\"FINDING >amod 'new'\"]"])
def test_the_same_expression_under_other_terms_is_none(
    rule_folder: RuleFolder, corpus: Corpus, terms: str
) -> None:
    text = RULES.replace("FINDING >det no", "FINDING >det 'no'") + TWIN.format(terms)
    assert not any("stands in" in e for e in _errors(rule_folder(text), corpus)["own.no"])


def test_a_label_that_the_parser_cannot_give_is_an_error(
    rule_folder: RuleFolder, corpus: Corpus
) -> None:
    text = RULES.replace("FINDING >det no", "FINDING >clf no")
    assert (
        "no parse has the label of: FINDING >clf no"
        in (_errors(rule_folder(text), corpus)["own.no"])
    )


def test_a_label_in_vain_beside_others_is_told_and_no_error(
    rule_folder: RuleFolder, corpus: Corpus
) -> None:
    text = RULES.replace("FINDING >det no", "FINDING >det|clf no")
    check = check_rules(load_rules(rule_folder(text)), corpus)
    assert _of(check, "own.no").vain_labels == ("clf",)
    assert not check.failed


def test_reports_of_the_published_test_split_are_left_out() -> None:
    held_out = min(held_out_ids())
    corpus = corpus_of([*REPORTS, (held_out, "FINDINGS: Large hernia.")])
    assert (corpus.report_count, corpus.left_out) == (4, 1)
    assert not any("hernia" in text for text in corpus.texts)


def _printed(check: RuleCheck, width: int = 100, **options: bool) -> str:
    stream = io.StringIO()
    print_check(check, console=Console(file=stream, width=width), **options)
    return stream.getvalue()


def test_the_table_fits_a_hundred_columns(corpus: Corpus, gold: pa.Table) -> None:
    text = _printed(check_rules(load_rules(), corpus, gold=gold), examples=True, verbose=True)
    assert max(map(len, text.splitlines())) <= 100
    head = text.splitlines()[0].split()
    assert head == ["rule", "fires", "decides", "alone", "precision", "shared", "with"]
    assert all(rule.id in text for rule in load_rules().rules)


def test_ids_of_reports_come_only_when_asked_for(check: RuleCheck) -> None:
    assert "in A3" not in _printed(check)
    assert "in A3" in _printed(check, examples=True)


def test_no_sentence_of_the_corpus_is_shown(check: RuleCheck) -> None:
    shown = _printed(check, examples=True, verbose=True) + json.dumps(check.to_json())
    shown += check_markdown(check, examples=True, verbose=True)
    assert "Possible pneumonia" in check.corpus.texts[2]
    assert not any(text in shown for text in check.corpus.texts if "nodule" not in text)


def test_markdown_is_one_table_and_one_list(check: RuleCheck) -> None:
    lines = check_markdown(check).splitlines()
    at = lines.index("")
    assert {line.replace("\\|", "").count("|") for line in lines[:at]} == {7}
    assert all(line.startswith("- ") for line in lines[at + 1 :])


def test_the_json_holds_each_rule(check: RuleCheck) -> None:
    data = json.loads(json.dumps(check.to_json()))
    [own] = [rule for rule in data["rules"] if rule["id"] == "own.no"]
    assert own["fires"] == 4
    assert own["precision"] == 3 / 4
    assert own["examples"] == ["No [nodule]."]


def test_the_first_rule_that_fires_by_itself_is_the_judge_s(live: Parser) -> None:
    """A rule asked alone matches as it does within the book."""
    resources = load_resources(MiningSettings())
    reader: SentenceReader = resources.reader
    firing = FiringReader(reader, resources.book)
    texts = [s.replace("[", "").replace("]", "") for _, s, _ in rule_examples(resources.book)]
    seen = 0
    for text, parse in zip(texts, live.parse(texts), strict=True):
        assert isinstance(parse, Parse)
        for fired in firing.read(text, parse):
            first = next((r.id for r in fired.rules if r.verdict), None)
            assert first in (fired.ruling.rule_id, None)
            assert {r.id for r in fired.rules if not r.verdict} >= set(fired.ruling.context_rules)
            seen += first is not None
    assert seen > 50
