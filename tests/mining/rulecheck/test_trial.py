"""Other rules tried on a run: what flips is what mining anew would give."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from data_contracts import (
    DISTINCT_SENTENCES,
    MENTIONS,
    PARSES,
    SENTENCES,
    labels_contract,
    read_table,
    write_table,
)
from mining import stages
from mining.assertion.rule_files import RULES, load_rules
from mining.assertion.rulebook import RuleBook
from mining.audit.gold import build_gold
from mining.diffing import diff_labels
from mining.labels import label_table
from mining.resources import load_resources, the_findings, the_parser, the_profile
from mining.rulecheck.trial import RunTables, changed_rules, try_rules
from mining.rulecheck.trial_view import judge_trial, mended_and_broken
from mining.settings import MiningSettings

SETTINGS = MiningSettings(profile="openi-mesh", shards=1)
TEXTS = {
    "T1": "FINDINGS: Probable effusion. IMPRESSION: No pneumothorax.",
    "T2": "FINDINGS: Probable small effusion. There is a mass. Probable effusion.",
    "T3": "FINDINGS: Without effusion or edema. The heart is large.",
    "T4": "FINDINGS: The lungs are clear.",
    "T5": "FINDINGS: Zero evidence of edema. Opacity, perchance pneumonia.",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunTables:
    """The tables of a run by the package's own rules."""
    folder = tmp_path_factory.mktemp("trial")
    source = folder / "reports"
    source.mkdir()
    for name, text in TEXTS.items():
        (source / f"{name}.txt").write_text(text)
    stages.ingest(str(source), folder, settings=SETTINGS)
    at = {n: folder / f"{n}.parquet" for n in ("reports", "sentences", "distinct", "parses")}
    stages.sentences(at["reports"], folder, settings=SETTINGS)
    stages.parse(at["distinct"], folder, settings=SETTINGS)
    stages.mine(at["sentences"], at["distinct"], at["parses"], folder, settings=SETTINGS)
    stages.label(at["reports"], folder / "mentions.parquet", folder, settings=SETTINGS)
    names = [f.name for f in the_findings(SETTINGS.findings).findings]
    labels = read_table(folder / "labels.parquet", labels_contract(names))
    return RunTables(
        at["sentences"], at["distinct"], at["parses"], folder / "mentions.parquet", labels
    )


Edit = Callable[[str, str, str], RuleBook]


@pytest.fixture
def edited(tmp_path: Path) -> Edit:
    """The package's rules with a text of one file replaced."""

    def make(file: str, old: str, new: str) -> RuleBook:
        folder = tmp_path / "rules"
        shutil.copytree(RULES, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new, 1))
        return load_rules(folder)

    return make


def mined_anew(run: RunTables, book: RuleBook) -> pa.Table:
    """The labels by this book, made the long way: every sentence read, joined and labelled."""
    reader = load_resources(SETTINGS).reader.with_rules(book)
    rows = []
    texts = {
        r["sentence_id"]: r["text"]
        for r in read_table(run.distinct, DISTINCT_SENTENCES).to_pylist()
    }
    for place in read_table(run.sentences, SENTENCES).to_pylist():
        text = texts[place["sentence_id"]]
        parse = the_parser("embedded").parse([text])[0] if reader.needs_parse(text) else None
        for mention in reader.read(text, parse):
            rows.append(
                {
                    "report_id": place["report_id"],
                    "finding": mention.found.finding,
                    "concept_form": mention.found.form,
                    "verdict": mention.ruling.verdict.value,
                    "temporality": mention.ruling.temporality,
                    "experiencer": mention.ruling.experiencer,
                    "rule_id": mention.ruling.rule_id,
                }
            )
    schema = pa.schema([MENTIONS.schema.field(name) for name in rows[0]])
    findings = the_findings(SETTINGS.findings).findings
    mentions = pa.Table.from_pylist(rows, schema=schema)
    return label_table(run.labels["report_id"], mentions, the_profile("openi-mesh"), findings)


