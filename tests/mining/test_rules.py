"""Every rule's own example sentences, and what the rule files may not hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_contracts import Verdict
from mining.assertion.rule_files import RuleFileError, load_rules
from mining.assertion.rulebook import Rule, RuleBook
from mining.examples import fires, judge_example, rule_examples
from mining.parsing import Parser, load_parser

BOOK = load_rules()


@pytest.fixture(scope="session")
def parser() -> Parser:
    return load_parser("embedded")


def _cases() -> list[object]:
    seen: dict[tuple[str, bool], int] = {}
    cases = []
    for rule, sentence, wanted in rule_examples(BOOK):
        number = seen[rule.id, wanted] = seen.get((rule.id, wanted), 0) + 1
        name = f"{rule.id}[{'yes' if wanted else 'no'}-{number}]"
        cases.append(pytest.param(rule, sentence, wanted, id=name))
    return cases


@pytest.mark.parametrize(("rule", "sentence", "wanted"), _cases())
def test_rule_decides_its_own_sentences(
    rule: Rule, sentence: str, wanted: bool, parser: Parser
) -> None:
    form = next(iter(rule.forms), "")
    ruling = judge_example(sentence, BOOK, None if rule.fallback else parser, form)
    assert fires(rule, ruling) is wanted, f"decided by {ruling.rule_id}"


@pytest.mark.parametrize("rule", [r for r in BOOK.rules if r.verdict], ids=lambda r: r.id)
def test_deleting_a_rule_changes_a_verdict(rule: Rule, parser: Parser) -> None:
    """A rule whose every sentence another rule would read alike is not needed."""
    rest = RuleBook(tuple(r for r in BOOK.rules if r.id != rule.id), BOOK.policy, "without")
    form = next(iter(rule.forms), "")

    def read(book: RuleBook, sentence: str) -> tuple[Verdict, float]:
        ruling = judge_example(sentence, book, None if rule.fallback else parser, form)
        return ruling.verdict, ruling.certainty

    assert any(read(BOOK, s) != read(rest, s) for s in rule.yes)


def _folder(tmp_path: Path, text: str) -> Path:
    (tmp_path / "graph.toml").write_text(
        '[climb]\nlabels = ["amod"]\nnmod_cases = ["of"]\ncontrast = ["but"]\n'
        'new_determiners = ["a"]\nnew_modifiers = []\nopaque = []\n'
    )
    (tmp_path / "10_own.toml").write_text('scheme = "ud2"\n' + text)
    return tmp_path


RULE = (
    '[[rule]]\nid = "x"\nreads = "no FINDING"\nverdict = "absent"\n{}\n'
    'yes = ["No [a]."]\nno = ["[a]"]\n'
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (RULE.format('path = "FINDING >det no"'), "found 'no', expected a list of"),
        (RULE.format("path = \"FINDING >dett 'no'\""), "found 'dett', expected a UD v2 label"),
        (RULE.format("path = \"x >det 'no'\""), "expected an expression that names FINDING"),
        (RULE.format("surface = \"'no' FINDING ~\""), "expected a word after the gap"),
        (RULE.format("surfaces = \"'no' FINDING\""), "unknown keys ['surfaces']"),
        (RULE.format(""), "needs id, reads and a path or surface"),
        (RULE.format("surface = \"'no' FINDING\"") * 2, "id used in 10_own.toml too"),
        ('[labels]\nsubj = ["dobj"]', "no UD v2 labels: ['dobj']"),
        ("[[rule", "no valid TOML"),
    ],
    ids=["word", "label", "anchor", "gap", "key", "empty", "twice", "group", "toml"],
)
def test_a_bad_rule_file_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RuleFileError, match=r"(graph|10_own)\.toml") as caught:
        load_rules(_folder(tmp_path, text))
    assert message in str(caught.value)


def test_the_hash_follows_the_content(tmp_path: Path) -> None:
    folder = _folder(tmp_path, RULE.format("surface = \"'no' FINDING\""))
    before = load_rules(folder).content_hash
    (folder / "10_own.toml").write_text((folder / "10_own.toml").read_text() + "# more\n")
    assert load_rules(folder).content_hash != before


@pytest.mark.parametrize(
    ("change", "keeps"),
    [
        (('verdict = "absent"', 'verdict = "uncertain"'), True),
        (('yes = ["No [a]."]', 'yes = ["No [b]."]'), True),
        (("'no'", "'not'"), False),
    ],
    ids=["verdict", "example", "word"],
)
def test_only_the_words_of_graph_rules_decide_what_is_parsed(
    tmp_path: Path, change: tuple[str, str], keeps: bool
) -> None:
    text = RULE.format("path = \"FINDING >det 'no'\"")
    before = load_rules(_folder(tmp_path, text)).graph_hash
    after = load_rules(_folder(tmp_path, text.replace(*change))).graph_hash
    assert (before == after) is keeps
