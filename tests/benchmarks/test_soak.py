"""The soak's own eye: does it see what is not whole?"""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from random import Random

import pyarrow.parquet as pq
import pytest

from benchmarks.process import run_watched
from benchmarks.soak import Soak, add_reports, one_night, sentences
from benchmarks.soak_checks import Left, broken_run, broken_sets, find, left_over, wrong_step
from benchmarks.soak_figures import Night, figures
from flows.files import digest_tree
from flows.mine import mine_reports
from flows.output import RUN_FILE
from flows.publishing import publish_run
from flows.road import Job
from mining.gate import GateLimits
from mining.settings import MiningSettings


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder in which one night has ended."""
    work = tmp_path_factory.mktemp("soak")
    soak = Soak(work, Random(1))
    add_reports(soak, 4, sentences())
    (work / "reports.jsonl").write_text("".join(soak.corpus))
    mine_reports(Job(str(work / "reports.jsonl"), MiningSettings()), work / "labels")
    publish_run(work / "labels", work / "published", GateLimits())
    return work


@pytest.fixture
def work(night: Path, tmp_path: Path) -> Path:
    """A copy of it to break."""
    shutil.copytree(night, tmp_path / "soak", symlinks=True)
    return tmp_path / "soak"


def faults(work: Path) -> list[str]:
    """All that is not whole."""
    return [*broken_run(work / "labels"), *broken_sets(work / "published", every=True)]


def test_a_night_that_ended_is_whole(work: Path) -> None:
    assert faults(work) == []
    assert left_over(work, work / "published") == []
    now = find(work / "labels", work / "published")
    assert now.reports == 4 and now.version == 1
    assert list(wrong_step(Left(), now, reports=4, ended=True, refused=False)) == []


def test_no_run_yet_is_whole(tmp_path: Path) -> None:
    assert faults(tmp_path) == []
    assert find(tmp_path / "labels", tmp_path / "published") == Left()


@pytest.mark.parametrize("name", ["labels.parquet", "mentions.parquet", RUN_FILE])
def test_a_damaged_file_is_seen(work: Path, name: str) -> None:
    path = work / "published" / "v1" / name
    path.write_bytes(path.read_bytes() + b"\0")
    assert faults(work) == [f"v1: {name} not as published"]


def test_half_a_run_is_seen(work: Path) -> None:
    (work / "labels" / "mentions.parquet").write_bytes(b"PAR1")
    assert any("run.json" in fault for fault in faults(work))
    assert len(faults(work)) == 2


def test_labels_of_other_reports_are_seen(work: Path) -> None:
    labels = work / "labels" / "labels.parquet"
    pq.write_table(pq.read_table(labels).slice(0, 3), labels)
    record = json.loads((work / "labels" / RUN_FILE).read_text())
    record["files"] = digest_tree(work / "labels", leave_out=RUN_FILE)
    (work / "labels" / RUN_FILE).write_text(json.dumps(record))
    assert faults(work) == ["3 labels and 4 reports do not match"]


BEFORE = Left((("labels.parquet", "old"), ("run.json", "1")), reports=3, version=2, labels="old")
AFTER = Left((("labels.parquet", "new"), ("run.json", "2")), reports=4, version=3, labels="new")


@pytest.mark.parametrize(
    ("now", "ended", "refused", "wrong"),
    [
        (AFTER, True, False, ""),
        (BEFORE, False, False, ""),  # killed before anything stood there
        (AFTER, False, False, ""),  # killed at its very end
        (replace(AFTER, version=2, labels="old"), False, False, ""),  # killed before publishing
        (replace(AFTER, version=2, labels="old"), True, True, ""),
        (replace(AFTER, version=2, labels="old"), True, False, "were not published"),
        (AFTER, True, True, "the gate refused"),
        (BEFORE, True, False, "3 labels of 4 reports"),
        (replace(AFTER, reports=2), False, False, "neither the earlier 3 nor 4"),
        (replace(BEFORE, version=1), False, False, "went back"),
        (replace(AFTER, labels="other"), False, False, "other labels than the run"),
    ],
)
def test_a_night_leaves_the_earlier_state_or_its_own(
    now: Left, ended: bool, refused: bool, wrong: str
) -> None:
    said = list(wrong_step(BEFORE, now, reports=4, ended=ended, refused=refused))
    assert (wrong in " ".join(said)) if wrong else said == []


def test_what_is_left_over_is_seen(work: Path) -> None:
    (work / ".labels.cxrmine-1").mkdir()
    (work / "published" / ".publishing-1").mkdir()
    assert left_over(work, work / "published") == [".labels.cxrmine-1", ".publishing-1"]


def test_a_killed_process_s_children_are_counted(tmp_path: Path) -> None:
    command = ["sh", "-c", "sleep 10; true"]
    with (tmp_path / "log").open("wb") as log:
        ended = run_watched(command, os.environ, log, kill_after=1.0, gone_within=0)
    assert ended.killed and ended.seconds >= 1.0
    assert ended.orphans == 1 and ended.memory > 0


def test_the_table_compares_quarters() -> None:
    nights = [
        Night(n, n == 3, n == 5, 2.0, n * 10**6, 10**6, 5 * 10**6, 10**6, n) for n in range(1, 9)
    ]
    nights[4] = nights[4].pruned_to(2 * 10**6)
    rows = {row[0]: row[1:] for row in figures(nights, ["bad"], "3MB", 60).rows}
    assert rows["not whole"][0] == "1"
    assert rows["killed at a random moment"][0] == "1"
    assert rows["memory of the process, MB"] == ["1.0", "8.0"]
    assert rows["cache after pruning, MB"] == ["2.0", "2.0"]


@pytest.mark.slow
def test_a_night_is_run(tmp_path: Path) -> None:
    soak = Soak(tmp_path, Random(1))
    one_night(soak, 4, sentences(), 0.0, 0.0)
    assert not soak.faults
    assert soak.nights[0].reports == 4 and not soak.nights[0].killed
    assert soak.nights[0].memory > 50e6 and soak.left.version == 1
