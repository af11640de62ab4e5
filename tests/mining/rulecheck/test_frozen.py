"""Every rule's sentences judged on frozen parses, without a model; and the parses themselves."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from conllu import parse as parse_conllu
from hypothesis import given
from hypothesis import strategies as st

from mining.assertion.rule_files import load_rules
from mining.assertion.rulebook import Rule
from mining.examples import fires, judge_example, rule_examples
from mining.parsing import Parse, Parser, Unparsed
from mining.parsing.frozen import (
    FREEZE_COMMAND,
    Frozen,
    FrozenFileError,
    FrozenParser,
    MissingParseError,
    frozen_parser,
    read_frozen,
    write_frozen,
)
from mining.rulecheck.cases import Case
from mining.rulecheck.freezing import arc_changes, find_drift, freeze, main

ROOT = Path(__file__).parents[3]
BOOK = load_rules()
FILES = sorted((ROOT / "tests" / "parses").glob("*.conllu"))


def _rule_cases() -> list[object]:
    numbers: dict[tuple[str, bool], int] = {}
    cases = []
    for rule, sentence, wanted in rule_examples(BOOK):
        number = numbers[rule.id, wanted] = numbers.get((rule.id, wanted), 0) + 1
        name = f"{rule.id}[{'yes' if wanted else 'no'}-{number}]"
        cases.append(pytest.param(rule, sentence, wanted, id=name))
    return cases


def _hard_cases() -> list[tuple[str, str]]:
    with (ROOT / "tests" / "data" / "hard_sentences.tsv").open(encoding="utf-8") as stream:
        rows = csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [(row[0], row[1]) for row in rows if row and not row[0].startswith("#")]


@pytest.mark.parametrize(("rule", "sentence", "wanted"), _rule_cases())
def test_rule_decides_its_sentences_on_frozen_parses(
    rule: Rule, sentence: str, wanted: bool, frozen: FrozenParser
) -> None:
    parser = None if rule.fallback else frozen
    ruling = judge_example(sentence, BOOK, parser, min(rule.forms, default=""))
    assert fires(rule, ruling) is wanted, f"decided by {ruling.rule_id}"


@pytest.mark.parametrize(("sentence", "verdict"), _hard_cases())
def test_hard_sentence_on_frozen_parses(sentence: str, verdict: str, frozen: FrozenParser) -> None:
    ruling = Case("", sentence).judge(BOOK, frozen)
    assert ruling is not None
    assert ruling.verdict.value == verdict, f"decided by {ruling.rule_id}"


def test_the_shipped_parser_gives_the_verdicts_of_the_frozen_parses(live: Parser) -> None:
    flipped = [d for d in find_drift(ROOT, live) if d.flipped]
    assert not flipped, "\n".join(
        f"{d.name}: {d.text} {d.before} → {d.after} ({'; '.join(d.arcs)})" for d in flipped
    )


def test_a_sentence_that_was_never_frozen_says_what_to_do(frozen: FrozenParser) -> None:
    with pytest.raises(MissingParseError, match=FREEZE_COMMAND) as caught:
        frozen.parse(["Nobody ever froze this."])
    assert caught.value.text == "Nobody ever froze this."


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_frozen_files_are_conllu_that_others_can_read(path: Path) -> None:
    _, ours = read_frozen(path)
    theirs = parse_conllu(path.read_text(encoding="utf-8"))
    assert [s.metadata["text"] for s in theirs] == [s.text for s in ours]
    for sentence, frozen in zip(theirs, ours, strict=True):
        assert isinstance(frozen.parse, Parse)
        heads = tuple(i if t["head"] == 0 else t["head"] - 1 for i, t in enumerate(sentence))
        assert heads == frozen.parse.heads
        assert tuple(t["deprel"] for t in sentence) == frozen.parse.labels


words = st.lists(st.sampled_from(["no", "Effusion", "x-ray", "1.5", ","]), min_size=1, max_size=6)


@given(sentences=st.lists(words, min_size=1, max_size=4), parsed=st.booleans())
def test_what_is_frozen_comes_back(
    sentences: list[list[str]],
    parsed: bool,
    live: Parser,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    texts = list(dict.fromkeys(" ".join(s) for s in sentences))
    trees = live.parse(texts) if parsed else [Unparsed("too long")] * len(texts)
    kept = [Frozen(f"s{i}", *pair) for i, pair in enumerate(zip(texts, trees, strict=True))]
    path = tmp_path_factory.mktemp("frozen") / "own.conllu"
    write_frozen(path, "own-1", kept)
    assert read_frozen(path) == ("own-1", kept)


def _own(tmp_path: Path, text: str) -> Path:
    (tmp_path / "own.conllu").write_text(text)
    return tmp_path


ROW = "1\tEdema\t_\t_\t_\t_\t{head}\t{label}\t_\t_\n\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected '# parser = …'"),
        ("# parser = p\n# text = Edema\n1\tEdema\n\n", "2 columns, expected 10"),
        ("# parser = p\n# text = Oedema\n" + ROW.format(head=0, label="root"), "other tokens"),
        ("# parser = p\n# text = Edema\n" + ROW.format(head=0, label="det"), "label 'det'"),
        ("# parser = p\n# text = Edema\n" + ROW.format(head="x", label="root"), "invalid literal"),
    ],
    ids=["header", "columns", "tokens", "tree", "head"],
)
def test_a_damaged_file_says_where_and_how_to_write_it_anew(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(FrozenFileError, match=FREEZE_COMMAND) as caught:
        frozen_parser(_own(tmp_path, text))
    assert message in str(caught.value)
    assert "own.conllu:" in str(caught.value)


def test_a_folder_without_files_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FrozenFileError, match=r"no \.conllu file"):
        frozen_parser(tmp_path)


@pytest.fixture
def project(tmp_path: Path, live: Parser) -> Path:
    """A project with a table of one hard sentence, and frozen parses."""
    (tmp_path / "tests" / "data").mkdir(parents=True)
    (tmp_path / "tests" / "data" / "hard_sentences.tsv").write_text(
        "# sentence\tverdict\nThe [effusion] is not seen.\tabsent\n"
    )
    freeze(tmp_path, live)
    return tmp_path


def test_nothing_has_drifted_right_after_freezing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["drift", "--root", str(project)]) == 0
    assert "0 sentences parsed otherwise, 0 verdicts flipped" in capsys.readouterr().out


def test_drift_tells_sentence_arc_and_verdict(
    project: Path, live: Parser, capsys: pytest.CaptureFixture[str]
) -> None:
    path = project / "tests" / "parses" / "hard_sentences.conllu"
    lines = path.read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("4\tnot"))
    lines[at] = "\t".join(["4", "not", "_", "_", "_", "_", "1", "advmod", "_", "_"])
    path.write_text("\n".join(lines) + "\n\n")
    [drift] = find_drift(project, live)
    assert drift.name == "hard_sentences-1"
    assert drift.arcs == ("not: advmod of the → advmod of seen",)
    code = main(["drift", "--root", str(project)])
    assert code == int(drift.flipped)
    assert "not: advmod of the → advmod of seen" in capsys.readouterr().out


def test_a_flipped_verdict_is_an_exit_code(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = project / "tests" / "parses" / "golden.conllu"
    _, sentences = read_frozen(path)
    kept = [_without_negation(s) if s.text.startswith("This shadow") else s for s in sentences]
    assert kept != sentences
    write_frozen(path, "old", kept)
    assert main(["drift", "--root", str(project)]) == 1
    assert "VERDICT present by default.present → absent by neg.not_predicate" in (
        capsys.readouterr().out
    )


def _without_negation(sentence: Frozen) -> Frozen:
    """The sentence with its "not" under the first word."""
    parse = sentence.parse
    assert isinstance(parse, Parse)
    heads = list(parse.heads)
    heads[sentence.text.split().index("not")] = 0
    return Frozen(
        sentence.name, sentence.text, Parse(parse.starts, parse.ends, tuple(heads), parse.labels)
    )


def test_a_missing_file_is_told_by_exit_code_two(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "tests" / "parses" / "rules.conllu").unlink()
    assert main(["drift", "--root", str(project)]) == 2
    assert FREEZE_COMMAND in capsys.readouterr().err


def test_a_tree_that_was_lost_is_told(live: Parser) -> None:
    [tree] = live.parse(["No edema."])
    assert arc_changes("No edema.", tree, Unparsed("too long")) == ("parsed → unparsed (too long)",)
