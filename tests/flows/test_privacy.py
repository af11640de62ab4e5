"""What a report says stays in its tables: no log, error, reject or Prefect database holds it."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

# Words that stand nowhere else; in a report that is mined, and in rows that are refused.
MINED, REFUSED = "zanzibarquux", "mumpitzwort"
COMMAND = [sys.executable, "-m", "flows.cli"]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    rows = [
        {"report_id": "R1", "text": f"FINDINGS: No effusion, {MINED}. Heart is enlarged."},
        {"report_id": "R2", "text": f"{REFUSED} \x00 nul"},
        {"report_id": "R3", "text": f"{REFUSED} status", "status": f"{REFUSED}"},
        {"report_id": "R4", "text": f"{REFUSED} time", "received_at": f"{REFUSED}"},
        {"report_id": "R5", "text": f"{REFUSED} one", "version": 1},
        {"report_id": "R5", "text": f"{REFUSED} two", "version": 1},
        {"report_id": "", "text": f"{REFUSED} without an id"},
    ]
    path = tmp_path_factory.mktemp("source") / "reports.jsonl"
    broken = f'{{"report_id": "R6", "text": "{REFUSED} broken'
    path.write_text("\n".join([*map(json.dumps, rows), broken]))
    return path


def run(verb, source, folder):
    environment = {**os.environ, "CXRMINE_CACHE": str(folder / "cache")}
    return subprocess.run(
        [*COMMAND, verb, str(source), "--out", str(folder / "out")],
        capture_output=True, text=True, env=environment, timeout=300,
    )  # fmt: skip


@pytest.fixture(scope="module", params=["mine", "run"])
def done(request, source, tmp_path_factory):
    """What a verb has said, and the folder that it has left its own in."""
    folder = tmp_path_factory.mktemp(request.param)
    return run(request.param, source, folder), folder


def holders(folder: Path, word: str) -> set[str]:
    """The files below the folder that hold the word, Parquet ones unpacked."""
    found = set()
    for path in folder.rglob("*"):
        if path.is_file():
            text = path.read_bytes().decode("latin-1")
            if path.suffix == ".parquet":
                text += str(pq.read_table(path).to_pylist())
            if word in text:
                found.add(path.name)
    return found


def test_text_stays_in_the_tables_that_are_for_it(done):
    ended, folder = done
    assert ended.returncode == 3  # too many rejects: the longest of all messages
    said = ended.stdout + ended.stderr
    assert MINED not in said
    assert REFUSED not in said
    assert holders(folder / "out", REFUSED) == set()
    for name in holders(folder / "out", MINED):
        assert name.split(".")[0] in ("reports", "mentions", "sentences", "distinct"), name
    prefect = folder / "cache" / "prefect"
    if prefect.exists():
        assert holders(prefect, MINED) | holders(prefect, REFUSED) == set()


def test_caches_are_for_their_owner_only(done):
    cache = done[1] / "cache"
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    readable = [p for p in cache.iterdir() if p.is_dir() and stat.S_IMODE(p.stat().st_mode) & 0o077]
    assert readable == []
