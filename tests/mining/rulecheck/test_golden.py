"""The golden set, and the mutation check: no rule can be deleted without a test that fails."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from mining.assertion.judge import Ruling
from mining.assertion.rule_files import load_rules
from mining.assertion.rulebook import Rule, RuleBook
from mining.parsing import Parser
from mining.parsing.frozen import FrozenParser
from mining.rulecheck import Golden, GoldenFileError, load_golden

BOOK = load_rules()
GOLDEN = load_golden()


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda g: g.case.name)
def test_golden_on_frozen_parses(golden: Golden, frozen: FrozenParser) -> None:
    ruling = golden.case.judge(BOOK, frozen)
    assert golden.met_by(ruling), ruling


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda g: g.case.name)
def test_golden_with_the_shipped_parser(golden: Golden, live: Parser) -> None:
    ruling = golden.case.judge(BOOK, live)
    assert golden.met_by(ruling), ruling


@pytest.mark.parametrize("rule", BOOK.rules, ids=lambda r: r.id)
def test_every_rule_has_two_golden_sentences_that_are_not_its_own(rule: Rule) -> None:
    own = [golden.case.marked for golden in GOLDEN if golden.rule_id == rule.id]
    assert len(set(own)) >= 2, "add sentences to mining/golden.toml"
    assert not set(own) & {*rule.yes, *rule.no}


def test_golden_sentences_name_rules_that_exist_and_stand_once() -> None:
    known = {rule.id for rule in BOOK.rules} | {"default.present"}
    assert {golden.rule_id for golden in GOLDEN} <= known
    counts = Counter(golden.case.marked for golden in GOLDEN)
    assert [marked for marked, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("rule", BOOK.rules, ids=lambda r: r.id)
def test_deleting_a_rule_changes_a_golden_judgement(rule: Rule, frozen: FrozenParser) -> None:
    rest = RuleBook(tuple(r for r in BOOK.rules if r.id != rule.id), BOOK.policy, "without")
    own = [golden for golden in GOLDEN if golden.rule_id == rule.id]
    for golden in own:
        assert not golden.met_by(golden.case.judge(rest, frozen))
    assert any(
        _told(golden.case.judge(BOOK, frozen)) != _told(golden.case.judge(rest, frozen))
        for golden in own
    ), "every golden sentence of this rule is judged alike without it: is the rule needed?"


def _told(ruling: Ruling | None) -> tuple[object, ...]:
    assert ruling is not None
    return ruling.verdict, ruling.certainty, ruling.temporality, ruling.experiencer


SENTENCE = '[[sentence]]\ntext = "No [a]."\nverdict = "absent"\nrule = "neg.no"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[sentence", "no valid TOML"),
        (SENTENCE + "why = 1", "found keys"),
        (SENTENCE.replace('rule = "neg.no"', ""), "expected text, verdict, rule"),
        (SENTENCE.replace("[a]", "a"), "marks no mention"),
        (SENTENCE.replace('"absent"', '"gone"'), "'gone' is none of"),
    ],
    ids=["toml", "unknown", "missing", "mark", "verdict"],
)
def test_a_bad_golden_file_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "golden.toml"
    path.write_text(text)
    with pytest.raises(GoldenFileError, match=r"golden\.toml") as caught:
        load_golden(path)
    assert message in str(caught.value)
