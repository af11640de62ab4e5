"""A configuration served by a real Prefect server: one run at a time, with its report in the UI."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from flows.configuration import ConfigurationError
from flows.nightly import read_for_nights
from flows.schedules import CronError, ServerError, check_cron, deployment_name, serve_nights

ROOT = Path(__file__).parents[2]
_PATIENCE = 240  # seconds; a busy machine takes its time
Ask = Callable[..., Any]


def until(given: Callable[[], Any], what: str) -> Any:
    """The first answer that is true. Fails when it does not come."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if answer := given():
            return answer
        time.sleep(0.3)
    pytest.fail(f"{what} did not come within {_PATIENCE} s")


@pytest.fixture
def night(tmp_path: Path) -> Path:
    """A configuration file, its reports beside it."""
    texts = ["FINDINGS: There is a pleural effusion."] * 3
    rows = [{"report_id": f"R{n}", "text": text} for n, text in enumerate(texts)]
    (tmp_path / "reports.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = tmp_path / "night.toml"
    path.write_text('[source]\npath = "reports.jsonl"\n[output]\nfolder = "labels"\n')
    return path


@pytest.fixture
def server(night: Path) -> Iterator[Ask]:
    """Asks the API of the server that `cxrmine serve` has started for the configuration."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ, "CXRMINE_CACHE": str(night.parent / "cache"), "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    environment.pop("PREFECT_API_URL", None)
    command = [sys.executable, "-m", "flows.cli", "serve", "--config", str(night)]
    with (night.parent / "serve.log").open("wb") as log:
        served = subprocess.Popen(
            [*command, "--port", str(port)], env=environment, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip

    def ask(path: str, **body: Any) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/{path}", json.dumps(body).encode(),
            {"content-type": "application/json"},
        )  # fmt: skip
        assert served.poll() is None, "the server has ended"
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except OSError:
            return None

    yield ask
    served.send_signal(signal.SIGINT)
    try:
        served.wait(60)
    finally:
        with_children = served.poll() is None
        if with_children:
            os.killpg(served.pid, signal.SIGKILL)
    assert not with_children, "it did not stop when asked to"


def test_runs_are_one_at_a_time_and_leave_a_report(night: Path, server: Ask) -> None:
    (deployment,) = until(lambda: server("deployments/filter"), "the deployment")
    assert deployment["name"] == deployment_name(night)
    assert deployment["parameters"] == {"config": str(night)}
    assert deployment["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
    assert deployment["global_concurrency_limit"]["limit"] == 1
    path = f"deployments/{deployment['id']}/create_flow_run"
    # Due at one moment that the runner has time to see both before.
    due = (datetime.now(UTC) + timedelta(seconds=12)).isoformat()
    state = {"type": "SCHEDULED", "state_details": {"scheduled_time": due}}
    begun = [
        until(lambda key=key: server(path, state=state, idempotency_key=key), "a run")["id"]
        for key in ("first", "second")
    ]

    def ended() -> list[dict[str, Any]]:
        runs = server("flow_runs/filter", flow_runs={"id": {"any_": begun}}) or []
        over = [run for run in runs if run["state_type"] in ("COMPLETED", "CANCELLED", "FAILED")]
        return over if len(over) == 2 else []

    runs = until(ended, "the end of both runs")
    assert {run["state_type"] for run in runs} <= {"COMPLETED", "CANCELLED"}
    done = sorted(
        (run["start_time"], run["end_time"]) for run in runs if run["state_type"] == "COMPLETED"
    )
    # The second was cancelled; on a busy machine it may be due after the first has ended.
    assert all(first[1] <= second[0] for first, second in pairwise(done))
    assert (night.parent / "labels" / "labels.parquet").is_file()
    reports = list((night.parent / "labels.reports").glob("*.json"))
    assert len(reports) == len(done) > 0
    assert json.loads(reports[0].read_text())["rates"]["Effusion present"]["share"] == 1
    keys = {one["key"] for one in server("artifacts/filter")}
    assert {"run-report", "run-report-file"} <= keys


def test_without_a_server_it_says_how_to_get_one(
    night: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with pytest.raises(ServerError, match="cxrmine serve"):
        serve_nights(night, None)


@pytest.mark.parametrize(
    ("line", "section"), [('path = "reports.jsonl"', "source"), ('folder = "labels"', "output")]
)
def test_a_night_must_know_what_to_do(night: Path, line: str, section: str) -> None:
    night.write_text(night.read_text().replace(line, ""))
    with pytest.raises(ConfigurationError, match=section):
        read_for_nights(night)


@pytest.mark.parametrize("cron", ["", "daily", "* * *", "61 * * * *"])
def test_a_schedule_that_is_none_is_told(cron: str) -> None:
    with pytest.raises(CronError, match="--cron"):
        check_cron(cron)
