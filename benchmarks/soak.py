"""Night after night: one label set rebuilt from a growing corpus, with kills at random moments.

    python -m benchmarks.soak --nights 200 [--added 30] [--kill 0.3] [--cache 10MB] [--work DIR]

Each night adds reports and runs `cxrmine run --config` in a process of its own. With the
probability --kill that process is killed (SIGKILL) at a random moment; with --short the source has
lost half of its reports, which the gate must not publish. After every night the folder of the run
is read under the contracts, and the latest published set by its checksums: each must be the earlier
one, or the night's own, whole. No process and no folder of work may be left. Every tenth night the
cache is pruned to --cache. At the end all published sets must be whole, and the labels those of a
run that never saw a cache. The reports are made of the project's own example sentences. Exits with
1 when anything was not whole.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import numpy as np

from benchmarks.process import Ended, run_watched
from benchmarks.soak_checks import Left, broken_run, broken_sets, find, left_over, wrong_step
from benchmarks.soak_figures import Night, figures
from benchmarks.variation import vary
from benchmarks.view import print_figures, write_markdown
from flows.cache_report import size_of
from flows.cli.finish import NOT_PUBLISHED
from flows.files import digest_tree
from flows.output import RUN_FILE

_ROOT = Path(__file__).parents[1]
_GOLDEN = _ROOT / "mining" / "golden.toml"
_PRUNE_EVERY = 10
_HEADING = "Soak: nights with kills"
_CONFIGURATION = """\
[source]
path = "reports.jsonl"
[output]
folder = "labels"
[gate]
published = "published"
max_reject_rate = 0.0
max_flipped = 0.0
max_lost = 0.0
"""


@dataclass
class Soak:
    """The folder of a soak, and what is known of it so far."""

    work: Path
    random: Random
    corpus: list[str] = field(default_factory=list)  # lines of the source
    nights: list[Night] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    left: Left = field(default_factory=Left)

    @property
    def out(self) -> Path:
        """The label set that every night rebuilds."""
        return self.work / "labels"

    @property
    def published(self) -> Path:
        """The label sets that have passed the gate."""
        return self.work / "published"

    @property
    def cache(self) -> Path:
        """CXRMINE_CACHE of all nights."""
        return self.work / "cache"

    def note(self, fault: str) -> None:
        """Nothing: keeps the fault, with its night."""
        self.faults.append(f"night {len(self.nights) + 1}: {fault}")


def sentences() -> list[str]:
    """The golden set's sentences, without the brackets around mentions."""
    rows = tomllib.loads(_GOLDEN.read_text(encoding="utf-8"))["sentence"]
    return [row["text"].replace("[", "").replace("]", "") for row in rows]


def add_reports(soak: Soak, count: int, known: Sequence[str]) -> None:
    """Nothing: appends reports of 3 to 8 sentences to the corpus, some of them varied."""
    for number in range(len(soak.corpus), len(soak.corpus) + count):
        drawn = [soak.random.choice(known) for _ in range(soak.random.randint(3, 8))]
        said = [vary(s, soak.random) if soak.random.random() < 0.3 else s for s in drawn]
        row = {"report_id": f"N{number:07d}", "text": "FINDINGS: " + " ".join(said)}
        soak.corpus.append(json.dumps(row) + "\n")


def run_night(soak: Soak, kill_after: float | None, cache: Path, *options: str) -> Ended:
    """How a night's process ended; killed after so many seconds."""
    command = [sys.executable, "-m", "flows.cli", "run", *options]
    with (soak.work / "night.log").open("wb") as log:
        return run_watched(command, _environment(cache), log, kill_after)


