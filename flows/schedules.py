"""Serving the flow `nightly` on a schedule, and a Prefect server for those who have none."""

import hashlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.environment import cache_root, private_folder
from flows.guard import guard_servers

_STARTED_WITHIN = 180  # seconds; a busy machine takes its time


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
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy

    from flows.nightly import nightly

    check_nights(config, cron)
    one_at_a_time = ConcurrencyLimitConfig(
        limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW
    )
    nightly.serve(
        name=deployment_name(config),
        cron=cron,
        # Not `limit=1` as well: the runner would make what is due wait, and nights would pile up.
        global_limit=one_at_a_time,
        parameters={"config": str(config.expanduser().resolve())},
        description="Reports to audited labels, as the configuration file says.",
        print_starting_message=False,
    )


@contextmanager
def own_server(host: str, port: int) -> Iterator[str]:
    """The address of a Prefect server of our own, which ends with us.

    Its database lies in the cache folder, readable by its owner only; it sends nothing anywhere.
    Errors: ServerError.
    """
    guard_servers()
    home = private_folder(private_folder(cache_root()) / "prefect-server")
    address = address_of(host, port)
    environment = {
        **os.environ,
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": address,
        "PREFECT_UI_API_URL": address,
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
            server.wait()


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
