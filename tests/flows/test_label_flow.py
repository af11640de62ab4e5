"""The Prefect flow: the same tables as `mine`, kept between runs, safe against being killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from data_contracts import CHESTXRAY14
from flows.label import run_label
from flows.mine import mine_reports
from flows.output import OutputRefused
from flows.road import NEEDS, Job
from mining.settings import MiningSettings

WriteReports = Callable[[Path, list[tuple[str, str]]], Path]
ROOT = Path(__file__).parents[2]
TABLES = ("reports.parquet", "mentions.parquet", "labels.parquet", "rejects.parquet")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of its own for each test."""
    monkeypatch.setenv("CXRMINE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def cached_stages(out: Path) -> list[str]:
    stages = json.loads((out / "run.json").read_text())["stages"]
    return [name for name, stage in stages.items() if stage["cached"]]


def tables(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in TABLES}


def job_for(source: Path, **settings: object) -> Job:
    return Job(str(source), MiningSettings(**settings))  # type: ignore[arg-type]


def test_run_and_mine_give_equal_bytes(reports_csv: Path, tmp_path: Path) -> None:
    job = job_for(reports_csv)
    mine_reports(job, tmp_path / "mined")
    run_label(job, tmp_path / "run")
    assert tables(tmp_path / "run") == tables(tmp_path / "mined")


def test_a_second_run_comes_from_the_store(reports_csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_label(job_for(reports_csv), out)
    assert cached_stages(out) == []
    first = tables(out)
    run_label(job_for(reports_csv), out)
    assert cached_stages(out) == list(NEEDS)
    assert tables(out) == first


def test_refresh_makes_the_stage_and_what_follows_anew(reports_csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_label(job_for(reports_csv), out)
    first = tables(out)
    run_label(job_for(reports_csv), out, refresh="parse")
    assert cached_stages(out) == ["ingest", "sentences"]
    assert tables(out) == first


def test_another_profile_only_labels_anew(reports_csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_label(job_for(reports_csv), out)
    run_label(job_for(reports_csv, profile="chexpert"), out)
    assert cached_stages(out) == ["ingest", "sentences", "parse", "mine"]


def test_other_content_under_the_same_name_is_mined_anew(reports_csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_label(job_for(reports_csv), out)
    before = reports_csv.stat()
    text = reports_csv.read_text().replace("enlarged", "in shape")
    reports_csv.write_text(text)
    os.utime(reports_csv, ns=(before.st_atime_ns, before.st_mtime_ns))
    run_label(job_for(reports_csv), out)
    assert cached_stages(out) == []


@pytest.mark.parametrize("harm", ["changed", "removed"])
def test_a_damaged_artifact_is_made_anew(
    reports_csv: Path, tmp_path: Path, cache: Path, harm: str
) -> None:
    out = tmp_path / "out"
    run_label(job_for(reports_csv), out)
    first = tables(out)
    (distinct,) = (cache / "artifacts" / "sentences").glob("*/distinct.parquet")
    if harm == "changed":
        distinct.write_bytes(distinct.read_bytes() + b" ")
    else:
        distinct.unlink()
    run_label(job_for(reports_csv), out)
    # The sentences come out with the same bytes, so what follows still fits.
    assert cached_stages(out) == ["ingest", "parse", "mine", "label"]
    assert tables(out) == first


def test_too_many_rejects_fail_the_run_with_its_tables_written(
    tmp_path: Path, write_reports: WriteReports
) -> None:
    source = write_reports(tmp_path / "r.csv", [("R1", "FINDINGS: No effusion."), ("R2", "")])
    result = run_label(job_for(source), tmp_path / "out")
    assert result.problems
    assert json.loads((tmp_path / "out" / "run.json").read_text())["status"] == "failed"
    assert set(TABLES) <= set(result.files)


def test_an_error_of_a_stage_reaches_the_caller(tmp_path: Path) -> None:
    with pytest.raises((OSError, ValueError), match=r"absent\.csv"):
        run_label(job_for(tmp_path / "absent.csv"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_foreign_folder_is_refused_before_any_work(
    reports_csv: Path, tmp_path: Path, cache: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("x")
    with pytest.raises(OutputRefused):
        run_label(job_for(reports_csv), tmp_path / "out")
    assert not (cache / "artifacts").exists()


def test_the_audit_is_kept_and_shown_in_prefect(reports_csv: Path, tmp_path: Path) -> None:
    from prefect.client.orchestration import get_client

    header = ",".join(("report_id", *CHESTXRAY14))
    gold = tmp_path / "gold.csv"
    gold.write_text("\n".join([header, "R1,0,1" + ",0" * 12, "R3" + ",0" * 14]) + "\n")
    out = tmp_path / "out"
    result = run_label(job_for(reports_csv), out, gold=str(gold))
    assert "Cardiomegaly" in result.audit_text
    assert json.loads((out / "audit.json").read_text())["counts"]["scored"] == 2
    with get_client(sync_client=True) as client:
        kinds = {(artifact.key, artifact.type) for artifact in client.read_artifacts()}
    assert {("audit", "markdown"), ("audit-findings", "table")} <= kinds
    assert run_label(job_for(reports_csv), out, gold=str(gold)).audit_text == result.audit_text


def start_run(source: Path, out: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "run", str(source), "--out", str(out)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # to tell its processes from others
    )


def processes_of(run: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The temporary Prefect server of a run, and its guard."""
    return psutil.Process(run.pid).children(recursive=True)


def wait_for(run: subprocess.Popen[bytes], folder: Path, pattern: str) -> None:
    deadline = time.monotonic() + 300
    while not list(folder.glob(pattern)):
        assert run.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_run_killed_while_its_server_starts_leaves_none(
    reports_csv: Path, tmp_path: Path
) -> None:
    run = start_run(reports_csv, tmp_path / "out")
    deadline = time.monotonic() + 300
    while not (servers := [p for p in processes_of(run) if "uvicorn" in " ".join(p.cmdline())]):
        assert run.poll() is None and time.monotonic() < deadline
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    assert psutil.wait_procs(servers, timeout=60)[1] == []


@pytest.mark.slow
def test_a_run_killed_in_a_stage_is_finished_by_the_next(
    tmp_path: Path, cache: Path, write_reports: WriteReports, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every sentence is another one, so that parsing takes its time.
    rows = [
        (f"R{n}", f"FINDINGS: No effusion at level {n}. Heart is not enlarged on view {n}.")
        for n in range(1500)
    ]
    source = write_reports(tmp_path / "reports.csv", rows)
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("CXRMINE_CACHE", str(tmp_path / "another"))
        mine_reports(job_for(source), tmp_path / "undisturbed")

    run = start_run(source, tmp_path / "out")
    wait_for(run, cache / "sentences" / "judgements", "*/*/[0-9a-f]*.parquet")
    servers = processes_of(run)
    assert servers
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    assert psutil.wait_procs(servers, timeout=60)[1] == []
    assert not (tmp_path / "out").exists()
    assert not list((cache / "artifacts").glob("mine/*"))

    run_label(job_for(source), tmp_path / "out")
    assert cached_stages(tmp_path / "out") == ["ingest", "sentences"]
    stages = json.loads((tmp_path / "out" / "run.json").read_text())["stages"]
    assert 0 < stages["parse"]["details"]["known"] < stages["parse"]["rows_in"]
    assert tables(tmp_path / "out") == tables(tmp_path / "undisturbed")
    assert list((cache / "tmp").iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {
        "another", "cache", "out", "reports.csv", "undisturbed",
    }  # fmt: skip
