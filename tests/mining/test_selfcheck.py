"""The self-check: whatever changes a verdict is named, and stops a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from data_contracts import Verdict
from mining.assertion.rule_files import load_rules
from mining.parsing import Parse, Parser, Unparsed, load_parser
from mining.rulecheck import load_golden
from mining.selfcheck import DriftError, check_golden, require_self_check, self_check
from mining.settings import MiningSettings

GOLDEN = load_golden()
BOOK = load_rules()


class Failing:
    """A parser that fails on every sentence, and counts how often it was asked."""

    id = "failing"
    batches = 0

    def parse(self, texts: Sequence[str]) -> list[Parse | Unparsed]:
        self.batches += 1
        return [Unparsed("withheld") for _ in texts]


@pytest.fixture(scope="module")
def parser() -> Parser:
    return load_parser("embedded")


def test_the_shipped_parser_and_rules_pass() -> None:
    check = self_check(MiningSettings())
    assert (check.changed, check.sentences) == ((), len(GOLDEN))
    assert require_self_check(MiningSettings()) is check


def test_a_parser_that_gives_no_trees_is_found_out_in_one_batch() -> None:
    failing = Failing()
    check = check_golden(GOLDEN, BOOK, failing)
    assert failing.batches == 1
    assert len(check.changed) > 10
    assert not any(c.golden.case.by_words for c in check.changed)


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": Verdict.PRESENT},
        {"rule_id": "neg.another"},
        {"temporality": "past"},
        {"experiencer": "other"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_part_of_a_ruling_counts(change: dict[str, str], parser: Parser) -> None:
    golden = next(g for g in GOLDEN if g.verdict == "absent" and g.temporality == "current")
    [changed] = check_golden([replace(golden, **change)], BOOK, parser).changed
    told = str(changed).splitlines()
    assert told[0] == golden.case.marked
    assert next(iter(change.values())) in told[1]


def test_a_rule_less_changes_its_sentences_only(parser: Parser) -> None:
    book = replace(BOOK, rules=tuple(r for r in BOOK.rules if r.id != "neg.rather_than"))
    changed = check_golden(GOLDEN, book, parser).changed
    assert {c.golden.rule_id for c in changed} == {"neg.rather_than"}


def test_the_error_lists_each_sentence_and_says_what_to_do() -> None:
    error = DriftError(check_golden(GOLDEN[-3:], BOOK, Failing()))
    assert len(error.lines) == 3 * len(error.check.changed) > 0
    assert "--allow-drift" in str(error)
    assert "failing" in str(error)
