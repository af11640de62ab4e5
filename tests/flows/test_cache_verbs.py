"""`cxrmine cache show|explain|prune` after real runs."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.cache_prune import LimitError, choose, prune, read_age, read_size
from flows.cache_report import Stored, stored
from flows.store import Store
from tests.flows.desk_case import exit_code

ROOT = Path(__file__).parents[2]
REPORTS = "report_id,text\nR1,FINDINGS: Possible pneumonia. No pleural effusion.\n"
MORE = "R2,FINDINGS: The heart is enlarged.\n"
VOCABULARY = """
name = "Bronchiectasis"
definition = "Widened airways, by that word."
cuis = ["C0006267"]
[[phrase]]
form = "bronchiectasis"
cui = "C0006267"
patterns = ["bronchiectasis|bronchiectatic"]
yes = ["There is [bronchiectasis]."]
no = ["There is bronchitis."]
"""
Told = Callable[..., str]


def run_apart(*words: object) -> str:
    """What a command line in a process of its own printed: vocabularies are read once in each."""
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout


@pytest.fixture
def cxrmine(capsys: pytest.CaptureFixture[str]) -> Told:
    """Runs a command line, wants success and gives what it printed."""

    def call(*words: object) -> str:
        capsys.readouterr()
        code = exit_code(*words)
        printed = capsys.readouterr()
        assert code == 0, printed.err
        return printed.out

    return call


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cxrmine: Told) -> Path:
    """Reports that were mined once into a cache of the test's own, by a flow."""
    monkeypatch.setenv("CXRMINE_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "reports.csv"
    path.write_text(REPORTS)
    cxrmine("run", path, "--out", tmp_path / "out")
    return path


def told_of(text: str) -> dict[str, str]:
    """Stage → hit or miss."""
    return dict(re.findall(r"^(\w+) (hit|miss)", text, flags=re.M))


def test_explain_says_what_each_state_of_the_source_and_settings_finds(
    source: Path, tmp_path: Path, cxrmine: Told
) -> None:
    told = cxrmine("cache", "explain", tmp_path / "out")
    stages = told_of(told)
    assert {"ingest", "sentences", "mine", "label", "parses", "judgements"} < set(stages)
    assert set(stages.values()) == {"hit"}
    assert "1 of 1 pieces" in told

    told = cxrmine("cache", "explain", source, "--profile", "chexpert")
    assert told_of(told) == {**stages, "label": "miss"}
    assert "profile: stored clinical" in told

    source.write_text(REPORTS + MORE)
    told = cxrmine("cache", "explain", source)
    assert "0 of 1 pieces" in told and "the others are new" in told


def test_explain_names_the_finding_whose_words_changed(
    source: Path, tmp_path: Path, cxrmine: Told
) -> None:
    findings = tmp_path / "bronchiectasis.toml"
    findings.write_text(VOCABULARY)
    cxrmine("run", source, "--findings", findings, "--out", tmp_path / "own")
    findings.write_text(VOCABULARY.replace("|bronchiectatic", ""))
    told = run_apart("cache", "explain", source, "--findings", findings)
    assert told_of(told)["mine"] == "miss"
    assert "vocabulary of Bronchiectasis: changed" in told


def test_show_counts_what_is_stored_and_prune_takes_it(
    source: Path, tmp_path: Path, cxrmine: Told
) -> None:
    told = cxrmine("cache", "show")
    assert re.search(r"^ *label +1 ", told, flags=re.M)
    assert re.search(r"^ *parses \w+", told, flags=re.M)

    kept = list(stored(Store(tmp_path / "cache")))
    told = cxrmine("cache", "prune", "--max-size", "0", "--dry-run")
    assert f"would remove {len(kept)}," in told
    assert list(stored(Store(tmp_path / "cache"))) == kept

    assert cxrmine("cache", "prune", "--older-than", "1h").startswith("removed 0,")
    cxrmine("cache", "prune", "--max-size", "0")
    assert list(stored(Store(tmp_path / "cache"))) == []


def test_what_was_pruned_is_made_again_with_the_same_bytes(
    source: Path, tmp_path: Path, cxrmine: Told
) -> None:
    before = (tmp_path / "out" / "labels.parquet").read_bytes()
    cxrmine("cache", "prune", "--max-size", "0")
    cxrmine("run", source, "--out", tmp_path / "again")
    assert (tmp_path / "again" / "labels.parquet").read_bytes() == before


def test_what_a_running_process_may_use_stays(source: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from flows.cache_use import announce;"
        "announce(Path(sys.argv[1])); print('ready', flush=True); sys.stdin.read()"
    )
    store = Store(tmp_path / "cache")
    with subprocess.Popen(
        [sys.executable, "-c", code, str(store.root)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    ) as process:  # fmt: skip
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        used = next(iter(store.artifacts()))
        assert store.find(used[0], used[1].name) is not None  # as that process would
        pruned = prune(store, max_bytes=0)
        process.kill()
    assert [one.folder for one in pruned.in_use] == [used[1]]
    assert used[1].is_dir()
    assert all(not one.folder.exists() for one in pruned.removed)


@pytest.mark.parametrize(
    ("limits", "gone"),
    [
        ({"max_bytes": None, "max_age": 50.0}, ["oldest"]),
        ({"max_bytes": 20, "max_age": None}, ["oldest"]),
        ({"max_bytes": 19, "max_age": None}, ["oldest", "older"]),
        ({"max_bytes": 0, "max_age": 1e9}, ["oldest", "older", "new"]),
        ({"max_bytes": 30, "max_age": 1e9}, []),
    ],
)
def test_the_longest_unused_goes_first(limits: dict[str, Any], gone: list[str]) -> None:
    used = {"new": 99.0, "oldest": 1.0, "older": 60.0}
    everything = [Stored("mine", Path(name), {}, 0.0, at, 10) for name, at in used.items()]
    assert [one.key for one in choose(everything, 100.0, **limits)] == gone


@pytest.mark.parametrize("text", ["", "5", "1x", "1.2.3d", "-1d"])
def test_an_age_that_is_none_is_told(text: str) -> None:
    with pytest.raises(LimitError, match="expected"):
        read_age(text)


@pytest.mark.parametrize("text", ["", "GB", "1 XB", "1..2k"])
def test_a_size_that_is_none_is_told(text: str) -> None:
    with pytest.raises(LimitError, match="expected"):
        read_size(text)
