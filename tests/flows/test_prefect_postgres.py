"""Prefect's server on PostgreSQL, as compose.yaml has it: a night is run and shown."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.schedules import own_server
from tests.flows.test_schedules import free_port, write_night
from tests.postgres import USER, running_postgres

ROOT = Path(__file__).parents[2]
# A night as the worker runs it: its flow told to a server, which the environment names.
_NIGHT = """
import sys
from flows.nightly import nightly
from prefect.client.orchestration import get_client

assert nightly(sys.argv[1], return_state=True).is_completed()
with get_client(sync_client=True) as client:
    print(sorted(one.key for one in client.read_artifacts()))
"""


@pytest.mark.slow
def test_a_night_is_run_beside_prefect_on_postgresql(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    psycopg = pytest.importorskip("psycopg", reason="pip install 'psycopg[binary]'")
    config = write_night(tmp_path)
    monkeypatch.setenv("CXRMINE_CACHE", str(tmp_path / "cache"))
    with running_postgres() as socket:
        database = f"postgresql+asyncpg://{USER}@/postgres?host={socket}"
        monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", database)
        with own_server("127.0.0.1", free_port()) as address:
            own = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
            done = subprocess.run(
                [sys.executable, "-c", _NIGHT, str(config)], capture_output=True, text=True,
                env={**own, "PREFECT_API_URL": address, "PYTHONPATH": str(ROOT)}, timeout=600,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr[-2000:]
        with psycopg.connect(host=str(socket), user=USER, dbname="postgres") as connection:
            (runs,) = connection.execute("SELECT count(*) FROM flow_run").fetchone()
    assert "run-report" in done.stdout and "audit-findings" in done.stdout
    assert runs == 2  # the night, and the flow `label` in it
    assert json.loads((tmp_path / "labels" / "run.json").read_text())["status"] == "ok"
