"""Night after night: one label set rebuilt from a growing corpus, with kills at random moments.

    python -m benchmarks.soak --nights 200 [--added 100] [--kill 0.3] [--cache 50MB] [--work DIR]

Each night adds reports, runs `cxrmine run` in a process of its own and, with the probability
--kill, kills that process (SIGKILL) at a random moment. After every night the folder of the run is
read under the contracts: it must hold the last night that ended, whole, byte for byte. Every tenth
night the cache is pruned to --cache. At the end the labels must be those of a run that never saw a
cache. The reports are made of the project's own example sentences. Memory is the largest resident
set of a night's process, as the system counts it. Exits with 1 when anything was not whole.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Timer

import numpy as np
import pyarrow.parquet as pq

from benchmarks.variation import vary
from benchmarks.view import Figures, print_figures, write_markdown
from data_contracts import MENTIONS, REJECTS, REPORTS, content_hash, read_table
from flows.cache_prune import read_size
from flows.tables import read_labels

_GOLDEN = Path(__file__).parents[1] / "mining" / "golden.toml"
_ROOT = Path(__file__).parents[1]
_PRUNE_EVERY = 10
_HEADING = "Soak: nights with kills"


@dataclass(frozen=True)
class Night:
    """What became of one night: its reports, how it ended, seconds, and memory in bytes."""

    reports: int
    killed: bool
    seconds: float
    memory: int
    cache: int


@dataclass
class Soak:
    """The folder of a soak, and what is known of it so far."""

    work: Path
    random: Random
    nights: list[Night] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    whole: dict[str, str] = field(default_factory=dict)  # files of the last night that ended

    @property
    def source(self) -> Path:
        """The corpus, one JSON object a line."""
        return self.work / "reports.jsonl"

    @property
    def out(self) -> Path:
        """The label set that every night rebuilds."""
        return self.work / "labels"

    @property
    def cache(self) -> Path:
        """CXRMINE_CACHE of all nights."""
        return self.work / "cache"


def sentences() -> list[str]:
    """The golden set's sentences, without the brackets around mentions."""
    rows = tomllib.loads(_GOLDEN.read_text(encoding="utf-8"))["sentence"]
    return [row["text"].replace("[", "").replace("]", "") for row in rows]


def add_reports(soak: Soak, count: int, known: Sequence[str]) -> None:
    """Nothing: appends reports of 3 to 8 sentences, some of them varied."""
    first = soak.nights[-1].reports if soak.nights else 0
    with soak.source.open("a", encoding="utf-8") as file:
        for number in range(first, first + count):
            drawn = [soak.random.choice(known) for _ in range(soak.random.randint(3, 8))]
            said = [vary(s, soak.random) if soak.random.random() < 0.3 else s for s in drawn]
            row = {"report_id": f"N{number:07d}", "text": "FINDINGS: " + " ".join(said)}
            file.write(json.dumps(row) + "\n")


