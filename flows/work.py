"""Work folders that go away with their process, even when it is killed."""

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

_LOCK = ".lock"
_ATTEMPTS = 100


@contextlib.contextmanager
def work_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """An empty folder `parent/PREFIX-…`, readable by its owner only, removed at the end.

    Its lock file is held as long as this process lives; what a killed process left is removed by
    `sweep`. Errors: OSError when the file system knows no locks.
    """
    for _ in range(_ATTEMPTS):
        folder = parent / f"{prefix}-{secrets.token_hex(8)}"
        with hold(folder.with_name(folder.name + _LOCK), os.O_CREAT) as held:
            if not held:  # a sweeper was quicker and took it for a dead process's
                continue
            folder.mkdir(mode=0o700)
            try:
                yield folder
            finally:
                _remove(folder)
            return
    raise OSError(f"{parent}: nothing could be locked; keep it on a file system with locks")


def sweep(parent: Path, prefix: str = "") -> None:
    """Removes work folders whose process is gone: the kernel has let go of their locks."""
    for lock in parent.glob(f"{prefix}*{_LOCK}"):
        with hold(lock) as held:
            if held:
                _remove(lock.with_name(lock.name.removesuffix(_LOCK)))


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.with_name(folder.name + _LOCK).unlink(missing_ok=True)


@contextlib.contextmanager
def hold(path: Path, flags: int = 0) -> Iterator[bool]:
    """True while the file's lock is ours; False when another process holds it or took it away."""
    try:
        handle = os.open(path, os.O_RDWR | flags, 0o600)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            # A sweeper may have unlinked the file between our open and our lock.
            yield path.exists() and os.path.samestat(os.fstat(handle), path.stat())
    finally:
        os.close(handle)
