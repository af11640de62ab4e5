"""Who is using the cache: so that nothing is pruned or forgotten under a running process.

A process that uses the cache holds a lock file in `runs/` as long as it lives; the kernel lets go
of it whatever ends the process. What it uses is touched, so that everything older than the first
of the living runs is used by none. The gate is held for moments: shared by who touches and
announces, alone by who removes.
"""

import atexit
import contextlib
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from flows.work import hold

_RUNS = "runs"
_GATE = ".gate"
_announced: dict[Path, int] = {}  # root -> the handle that holds our lock


class CacheInUse(Exception):
    """The cache at `root` is used by `processes` other processes, and must not be."""

    def __init__(self, root: Path, processes: int, verb: str) -> None:
        self.root, self.processes = root, processes
        super().__init__(
            f"{root}: found {processes} running process(es) that use this cache, expected none. "
            f"{verb} again when they have ended, or give --wait."
        )


def announce(root: Path) -> None:
    """Returns when this process is known to use the cache at `root`, until it ends.

    Waits while another process forgets reports. Errors: OSError when the file system has no locks.
    """
    if root in _announced:
        return
    with gate(root):
        folder = root / _RUNS
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / f"{os.getpid()}-{secrets.token_hex(4)}"
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _announced[root] = handle
        atexit.register(_leave, path, os.getpid())


def _leave(path: Path, owner: int) -> None:
    if os.getpid() == owner:  # not in a fork of ours
        path.unlink(missing_ok=True)


def running(root: Path) -> list[float]:
    """When each living process that uses the cache began to, this one left out; ascending."""
    own = {os.fstat(handle).st_ino for at, handle in _announced.items() if at == root}
    times = []
    for path in (root / _RUNS).glob("*"):
        with contextlib.suppress(FileNotFoundError):  # another process has swept it
            status = path.stat()
            if status.st_ino in own:
                continue
            with hold(path) as held:
                if held:
                    path.unlink(missing_ok=True)  # its process is gone
                else:
                    times.append(status.st_mtime)
    return sorted(times)


@contextlib.contextmanager
def gate(root: Path, *, alone: bool = False) -> Iterator[None]:
    """Held while something is touched, or, `alone`, while something is removed."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(root / _GATE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


def mark(root: Path, path: Path) -> None:
    """Gives the file a time that is not before this process began, though the clock was set back.

    Errors: OSError.
    """
    own = _announced.get(root)
    now = max(time.time_ns(), os.fstat(own).st_mtime_ns if own is not None else 0)
    os.utime(path, ns=(now, now))


def touch(root: Path, path: Path) -> bool:
    """Whether `path` is there and is now marked as used: it will not be pruned under this run."""
    with gate(root):
        try:
            mark(root, path)
        except OSError:
            return False
    return True


def used_by_others(root: Path, folder: Path) -> bool:
    """Whether another process may use what is in the folder: it was touched since that began.

    To be asked behind the gate, so that nobody touches it meanwhile.
    """
    first = min(running(root), default=None)
    if first is None:
        return False
    marks = [path.stat().st_mtime for path in folder.glob("*.json")]
    return max(marks, default=0.0) >= first