EDITS = {
    "a rule says something else": (
        "20_negation.toml", 'verdict = "absent"', 'verdict = "uncertain"',
    ),
    "a cue is added": (
        "graph.toml", 'without  = ["without",', 'without  = ["without", "perchance",',
    ),
    "a cue is taken away": ("graph.toml", 'without  = ["without",', 'without  = ['),
    "a rule has another name": ("30_uncertain.toml", '"unc.probable"', '"unc.probable2"'),
    "mentions climb less": ("graph.toml", '["amod", "compound",', '["compound",'),
}  # fmt: skip


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_trial_gives_the_labels_that_mining_anew_gives(
    run: RunTables, edited: Edit, edit: tuple[str, str, str], known: bool
) -> None:
    book = edited(*edit)
    trial = try_rules(book, run, SETTINGS, known=known)
    assert diff_labels(trial.after, mined_anew(run, book)).flipped == 0
    assert trial.after.num_rows == run.labels.num_rows


def test_a_renamed_hedge_flips_its_labels_with_rules_before_and_after(
    run: RunTables, edited: Edit
) -> None:
    trial = try_rules(edited(*EDITS["a rule has another name"]), run, SETTINGS, known=True)
    assert trial.changes is not None
    assert (trial.changes.added, trial.changes.removed) == (("unc.probable2",), ("unc.probable",))
    rows = {(r["report_id"], r["finding"]): r for r in trial.flips.to_pylist()}
    assert set(rows) == {("T1", "Effusion"), ("T2", "Effusion")}
    row = rows["T2", "Effusion"]
    assert (row["before"], row["after"]) == ("present", "uncertain")
    assert (row["rules_before"], row["rules_after"]) == (["unc.probable"], ["unc.probable2"])
    assert (trial.reports, trial.judged_otherwise) == (2, 2)  # two sentences in both reports
    assert trial.parsed == 0


def test_only_sentences_with_a_word_of_a_changed_rule_are_looked_at(
    run: RunTables, edited: Edit
) -> None:
    trial = try_rules(edited(*EDITS["a rule has another name"]), run, SETTINGS, known=True)
    everything = try_rules(load_rules(), run, SETTINGS, known=False)
    assert 0 < trial.looked_at < everything.looked_at
    assert everything.diff.flipped == 0


def test_a_sentence_that_needs_a_parse_only_now_is_parsed(run: RunTables, edited: Edit) -> None:
    trial = try_rules(edited(*EDITS["a cue is added"]), run, SETTINGS, known=True)
    assert trial.parsed == 1


def test_examples_and_readings_change_nothing(run: RunTables, edited: Edit) -> None:
    book = edited("30_uncertain.toml", 'reads = "X versus', 'reads = "between X versus')
    assert not changed_rules(load_rules(), book)
    trial = try_rules(book, run, SETTINGS, known=True)
    assert (trial.looked_at, trial.diff.flipped) == (0, 0)


def test_a_moved_rule_has_changed() -> None:
    book = load_rules()
    one, two, *rest = book.rules
    changes = changed_rules(book, RuleBook((two, one, *rest), book.policy, ""))
    assert changes.changed == (one.id, two.id)


def test_precision_and_recall_before_and_after(run: RunTables, edited: Edit) -> None:
    trial = try_rules(edited(*EDITS["a rule has another name"]), run, SETTINGS, known=True)
    there = {"T1": True, "T2": False, "T3": False, "T4": False, "T5": False}
    ids = run.labels["report_id"].to_pylist()
    columns = {"Effusion": [there[i] for i in ids], "normal": [False] * 5, "judged": [True] * 5}
    gold = build_gold({"report_id": ids, **columns}, annotator="x", findings=["Effusion"])
    judged = judge_trial(trial, run.labels, gold, ["Effusion"])
    assert (judged.before.micro.precision, judged.before.micro.recall) == (0.5, 1.0)
    assert (judged.after.micro.precision, judged.after.micro.recall) == (None, 0.0)
    assert mended_and_broken(judged) == {"Effusion": (1, 1)}
    assert judged.difference.difference == pytest.approx(-2 / 3)


def test_the_store_of_parses_may_be_empty(run: RunTables, edited: Edit, tmp_path: Path) -> None:
    write_table(tmp_path / "parses.parquet", PARSES.empty(), PARSES)
    bare = RunTables(
        run.sentences, run.distinct, tmp_path / "parses.parquet", run.mentions, run.labels
    )
    trial = try_rules(load_rules(), bare, SETTINGS, known=False)
    assert trial.parsed > 0 and trial.diff.flipped == 0
