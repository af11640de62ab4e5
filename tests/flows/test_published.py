"""Published label sets: through the gate or not at all, and the pointer is never broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from flows.forget import forget
from flows.label import run_label
from flows.mine import mine_reports
from flows.published import (
    MANIFEST,
    PublishedError,
    find_set,
    latest_set,
    promote,
    published_sets,
    rollback,
)
from flows.publishing import known_places, publish_run, remember_place
from flows.road import Job
from mining.gate import GateLimits
from mining.settings import MiningSettings
from tests.flows.desk_case import REPORTS, cxrmine, exit_code, write_gold

WriteReports = Callable[[Path, list[tuple[str, str]]], Path]
ROOT = Path(__file__).parents[2]
OPEN = GateLimits()


def mined(folder: Path, write: WriteReports, rows: list[tuple[str, str]], profile: str) -> Path:
    source = write(folder / f"{profile}.csv", rows)
    mine_reports(Job(str(source), MiningSettings(profile=profile)), folder / profile)
    return folder / profile


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, write_reports: WriteReports) -> dict[str, Path]:
    """Two runs over the same reports, which differ in a few labels."""
    folder = tmp_path_factory.mktemp("runs")
    names = ("clinical", "openi-mesh")
    return {name: mined(folder, write_reports, REPORTS, name) for name in names}


@pytest.fixture
def sets(tmp_path: Path, runs: dict[str, Path]) -> Path:
    """A folder with v1 (clinical) and v2 (openi-mesh), the latest."""
    root = tmp_path / "published"
    for name in ("clinical", "openi-mesh"):
        assert publish_run(runs[name], root, OPEN).made is not None
    return root


def latest(root: Path) -> str:
    return os.readlink(root / "latest")


def hospital(folder: Path, source: Path, gate: str) -> Path:
    path = folder / "hospital.toml"
    path.write_text(
        f'[source]\npath = "{source}"\n[output]\nfolder = "out"\n'
        f'[audit]\ngold = "gold.csv"\n[gate]\npublished = "sets"\n{gate}'
    )
    return path


def test_a_set_holds_labels_reasons_and_what_it_was_judged_by(sets: Path) -> None:
    one = find_set(sets)
    assert (one.version, one.damaged, one.manifest["before"]) == ("v2", (), "v1")
    assert set(one.manifest["files"]) == {"labels.parquet", "mentions.parquet", "run.json"}
    assert one.manifest["reports"] == len(REPORTS)
    assert [row["passed"] for row in one.manifest["gate"]] == [True] * 3
    assert not list(sets.rglob("reports.parquet"))


def test_the_pointer_leads_to_a_label_set(sets: Path, runs: dict[str, Path]) -> None:
    assert cxrmine("diff", sets / "latest", runs["openi-mesh"], "--max-flipped", 0) == 0
    assert cxrmine("diff", sets / "v1", sets / "latest", "--max-flipped", 0) == 1


def test_too_many_flips_are_refused_and_nothing_is_left(sets: Path, runs: dict[str, Path]) -> None:
    before = sorted(path.name for path in sets.iterdir())
    done = publish_run(runs["clinical"], sets, GateLimits(max_flipped=0.01))
    assert done.made is None
    (said,) = done.refused
    assert said.startswith("labels flipped since the last set: found ")
    assert sorted(path.name for path in sets.iterdir()) == before
    assert latest(sets) == "v2"


def test_the_same_labels_are_not_published_twice(sets: Path, runs: dict[str, Path]) -> None:
    done = publish_run(runs["openi-mesh"], sets, OPEN)
    assert done.made is not None and done.made.version == "v2"
    assert len(published_sets(sets)) == 2


def test_rolled_back_labels_do_not_come_back_by_themselves(
    sets: Path, runs: dict[str, Path]
) -> None:
    withdrawn, now = rollback(sets)
    assert (withdrawn.version, now.version, latest(sets)) == ("v2", "v1", "v1")
    (said,) = publish_run(runs["openi-mesh"], sets, OPEN).refused
    assert "those of v2" in said
    with pytest.raises(PublishedError, match="no set before v1"):
        rollback(sets)
    assert promote(sets, "v2").withdrawn is False
    assert latest(sets) == "v2"
    assert publish_run(runs["openi-mesh"], sets, OPEN).refused == ()


def test_promoting_an_older_set_withdraws_the_newer(sets: Path, runs: dict[str, Path]) -> None:
    promote(sets, "v1")
    assert publish_run(runs["openi-mesh"], sets, OPEN).made is None
    assert latest(sets) == "v1"


def test_a_damaged_set_is_not_promoted(sets: Path) -> None:
    with (sets / "v1" / "labels.parquet").open("ab") as stream:
        stream.write(b" ")
    assert find_set(sets, "v1").damaged == ("labels.parquet",)
    with pytest.raises(PublishedError, match=r"labels\.parquet not as published"):
        promote(sets, "v1")
    with pytest.raises(PublishedError):
        rollback(sets)
    assert latest(sets) == "v2"
    assert exit_code("labels", "show", sets, "v1") == 3


def test_nothing_is_compared_with_a_damaged_latest(sets: Path, runs: dict[str, Path]) -> None:
    (sets / "v2" / "mentions.parquet").unlink()
    with pytest.raises(PublishedError, match="promote a whole set"):
        publish_run(runs["clinical"], sets, OPEN)


def test_other_reports_are_refused(sets: Path, tmp_path: Path, write_reports: WriteReports) -> None:
    other = mined(tmp_path, write_reports, [("X1", "FINDINGS: No effusion.")], "clinical")
    (said,) = publish_run(other, sets, OPEN).refused
    assert said.startswith("comparison with the last set: found labels: no report in both")


_DIES = """
import os, sys
from pathlib import Path
import flows.publishing, flows.published
from mining.gate import GateLimits
where = sys.argv[3]
def die(*a, **k): os.kill(os.getpid(), 9)
if where == "while copying": flows.publishing._judge = die
elif where == "before the name": flows.published.os.rename = die
else: flows.published.point = die
flows.publishing.publish_run(Path(sys.argv[1]), Path(sys.argv[2]), GateLimits())
"""


@pytest.mark.parametrize("where", ["while copying", "before the name", "before the pointer"])
def test_who_is_killed_leaves_the_old_pointer(
    tmp_path: Path, runs: dict[str, Path], where: str
) -> None:
    root = tmp_path / "published"
    publish_run(runs["clinical"], root, OPEN)
    died = subprocess.run(
        [sys.executable, "-c", _DIES, str(runs["openi-mesh"]), str(root), where],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    assert died.returncode == -9
    found = latest_set(root)
    assert found is not None and (found.version, found.damaged) == ("v1", ())
    done = publish_run(runs["openi-mesh"], root, OPEN)
    assert done.made is not None and (done.made.version, latest(root)) == ("v2", "v2")
    names = {path.name for path in root.iterdir() if not path.name.endswith(".lock")}
    assert names == {"v1", "v2", "latest"}


def test_the_flow_publishes_through_the_gate_or_says_why_not(
    tmp_path: Path, write_reports: WriteReports, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("CXRMINE_CACHE", str(tmp_path / "cache"))
    source = write_reports(tmp_path / "reports.csv", REPORTS)
    write_gold(tmp_path / "gold.csv")
    strict = "min_judged = 6\n[gate.findings.Effusion]\nmin_precision = 0.99\n"
    config = hospital(tmp_path, source, strict)
    assert exit_code("run", "--config", config) == 4
    said = " ".join(capsys.readouterr().err.split())
    assert "not published: Effusion, precision: found " in said
    assert "wanted a lower bound of 0.990 or more" in said
    assert "not published: Nodule, judged reports: found 0" in said
    assert not (tmp_path / "sets" / "latest").exists()
    assert (tmp_path / "out" / "labels.parquet").is_file()

    hospital(tmp_path, source, "[gate.findings.Effusion]\nmin_judged = 6\n")
    assert exit_code("run", "--config", config) == 0
    assert exit_code("labels", "list", config) == 0
    assert exit_code("labels", "show", config) == 0
    shown = capsys.readouterr().out
    assert "v1" in shown and "latest" in shown and "all files are as published" in shown
    assert "Effusion, judged reports" in shown
    assert "audit.json" in find_set(tmp_path / "sets").manifest["files"]
    assert known_places(tmp_path / "cache") == [(tmp_path / "sets").resolve()]


def test_a_run_with_too_many_rejects_is_not_published(
    tmp_path: Path, write_reports: WriteReports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXRMINE_CACHE", str(tmp_path / "cache"))
    source = write_reports(tmp_path / "r.csv", [("R1", "FINDINGS: No effusion."), ("R2", "")])
    gate = GateLimits(published=str(tmp_path / "sets"))
    result = run_label(Job(str(source), MiningSettings()), tmp_path / "out", gate=gate)
    assert result.problems and any("the run" in one for one in result.refused)
    assert latest_set(tmp_path / "sets") is None


def test_forgotten_reports_are_gone_from_every_set(sets: Path, tmp_path: Path) -> None:
    with (sets / "v1" / "run.json").open("a") as stream:
        stream.write(" ")  # damage that must not be made good on the way
    cache = tmp_path / "cache"
    cache.mkdir()
    remember_place(cache, sets)
    done = forget(cache, known_places(cache), frozenset({"D1", "D3"}))
    assert done.left == ()
    for version in ("v1", "v2"):
        for table in ("labels", "mentions"):
            ids = pq.read_table(sets / version / f"{table}.parquet")["report_id"].to_pylist()
            assert not {"D1", "D3"} & set(ids)
    assert find_set(sets, "v2").damaged == ()
    assert find_set(sets, "v1").damaged == ("run.json",)
    assert find_set(sets, "v2").manifest["forgotten_reports"] == 2
    assert latest(sets) == "v2"


def test_forget_reaches_sets_that_are_not_named(
    tmp_path: Path, runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, root = tmp_path / "cache", tmp_path / "published"
    monkeypatch.setenv("CXRMINE_CACHE", str(cache))
    cache.mkdir()
    publish_run(runs["clinical"], root, OPEN)
    remember_place(cache, root)
    (tmp_path / "ids.txt").write_text("D1\n")
    assert exit_code("forget", "--ids", tmp_path / "ids.txt") == 0
    assert "D1" not in pq.read_table(root / "v1" / "labels.parquet")["report_id"].to_pylist()


@pytest.mark.parametrize("harm", ["", "[]", '{"files": {}}'])
def test_a_folder_without_a_manifest_is_told(sets: Path, harm: str) -> None:
    (sets / "v1" / MANIFEST).write_text(harm)
    with pytest.raises(PublishedError, match="no manifest"):
        published_sets(sets)


def test_mistakes_of_the_command_line(sets: Path, tmp_path: Path) -> None:
    assert exit_code("labels", "promote", sets, "v9") == 2
    assert exit_code("labels", "show", tmp_path / "nowhere") == 2
    (tmp_path / "plain.toml").write_text("")
    assert exit_code("labels", "list", tmp_path / "plain.toml") == 2
    (tmp_path / "empty").mkdir()
    assert exit_code("labels", "rollback", tmp_path / "empty") == 2
    assert exit_code("labels", "list", tmp_path / "empty") == 0
    assert json.loads((sets / "v1" / MANIFEST).read_text())["version"] == "v1"
