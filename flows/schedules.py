"""Serving the flow `nightly` on a schedule, and a Prefect server for those who have none."""

import asyncio
import contextlib
import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from flows.environment import cache_root, private_folder
from flows.guard import guard_servers

if TYPE_CHECKING:
    from prefect.client.schemas.objects import ConcurrencyLimitConfig
    from prefect.runner import Runner

    from flows.configuration import Configuration

_STARTED_WITHIN = 180  # seconds; a busy machine takes its time
_STOPPED_WITHIN = 60


class ServerError(RuntimeError):
    """There is no Prefect server, or it does not start; the message says what to do."""


class CronError(ValueError):
    """A schedule that is none: what was `found`."""

    def __init__(self, found: str) -> None:
        self.found = found
        super().__init__(
            f"--cron: found {found!r}, expected five fields as in '0 2 * * *' (every day at 2)"
        )


def check_cron(text: str) -> str:
    """The schedule, when it is one. Errors: CronError."""
    from prefect.client.schemas.schedules import CronSchedule

    try:
        CronSchedule(cron=text)
    except ValueError as error:
        raise CronError(text) from error
    return text


def check_nights(config: Path, cron: str | None) -> None:
    """Returns when a schedule can be served. Errors: OSError, ConfigurationError, CronError."""
    from flows.nightly import read_for_nights

    read_for_nights(config)
    if cron is not None:
        check_cron(cron)


def address_of(host: str, port: int) -> str:
    """The address of the API of a Prefect server."""
    return f"http://{host}:{port}/api"


def deployment_name(config: Path) -> str:
    """The deployment of a configuration file: its name, and a hash of where it lies."""
    path = config.expanduser().resolve()
    return f"{path.stem}-{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"


def serve_nights(config: Path, cron: str | None) -> None:
    """Never returns: offers the flow `nightly` to the Prefect server and runs it when it is due.

    One run at a time per configuration file. A run that is due while another one is at work is
    cancelled and not queued: the next one takes its reports as well. Errors: ServerError where no
    server is configured, ConfigurationError, CronError.
    """
    if not os.environ.get("PREFECT_API_URL"):
        raise ServerError(
            "PREFECT_API_URL: found nothing, expected the address of a Prefect server, as "
            "http://127.0.0.1:4200/api; `cxrmine serve` starts one beside the schedule."
        )
    from flows.nightly import nightly, read_for_nights

    check_nights(config, cron)
    path = config.expanduser().resolve()
    runner = _runner(deployment_name(config))
    runner.add_flow(
        nightly,
        name=deployment_name(config),
        cron=cron,
        concurrency_limit=_one_at_a_time(),
        parameters={"config": str(path)},
        description=describe(read_for_nights(path)),
        tags=["cxrmine", path.stem],
    )
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(runner.start())


def describe(configuration: "Configuration") -> str:
    """What Prefect's page says of the deployment, as Markdown; of addresses nothing secret."""
    from flows.remote.address import shown

    rows = {
        "reports": shown(configuration.located(configuration.source.path)),
        "labels": shown(configuration.located(configuration.output.folder)),
        "profile": configuration.mining.profile,
        "audit against": shown(configuration.located(configuration.audit.gold)) or "no gold",
        "published in": configuration.located(configuration.gate.published) or "no folder",
    }
    listed = "\n".join(f"- {name}: `{value}`" for name, value in rows.items())
    return (
        f"Chest X-ray reports to audited labels, as `{configuration.path}` said when this was "
        f"served; each run reads the file anew.\n\n{listed}\n\n"
        "One run at a time: what is due while another one is at work is cancelled."
    )


def _one_at_a_time() -> "ConcurrencyLimitConfig":
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy

    return ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)


def _runner(name: str) -> "Runner":
    """Prefect's runner, which ends on SIGTERM as on Ctrl-C.

    Without a limit of its own: it would make what is due wait, and nights would pile up.
    """
    from prefect.runner import Runner

    class Nights(Runner):
        def handle_sigterm(self, *args: object, **kwargs: object) -> None:
            raise KeyboardInterrupt  # Prefect's own leaves without waiting for its end

    return Nights(name=name, pause_on_shutdown=True)


@contextlib.contextmanager
def own_pages(config: Path, port: int) -> Iterator[None]:
    """Serves the pages that nights of this configuration leave, and tells these nights where.

    Port 0 serves none, and so does an output that is an address, or [schedule] pages: the user has
    a server. Errors: ConfigurationError, PortTaken.
    """
    from flows.night_pages import VARIABLE
    from flows.nightly import read_for_nights, reports_folder
    from flows.page_server import serve_pages
    from flows.remote.address import local_path

    read = read_for_nights(config)
    out = local_path(read.located(read.output.folder))
    if port == 0 or out is None or read.schedule.pages:
        yield
        return
    with serve_pages(reports_folder(Path(out)), port) as address:
        os.environ[VARIABLE] = address
        yield


@contextlib.contextmanager
def own_server(host: str, port: int) -> Iterator[str]:
    """The address of a Prefect server of our own, which ends with us.

    Its database lies in the cache folder, readable by its owner only; it sends nothing anywhere.
    Errors: ServerError.
    """
    _require_free(host, port)
    guard_servers()
    home = private_folder(private_folder(cache_root()) / "prefect-server")
    address = address_of(host, port)
    environment = {
        **os.environ,
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": address,
        "PREFECT_UI_API_URL": address,
        # Prefect copies its pages before it shows them: beside its code, unless told otherwise,
        # where a user has no right to write and two servers meet.
        "PREFECT_UI_STATIC_DIRECTORY": str(private_folder(home / "ui")),
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
    command = [
        sys.executable,
        "-m",
        "prefect",
        "server",
        "start",
        "--host",
        host,
        "--port",
        str(port),
    ]
    with (home / "server.log").open("ab") as log:
        server = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            _wait(server, address, home / "server.log")
            yield address
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(_STOPPED_WITHIN)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()


def _require_free(host: str, port: int) -> None:
    """Returns when nobody listens there: another server's health is none of ours."""
    with socket.socket() as ours:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            ours.bind((host, port))
        except OSError as error:
            raise ServerError(
                f"--port {port} of {host}: {error.strerror}; name another one, or use the server "
                f"that is there: PREFECT_API_URL={address_of(host, port)} cxrmine schedule …"
            ) from error


def _wait(server: "subprocess.Popen[bytes]", address: str, log: Path) -> None:
    until = time.monotonic() + _STARTED_WITHIN
    while time.monotonic() < until:
        if server.poll() is not None:
            raise ServerError(f"{address}: the Prefect server ended at its start; see {log}")
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise ServerError(f"{address}: no Prefect server within {_STARTED_WITHIN} s; see {log}")
