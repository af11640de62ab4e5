"""A process that is watched: its memory and its children's, killed at a moment if so wished."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import psutil

_LOOK_EVERY = 0.1  # seconds
_CHILDREN_EVERY = 0.5


@dataclass(frozen=True)
class Ended:
    """How a process ended: exit code, seconds, bytes of memory, and children that lived on.

    `memory` is the largest resident set of the process or of any child that it waited for, as the
    system counts it; `workers` the largest of a child that was seen, looked at twice a second.
    """

    code: int
    killed: bool
    seconds: float
    memory: int
    workers: int
    orphans: int


def run_watched(
    command: Sequence[str],
    environment: Mapping[str, str],
    log: BinaryIO,
    kill_after: float | None = None,
    *,
    gone_within: float = 60.0,
) -> Ended:
    """How the process ended. Its output goes to `log`; SIGKILL comes after `kill_after` seconds.

    Children that live `gone_within` seconds longer are counted as orphans.
    """
    begun = time.perf_counter()
    process = subprocess.Popen(command, env=dict(environment), stdout=log, stderr=log)
    children: dict[int, psutil.Process] = {}
    largest, looked, killed = 0, 0.0, False
    while True:
        # Not Popen.wait, which asks nobody how much memory it was.
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        seconds = time.perf_counter() - begun
        if pid:
            break
        if kill_after is not None and seconds > kill_after and not killed:
            children |= {child.pid: child for child in _children(process.pid)}
            process.kill()
            killed = True
        elif seconds - looked > _CHILDREN_EVERY:
            looked = seconds
            children |= {child.pid: child for child in _children(process.pid)}
            largest = max([largest, *(_memory(child) for child in children.values())])
        time.sleep(_LOOK_EVERY)
    process.returncode = code = os.waitstatus_to_exitcode(status)
    _, living = psutil.wait_procs(list(children.values()), timeout=gone_within)
    return Ended(code, code < 0, seconds, usage.ru_maxrss * 1024, largest, len(living))


def _children(pid: int) -> list[psutil.Process]:
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.Error:
        return []


def _memory(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0
