"""A configuration served by a real Prefect server: one run at a time, its report and audit in the
UI, tried again after what may pass."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest

from flows.configuration import ConfigurationError, read_configuration
from flows.nightly import nightly, read_for_nights
from flows.output import OutputRefused
from flows.schedules import (
    CronError,
    ServerError,
    check_cron,
    deployment_name,
    describe,
    own_pages,
    own_server,
    serve_nights,
)
from tests.flows.desk_case import REPORTS, write_gold
from tests.modeling.browser import open_browser

ROOT = Path(__file__).parents[2]
_PATIENCE = 300  # seconds; a busy machine takes its time


def until(given: Callable[[], Any], what: str) -> Any:
    """The first answer that is true. Fails when it does not come."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if answer := given():
            return answer
        time.sleep(0.3)
    pytest.fail(f"{what} did not come within {_PATIENCE} s")


def write_night(folder: Path, more: str = "") -> Path:
    """A configuration file, its reports and gold beside it."""
    rows = [json.dumps({"report_id": name, "text": text}) for name, text in REPORTS]
    (folder / "reports.jsonl").write_text("\n".join(rows) + "\n")
    write_gold(folder / "gold.csv")
    path = folder / "night.toml"
    path.write_text(
        '[source]\npath = "reports.jsonl"\n[output]\nfolder = "labels"\n'
        f'[audit]\ngold = "gold.csv"\n{more}'
    )
    return path


@pytest.fixture
def night(tmp_path: Path) -> Path:
    """A configuration file of the test's own."""
    return write_night(tmp_path)


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@dataclass(frozen=True)
class Served:
    """`cxrmine serve` at work: its process and configuration, and where it is."""

    process: "subprocess.Popen[bytes]"
    config: Path
    port: int
    pages: int

    def ask(self, path: str, **body: Any) -> Any:
        """The answer of the server's API; None while it has none."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/{path}", json.dumps(body).encode(),
            {"content-type": "application/json"},
        )  # fmt: skip
        log = (self.config.parent / "serve.log").read_text(errors="replace")
        assert self.process.poll() is None, log
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except OSError:
            return None


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`cxrmine serve`, which must end with all its processes when it is asked to."""
    config = write_night(tmp_path_factory.mktemp("served"))
    # As a user has it: without what the flows of this process have set for their Prefect.
    own = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    own |= {"CXRMINE_CACHE": str(config.parent / "cache"), "PYTHONPATH": str(ROOT)}
    port, pages = free_port(), free_port()
    command = [sys.executable, "-m", "flows.cli", "serve", "--config", str(config)]
    with (config.parent / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--port", str(port), "--pages", str(pages)], env=own, stdout=log, stderr=log,
            cwd=config.parent,  # as in the container: not where the code lies
            start_new_session=True,
        )  # fmt: skip
    yield Served(process, config, port, pages)
    assert process.poll() is None, (config.parent / "serve.log").read_text(errors="replace")
    family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_PATIENCE)
        _, alive = psutil.wait_procs(family, timeout=_PATIENCE)
    finally:
        for one in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
    assert not alive
    assert "Traceback" not in (config.parent / "serve.log").read_text(errors="replace")


@pytest.fixture(scope="module")
def runs(served: Served) -> list[dict[str, Any]]:
    """Two runs that were due at one moment, after both have ended."""
    (deployment,) = until(lambda: served.ask("deployments/filter"), "the deployment")
    path = f"deployments/{deployment['id']}/create_flow_run"
    # Due at one moment that the runner has time to see both before.
    due = (datetime.now(UTC) + timedelta(seconds=12)).isoformat()
    state = {"type": "SCHEDULED", "state_details": {"scheduled_time": due}}
    begun = [
        until(lambda key=key: served.ask(path, state=state, idempotency_key=key), "a run")["id"]
        for key in ("first", "second")
    ]

    def ended() -> list[dict[str, Any]]:
        found = served.ask("flow_runs/filter", flow_runs={"id": {"any_": begun}}) or []
        over = [run for run in found if run["state_type"] in ("COMPLETED", "CANCELLED", "FAILED")]
        return over if len(over) == 2 else []

    found: list[dict[str, Any]] = until(ended, "the end of both runs")
    return found


def artifacts(served: Served) -> dict[str, dict[str, Any]]:
    """What Prefect's pages show of the runs, by key."""
    found = until(lambda: served.ask("artifacts/filter"), "the artifacts")
    return {one["key"]: one for one in found}


