"""A command that is watched while it runs: seconds, CPU seconds, and memory of its processes."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_EVERY = 0.1  # seconds between two looks; what a process does after the last one is not seen


@dataclass(frozen=True)
class Watched:
    """What a command took: wall and CPU seconds of all its processes, the largest one's memory."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    said: str


class CommandFailedError(RuntimeError):
    """A command that ended otherwise than well: its exit `code` and what it `said`."""

    def __init__(self, command: Sequence[str], code: int, said: str) -> None:
        self.code, self.said = code, said
        super().__init__(f"{' '.join(command)}: exit code {code}, expected 0; it said {said!r}")


def watch(command: Sequence[str], environment: Mapping[str, str], cwd: Path) -> Watched:
    """What the command took, all its processes watched to the end. Errors: CommandFailedError."""
    started = time.perf_counter()
    cpu: dict[int, float] = {}
    peak = 0
    run = subprocess.Popen(
        command, env=dict(environment), cwd=cwd, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    top = psutil.Process(run.pid)
    while run.poll() is None:
        for process in _all(top):
            with contextlib.suppress(psutil.Error, OSError, ValueError):
                times = process.cpu_times()
                cpu[process.pid] = times.user + times.system
                peak = max(peak, _peak(process.pid))
        time.sleep(_EVERY)
    seconds = time.perf_counter() - started
    said = run.communicate()[1]
    if run.returncode:
        raise CommandFailedError(command, run.returncode, said)
    return Watched(seconds, sum(cpu.values()), peak, said)


def _all(top: psutil.Process) -> list[psutil.Process]:
    try:
        return [top, *top.children(recursive=True)]
    except psutil.Error:
        return []


def _peak(pid: int) -> int:
    """The most memory that the process ever had resident, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
