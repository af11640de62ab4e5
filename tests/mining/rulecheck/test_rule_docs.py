"""Every example in docs/rules.md, run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mining.assertion.rule_files import RULE_KEYS, load_rules
from mining.examples import fires, judge_example, rule_examples
from mining.parsing import Parser
from tests.mining.rulecheck.conftest import RuleFolder

PAGE = (Path(__file__).parents[3] / "docs" / "rules.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _blocks(kind: str) -> list[str]:
    return [body for name, body in _BLOCK.findall(PAGE) if name == kind]


def _lines() -> list[list[str]]:
    lines = [line for block in _blocks("expressions") for line in block.splitlines()]
    return [
        [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)]
        for line in lines
    ]


@pytest.mark.parametrize("text", _blocks("toml"), ids=lambda t: t.split('id = "')[1].split('"')[0])
def test_a_rule_of_the_page_decides_its_sentences(
    text: str, rule_folder: RuleFolder, live: Parser
) -> None:
    book = load_rules(rule_folder(text))
    for rule, sentence, wanted in rule_examples(book):
        assert fires(rule, judge_example(sentence, book, live)) is wanted, sentence


@pytest.mark.parametrize(("expression", "yes", "no"), _lines(), ids=[c[0] for c in _lines()])
def test_an_expression_of_the_page_matches_what_it_says(
    expression: str, yes: str, no: str, rule_folder: RuleFolder, live: Parser
) -> None:
    key = "path" if re.search(r" (<<|>>|<|>)\S", expression) else "surface"
    text = f"""scheme = "ud2"
[[rule]]
id = "own"
reads = "{expression}"
verdict = "absent"
{key} = "{expression}"
stops = ["terminator"]
yes = ["{yes}"]
no = ["{no}"]
"""
    book = load_rules(rule_folder(text))
    assert judge_example(yes, book, live).rule_id == "own"
    assert judge_example(no, book, live).rule_id != "own"


def test_the_page_has_examples_of_both_kinds() -> None:
    assert len(_blocks("toml")) >= 2
    assert len(_lines()) >= 12


def test_the_page_names_every_key_of_a_rule() -> None:
    table = PAGE.split("## Keys of a rule")[1].split("##")[0]
    named = set(re.findall(r"`(\w+)`", table))
    assert named >= RULE_KEYS
