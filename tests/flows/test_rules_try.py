"""`cxrmine rules try`: an edited rule file over a run, from parses that are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_contracts import FLIPS, read_table
from flows.environment import cache_root
from flows.rule_trial import STAGE, broken_examples, load_tried
from flows.tables import NotFound
from mining.assertion.rule_files import RULES, RuleFileError
from mining.settings import MiningSettings
from tests.flows.desk_case import cxrmine, mine_case, write_gold


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mine_case(tmp_path_factory.mktemp("tried"), "openi-mesh")


def edited(folder: Path, old: str, new: str, file: str = "30_uncertain.toml") -> Path:
    text = (RULES / file).read_text()
    assert old in text
    path = folder / file
    path.write_text(text.replace(old, new, 1))
    return path


def test_an_edited_file_takes_the_place_of_its_namesake(tmp_path: Path) -> None:
    book = load_tried(edited(tmp_path, 'id = "unc.probable"', 'id = "own.probable"'))
    ids = [rule.id for rule in book.rules]
    assert "own.probable" in ids and "unc.probable" not in ids and "neg.no" in ids


def test_flips_figures_and_files(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = edited(tmp_path, 'id = "unc.probable"', 'id = "own.probable"')
    gold, flips, page = write_gold(tmp_path / "g.csv"), tmp_path / "f.parquet", tmp_path / "p.html"
    files = ("--parquet", flips, "--html", page)
    assert cxrmine("rules", "try", rules, "--run", run, "--gold", gold, *files) == 0
    printed = capsys.readouterr().out
    assert "Rules added: own.probable." in printed and "Rules removed: unc.probable." in printed
    assert "present → uncertain 1" in printed and "1.000 → .000" in printed
    (row,) = read_table(flips, FLIPS).to_pylist()
    assert (row["report_id"], row["finding"], row["rules_after"]) == (
        "D1", "Effusion", ["own.probable"],
    )  # fmt: skip
    assert row["sentences_after"] == []
    assert "own.probable" in page.read_text() and "small effusion" not in page.read_text()


def test_text_comes_only_when_asked_for(run: Path, tmp_path: Path) -> None:
    rules = edited(tmp_path, 'id = "unc.probable"', 'id = "own.probable"')
    flips = tmp_path / "flips.parquet"
    assert cxrmine("rules", "try", rules, "--run", run, "--with-text", "--parquet", flips) == 0
    (row,) = read_table(flips, FLIPS).to_pylist()
    assert row["sentences_before"] == row["sentences_after"] == ["Probable small effusion."]
    assert flips.stat().st_mode & 0o777 == 0o600


def test_parses_are_kept_for_the_next_trial(run: Path, tmp_path: Path) -> None:
    rules = edited(tmp_path, 'id = "unc.probable"', 'id = "own.probable"')
    cxrmine("rules", "try", rules, "--run", run)
    kept = sorted((cache_root() / "artifacts" / STAGE).iterdir())
    before = [folder.stat().st_mtime_ns for folder in kept]
    cxrmine("rules", "try", rules, "--run", run)
    again = sorted((cache_root() / "artifacts" / STAGE).iterdir())
    assert (again, [folder.stat().st_mtime_ns for folder in again]) == (kept, before)


def test_a_rule_that_breaks_its_own_examples_is_told(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = edited(tmp_path, 'no = ["[Atelectasis] and scar."]', 'no = ["Scar versus [edema]."]')
    assert cxrmine("rules", "try", rules, "--run", run) == 1
    assert "ERROR unc.versus decides its `no`" in capsys.readouterr().out


def test_unchanged_rules_have_no_broken_examples() -> None:
    assert broken_examples(load_tried(RULES), MiningSettings()) == []


def test_a_name_that_is_no_rule_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('scheme = "ud2"')
    with pytest.raises(RuleFileError, match=r"NN_name\.toml"):
        load_tried(tmp_path / "mine.toml")


def test_a_bare_table_is_no_run(run: Path, tmp_path: Path) -> None:
    rules = edited(tmp_path, 'id = "unc.probable"', 'id = "own.probable"')
    (tmp_path / "labels.parquet").write_bytes((run / "labels.parquet").read_bytes())
    with pytest.raises(NotFound, match="--run"):
        cxrmine("rules", "try", rules, "--run", tmp_path / "labels.parquet")