def test_the_deployment_says_what_it_does(served: Served) -> None:
    (deployment,) = until(lambda: served.ask("deployments/filter"), "the deployment")
    assert deployment["name"] == deployment_name(served.config)
    assert deployment["parameters"] == {"config": str(served.config)}
    assert deployment["tags"] == ["cxrmine", "night"]
    assert "reports.jsonl" in deployment["description"]
    assert deployment["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
    assert deployment["global_concurrency_limit"]["limit"] == 1
    properties = deployment["parameter_openapi_schema"]["properties"]
    assert "parse" in properties["refresh"]["enum"]


def test_runs_are_one_at_a_time_and_leave_a_report(
    served: Served, runs: list[dict[str, Any]]
) -> None:
    assert {run["state_type"] for run in runs} <= {"COMPLETED", "CANCELLED"}
    done = sorted(
        (run["start_time"], run["end_time"]) for run in runs if run["state_type"] == "COMPLETED"
    )
    # The second was cancelled; on a busy machine it may be due after the first has ended.
    assert all(first[1] <= second[0] for first, second in pairwise(done))
    names = [run["name"] for run in runs if run["state_type"] == "COMPLETED"]
    assert all(name.startswith("night, 20") for name in names)
    folder = served.config.parent
    assert (folder / "labels" / "labels.parquet").is_file()
    reports = list((folder / "labels.reports").glob("*.json"))
    assert len(reports) == len(done) > 0
    assert json.loads(reports[0].read_text())["rates"]["mention_rate"]["of"] == len(REPORTS)


def test_the_ui_has_the_report_the_audit_and_a_link_to_its_page(
    served: Served, runs: list[dict[str, Any]]
) -> None:
    found = artifacts(served)
    assert {"run-report", "run-report-file", "audit", "audit-findings", "audit-page"} <= set(found)
    assert all(one["description"] for one in found.values())
    address = found["audit-page"]["data"].split("(")[1].rstrip(")")
    assert address.startswith(f"http://127.0.0.1:{served.pages}/audit-")
    with urllib.request.urlopen(address, timeout=_PATIENCE) as page:
        assert "Audit of a label set" in page.read().decode()
    lines = until(lambda: served.ask("logs/filter"), "the log")
    assert any(line["message"].startswith("label: 6 rows in") for line in lines)


@pytest.mark.slow
@pytest.mark.browser
def test_a_browser_follows_the_link_of_prefects_page(
    served: Served, runs: list[dict[str, Any]]
) -> None:
    artifact = artifacts(served)["audit-page"]["id"]
    link = f"document.querySelector('a[href^=\"http://127.0.0.1:{served.pages}/audit-\"]')"
    with open_browser() as browser:
        browser.open(f"http://127.0.0.1:{served.port}/artifacts/artifact/{artifact}")
        browser.wait(f"{link} !== null")
        browser.evaluate(f"(() => {{ const a = {link}; a.target = '_self'; a.click(); }})()")
        browser.wait("document.documentElement.dataset.ready === 'yes'")
        assert "Audit of a label set" in browser.evaluate("document.title")


def test_what_may_pass_is_tried_again(night: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The share of the reports is back when the second try begins."""
    night.write_text(night.read_text() + "[schedule]\nretries = 2\nretry_delay = 7\n")
    source = night.parent / "reports.jsonl"
    away, waited = source.rename(night.parent / "away"), []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        away.rename(source)

    monkeypatch.setattr("flows.nightly.sleep", wait)
    assert nightly(str(night), return_state=True).is_completed()
    assert waited == [7]
    assert (night.parent / "labels" / "labels.parquet").is_file()


def test_what_cannot_pass_is_not_tried_again(night: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (night.parent / "labels").mkdir()
    (night.parent / "labels" / "thesis.tex").write_text("precious")
    monkeypatch.setattr("flows.nightly.sleep", lambda seconds: pytest.fail("waited"))
    state = nightly(str(night), return_state=True)
    with pytest.raises(OutputRefused):
        state.result()


def test_the_description_names_what_goes_in_and_out(night: Path) -> None:
    said = describe(read_configuration(night))
    assert f"`{night.parent / 'reports.jsonl'}`" in said and "no folder" in said


def test_no_pages_are_served_where_the_user_has_a_server(
    night: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CXRMINE_PAGES", raising=False)
    night.write_text(night.read_text() + '[schedule]\npages = "https://pages.example"\n')
    with own_pages(night, free_port()):
        assert "CXRMINE_PAGES" not in os.environ


def test_without_a_server_it_says_how_to_get_one(
    night: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with pytest.raises(ServerError, match="cxrmine serve"):
        serve_nights(night, None)


def test_a_port_that_is_taken_is_told_before_a_server_is_started() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ServerError, match=f"--port {port}"), own_server("127.0.0.1", port):
            pass


@pytest.mark.parametrize(
    ("line", "section"), [('path = "reports.jsonl"', "source"), ('folder = "labels"', "output")]
)
def test_a_night_must_know_what_to_do(night: Path, line: str, section: str) -> None:
    night.write_text(night.read_text().replace(line, ""))
    with pytest.raises(ConfigurationError, match=section):
        read_for_nights(night)


@pytest.mark.parametrize(
    "line", ["retries = -1", "retry_delay = -5", 'pages = "file:///tmp"', 'retries = "two"']
)
def test_a_schedule_section_that_means_nothing_is_told(night: Path, line: str) -> None:
    night.write_text(night.read_text() + f"[schedule]\n{line}\n")
    with pytest.raises(ConfigurationError, match=line.split()[0]):
        read_configuration(night)


@pytest.mark.parametrize("cron", ["", "daily", "* * *", "61 * * * *"])
def test_a_schedule_that_is_none_is_told(cron: str) -> None:
    with pytest.raises(CronError, match="--cron"):
        check_cron(cron)
