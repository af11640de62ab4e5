"""Rule, vocabulary and settings files made to do harm, clocks that jump, what a terminal obeys."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path

import pytest
from rich.console import Console

from flows.cache_use import touch
from flows.cli.errors import report_error
from flows.configuration import ConfigurationError, read_configuration
from flows.mine import mine_reports
from flows.output import OutputRefused, check_target
from flows.road import Job
from flows.store import Store
from mining.assertion.language import RuleSyntaxError, Scope, compile_expression
from mining.assertion.rule_files import RuleFileError, load_rules
from mining.engine import Engine
from mining.explain import explain_text
from mining.explain_view import render
from mining.printable import printable
from mining.profiles.profile import ProfileError, load_profile
from mining.settings import MiningSettings
from mining.vocabulary.loader import VocabularyError, read_toml
from mining.vocabulary.patterns import PatternError, compile_pattern, match_at
from tests.flows.engine_case import digests

SCOPE = Scope("here", {"a": frozenset({"a"})}, {}, frozenset({"dep"}))
NO_TOML = [b"\xff\xfe\x00", b"[" * 100_000, b"a = " + b"[" * 100_000, b"\x00", b"a = 1\r\x1b[2J"]


@pytest.mark.parametrize("pattern", ["a ~99 b", "a ~21 b", "a ~² b", "a ~0 b", "a" + " [a]" * 9])
def test_a_phrase_that_would_run_away_is_refused(pattern):
    with pytest.raises(PatternError):
        compile_pattern(pattern, {}, "here")


def test_the_worst_phrase_that_is_allowed_ends():
    patterns = compile_pattern("a" + " ~20 [a]" * 8 + " ~20 b", {}, "here")
    words = ["a"] * 400
    began = time.process_time()
    assert all(match_at(p, words, at, frozenset()) is None for p in patterns for at in range(400))
    assert time.process_time() - began < 60


@pytest.mark.parametrize(
    "expression",
    ["FINDING" + " ~ a" * 5, "FINDING ~12 a ~12 a? ~12 a? ~12 a", "FINDING ~² a", "FINDING ~100 a",
     "a ~ a ~ a ~ a ~ FINDING", "FINDING >dep *a, FINDING >dep *b, FINDING >dep *c, *c >dep *d",
     "FINDING <dep *a" + ", *a <dep *a" * 8],
)  # fmt: skip
def test_a_rule_that_would_run_away_is_refused(expression):
    with pytest.raises(RuleSyntaxError):
        compile_expression(expression, SCOPE)


@pytest.mark.parametrize("raw", NO_TOML)
def test_files_that_are_no_toml_are_one_error(raw, tmp_path):
    file = tmp_path / "graph.toml"
    file.write_bytes(raw)
    for read, error in (
        (read_toml, VocabularyError),
        (lambda path: load_rules(path.parent), RuleFileError),
        (read_configuration, ConfigurationError),
        (lambda path: load_profile(str(path)), ProfileError),
    ):
        with pytest.raises(error):
            read(file)


@pytest.mark.parametrize("jump", [-60 * 365 * 86400, 60 * 365 * 86400])
def test_clocks_that_jump_change_nothing(jump, reports_csv, tmp_path, monkeypatch):
    monkeypatch.setenv("CXRMINE_CACHE", str(tmp_path / "cache"))
    job = Job(str(reports_csv), MiningSettings())
    mine_reports(job, tmp_path / "out", engine=Engine(workers=1))
    before = digests(tmp_path / "out")
    moment = max(time.time() + jump, 0)
    for path in [reports_csv, *(tmp_path / "cache").rglob("*"), *(tmp_path / "out").rglob("*")]:
        os.utime(path, (moment, moment))
    mine_reports(job, tmp_path / "out", engine=Engine(workers=1))
    assert digests(tmp_path / "out") == before
    # The content of a source counts, not its time: this one is as old as the one before.
    reports_csv.write_text(reports_csv.read_text().replace("No pleural", "Mild pleural"))
    os.utime(reports_csv, (moment, moment))
    mine_reports(job, tmp_path / "out", engine=Engine(workers=1))
    assert digests(tmp_path / "out")["labels.parquet"] != before["labels.parquet"]


def test_what_a_run_uses_is_marked_though_the_clock_was_set_back(tmp_path):
    store = Store(tmp_path)
    (own,) = (tmp_path / "runs").iterdir()
    began = time.time() + 3600  # as if the run had begun before the clock went back by an hour
    os.utime(own, (began, began))
    made = store.put("mine", "k", lambda folder: {})
    assert (made.folder / "manifest.json").stat().st_mtime >= began - 1
    os.utime(made.folder / "manifest.json", (0, 0))
    assert touch(tmp_path, made.folder / "manifest.json")
    assert (made.folder / "manifest.json").stat().st_mtime >= began - 1


HOSTILE = "\x1b[2J\x1b]0;title\x07\x9b31m\u202e\u2066\u2028\x7f\x08"


def test_an_error_shows_no_command_to_the_terminal(capsys):
    assert report_error(FileNotFoundError(2, "No such file", f"a{HOSTILE}\nb")) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert told.rstrip("\n").isprintable()


def test_an_explanation_shows_no_command_to_the_terminal():
    text = f"FINDINGS: Mass{HOSTILE} in the lung. No {HOSTILE} effusion{HOSTILE}."
    shown = io.StringIO()
    Console(file=shown, width=200).print(render(explain_text(text)))
    assert "effusion" in shown.getvalue()
    assert not set(shown.getvalue()) & set(HOSTILE) - set("[]031;2Jmtile")


def test_offsets_hold_in_what_is_shown():
    assert len(printable(HOSTILE)) == len(HOSTILE)


@pytest.mark.parametrize("name", ["a\x1b[2J", "a\u202eb", "a\udcff"])
def test_a_folder_that_commands_a_terminal_is_not_written(name, tmp_path):
    with pytest.raises(OutputRefused):
        check_target(Path(tmp_path, name))


def test_a_report_of_nothing_but_findings_is_read_in_bounded_time():
    began = time.process_time()
    found = explain_text("mass, " * 30_000)  # one sentence
    assert sum(len(sentence.mentions) for sentence in found.sentences) == 30_000
    assert time.process_time() - began < 60


def test_a_disk_that_cannot_be_written_is_one_line(reports_csv, capsys):
    with pytest.raises(OSError) as refused:
        mine_reports(
            Job(str(reports_csv), MiningSettings()), Path("/proc/out"), engine=Engine(workers=1)
        )
    assert report_error(refused.value) == 2
    assert capsys.readouterr().err.count("cxrmine: ") == 1