def run_night(soak: Soak, kill_after: float | None, cache: Path, out: Path) -> tuple[int, int]:
    """The exit code of a night and its memory in bytes; killed after so many seconds."""
    command = [sys.executable, "-m", "flows.cli", "run", str(soak.source), "--out", str(out)]
    environment = {**os.environ, "CXRMINE_CACHE": str(cache), "PYTHONPATH": str(_ROOT)}
    with (soak.work / "night.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        timer = None if kill_after is None else Timer(kill_after, process.kill)
        if timer:
            timer.start()
        # Not Popen.wait, which asks nobody how much memory it was.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if timer:
            timer.cancel()
    return process.returncode, usage.ru_maxrss * 1024


def look(soak: Soak) -> None:
    """Nothing: notes a fault where the folder of the run is not what the last whole night left."""
    night = len(soak.nights)
    found = _hashes(soak.out)
    if found != soak.whole:
        soak.faults.append(f"night {night}: files are not those of the last night that ended")
        return
    if not found:
        return
    labels = read_labels(soak.out / "labels.parquet")
    reports = read_table(soak.out / "reports.parquet", REPORTS)
    read_table(soak.out / "mentions.parquet", MENTIONS)
    read_table(soak.out / "rejects.parquet", REJECTS)
    if labels.num_rows != reports.num_rows:
        soak.faults.append(f"night {night}: {labels.num_rows} labels, {reports.num_rows} reports")


def _hashes(folder: Path) -> dict[str, str]:
    tables = (path for path in folder.rglob("*.parquet") if path.is_file())
    return {str(path.relative_to(folder)): content_hash(path) for path in sorted(tables)}


def one_night(soak: Soak, added: int, kill: float, known: Sequence[str]) -> None:
    """Nothing: adds reports, runs and perhaps kills, and looks at what is there."""
    add_reports(soak, added, known)
    reports = (soak.nights[-1].reports if soak.nights else 0) + added
    usual = [night.seconds for night in soak.nights if not night.killed]
    killing = bool(usual) and soak.random.random() < kill
    after = soak.random.uniform(0.05, 1.0) * float(np.median(usual[-5:])) if killing else None
    begun = time.perf_counter()
    code, memory = run_night(soak, after, soak.cache, soak.out)
    seconds = time.perf_counter() - begun
    ended = code == 0
    if ended:
        soak.whole = _hashes(soak.out)
        rows = pq.read_metadata(soak.out / "labels.parquet").num_rows
        if rows != reports:
            soak.faults.append(f"night {len(soak.nights)}: {rows} labels of {reports} reports")
    elif not killing:
        soak.faults.append(f"night {len(soak.nights)}: exit code {code}, see night.log")
    look(soak)
    size = sum(path.stat().st_size for path in soak.cache.rglob("*") if path.is_file())
    soak.nights.append(Night(reports, not ended, seconds, memory, size))


def prune(soak: Soak, limit: str) -> None:
    """Nothing: prunes the cache to the limit, by the command line."""
    command = [sys.executable, "-m", "flows.cli", "cache", "prune", "--max-size", limit]
    environment = {**os.environ, "CXRMINE_CACHE": str(soak.cache), "PYTHONPATH": str(_ROOT)}
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


def compare_with_fresh(soak: Soak) -> None:
    """Nothing: notes a fault where a run without a cache gives other tables."""
    code, _ = run_night(soak, None, soak.work / "fresh-cache", soak.out)
    again = _hashes(soak.out)
    code_fresh, _ = run_night(soak, None, soak.work / "other-cache", soak.work / "fresh")
    if code or code_fresh or again != _hashes(soak.work / "fresh"):
        soak.faults.append("at the end: a run with a fresh cache gives other tables")


def figures(soak: Soak, limit: str) -> Figures:
    """The soak as a table."""
    ended = [night for night in soak.nights if not night.killed]
    tenth = max(1, len(ended) // 10)
    middle = len(ended) // 2
    early, late = ended[middle : middle + tenth], ended[-tenth:]
    memory = [float(np.median([n.memory for n in part])) / 1e6 for part in (early, late)]
    last = soak.nights[-1]
    rows = [
        ["nights", f"{len(soak.nights):,}"],
        ["killed", f"{len(soak.nights) - len(ended):,}"],
        ["not whole", f"{len(soak.faults):,}"],
        ["reports in the last night", f"{last.reports:,}"],
        ["memory at half time, MB", f"{memory[0]:,.0f}"],
        ["memory at the end, MB", f"{memory[1]:,.0f}"],
        ["largest cache, MB", f"{max(night.cache for night in soak.nights) / 1e6:,.0f}"],
        ["cache limit, MB", f"{read_size(limit) / 1e6:,.0f}"],
        ["median seconds of a night", f"{np.median([n.seconds for n in ended]):.1f}"],
    ]
    notes = [
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores of {platform.machine()}, "
        f"Python {platform.python_version()}; other work ran on the machine.",
        *soak.faults,
    ]
    return Figures("Nights", ["what", "figure"], rows, notes)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 1 when anything was not whole."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--nights", type=int, default=200)
    parser.add_argument("--added", type=int, default=100, help="reports that a night adds")
    parser.add_argument("--kill", type=float, default=0.3, help="probability that it is killed")
    parser.add_argument("--cache", default="50MB", help="size that the cache is pruned to")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, help="a new folder; default: a temporary one")
    parser.add_argument("--markdown", type=Path)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="cxrmine-soak-") as temporary:
        soak = Soak(given.work or Path(temporary), Random(given.seed))
        soak.work.mkdir(parents=True, exist_ok=True)
        known = sentences()
        for number in range(1, given.nights + 1):
            one_night(soak, given.added, given.kill, known)
            if number % _PRUNE_EVERY == 0:
                prune(soak, given.cache)
        compare_with_fresh(soak)
        table = figures(soak, given.cache)
        print_figures([table])
        if given.markdown:
            command = f"python -m benchmarks.soak --nights {given.nights}"
            write_markdown(given.markdown, _HEADING, command, [table])
    return 1 if soak.faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