def one_night(soak: Soak, added: int, known: Sequence[str], kill: float, short: float) -> None:
    """Nothing: adds reports, runs and perhaps kills, and looks at what is there."""
    add_reports(soak, added, known)
    usual = [night.seconds for night in soak.nights if not night.killed]
    is_short = bool(usual) and soak.random.random() < short
    killing = bool(usual) and soak.random.random() < kill
    # Most of a night is starting; the later a kill, the more there is to break.
    moment = soak.random.triangular(0.02, 1.1, 0.95) if killing else 0.0
    rows = soak.corpus[: len(soak.corpus) // 2] if is_short else soak.corpus
    (soak.work / "reports.jsonl").write_text("".join(rows), encoding="utf-8")
    (soak.work / "night.toml").write_text(_CONFIGURATION, encoding="utf-8")
    after = moment * float(np.median(usual[-5:])) if killing else None
    ended = run_night(soak, after, soak.cache, "--config", str(soak.work / "night.toml"))
    look(soak, ended, len(rows), is_short)
    sizes = size_of(soak.cache), size_of(soak.cache / "prefect")
    soak.nights.append(
        Night(len(rows), ended.killed, is_short, ended.seconds, ended.memory, ended.workers,
              sizes[0] - sizes[1], sizes[1], soak.left.version)
    )  # fmt: skip


def look(soak: Soak, ended: Ended, reports: int, is_short: bool) -> None:
    """Nothing: notes what is not as it must be after this night."""
    for fault in (*broken_run(soak.out), *broken_sets(soak.published)):
        soak.note(fault)
    wanted = NOT_PUBLISHED if is_short else 0
    if not ended.killed and ended.code != wanted:
        said = (soak.work / "night.log").read_text(errors="replace").splitlines()[-1:]
        soak.note(f"exit code {ended.code}, expected {wanted}: {said}")
    now = find(soak.out, soak.published)
    is_whole = not ended.killed and ended.code == wanted
    for fault in wrong_step(soak.left, now, reports, is_whole, is_short):
        soak.note(fault)
    soak.left = now
    if ended.orphans:
        soak.note(f"{ended.orphans} processes lived on")
    if is_whole and (over := left_over(soak.work, soak.published)):
        soak.note(f"left over: {', '.join(over)}")


def prune(soak: Soak, limit: str) -> None:
    """Nothing: prunes the cache to the limit, by the command line, and notes what is left."""
    command = [sys.executable, "-m", "flows.cli", "cache", "prune", "--max-size", limit]
    subprocess.run(
        command, env=_environment(soak.cache), cwd=_ROOT, check=True, stdout=subprocess.DEVNULL
    )
    left = size_of(soak.cache) - size_of(soak.cache / "prefect")
    soak.nights[-1] = soak.nights[-1].pruned_to(left)


def compare_with_fresh(soak: Soak) -> None:
    """Nothing: notes a fault where a run without a cache gives other tables."""
    source = soak.work / "reports.jsonl"
    source.write_text("".join(soak.corpus), encoding="utf-8")
    for name, cache in (("again", soak.cache), ("fresh", soak.work / "other-cache")):
        code = run_night(soak, None, cache, str(source), "--out", str(soak.work / name)).code
        if code:
            soak.note(f"the run {name!r} at the end: exit code {code}")
            return
    again, fresh = (
        digest_tree(soak.work / name, leave_out=RUN_FILE) for name in ("again", "fresh")
    )
    if again != fresh:
        soak.note("a run with a fresh cache gives other tables")


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 1 when anything was not whole."""
    given = _options().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="cxrmine-soak-") as temporary:
        soak = Soak(given.work or Path(temporary), Random(given.seed))
        soak.work.mkdir(parents=True, exist_ok=True)
        known, begun = sentences(), time.perf_counter()
        for number in range(1, given.nights + 1):
            one_night(soak, given.added, known, given.kill, given.short)
            if number % _PRUNE_EVERY == 0:
                prune(soak, given.cache)
                print(f"{number} nights, {len(soak.faults)} not whole", file=sys.stderr)
        for fault in broken_sets(soak.published, every=True):
            soak.note(fault)
        compare_with_fresh(soak)
        table = figures(soak.nights, soak.faults, given.cache, time.perf_counter() - begun)
        print_figures([table])
        if given.markdown:
            command = f"python -m benchmarks.soak --nights {given.nights} --seed {given.seed}"
            write_markdown(given.markdown, _HEADING, command, [table])
    return 1 if soak.faults else 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--nights", type=int, default=200)
    parser.add_argument("--added", type=int, default=30, help="reports that a night adds")
    parser.add_argument("--kill", type=float, default=0.3, help="probability that it is killed")
    parser.add_argument(
        "--short", type=float, default=0.05, help="probability that half of the source is missing"
    )
    parser.add_argument("--cache", default="10MB", help="size that the cache is pruned to")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, help="a new folder; default: a temporary one")
    parser.add_argument("--markdown", type=Path)
    return parser


def _environment(cache: Path) -> dict[str, str]:
    return {**os.environ, "CXRMINE_CACHE": str(cache), "PYTHONPATH": str(_ROOT)}


if __name__ == "__main__":
    raise SystemExit(main())
