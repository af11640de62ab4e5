"""A PostgreSQL server of a test's own, which nothing but its socket leads to."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

USER = "miner"
GET_IT = "no PostgreSQL server: apt-get install postgresql, its bin folder on PATH"


@contextlib.contextmanager
def running_postgres() -> Iterator[Path]:
    """The folder of its socket; the user is `miner`, the database `postgres`.

    The test is skipped, with the way to get one, where there is no server.
    """
    if shutil.which("pg_ctl") is None or shutil.which("initdb") is None:
        pytest.skip(GET_IT)
    owner = "nobody" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
    with tempfile.TemporaryDirectory(prefix="cxrmine-pg-") as name:
        folder = Path(name)
        if owner:
            shutil.chown(folder, owner)

        def run(*command: str) -> None:
            subprocess.run(command, check=True, capture_output=True, user=owner, cwd=folder)

        data, log = str(folder / "data"), str(folder / "log")
        run("initdb", "-D", data, "-A", "trust", "-U", USER, "-E", "UTF8", "--no-sync")
        options = f"-c listen_addresses= -k {folder} -c fsync=off"
        run("pg_ctl", "-D", data, "-l", log, "-w", "-t", "300", "-o", options, "start")
        try:
            yield folder
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "-t", "300", "stop")
