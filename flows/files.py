"""Files on disk: checksums, syncing, and swapping a folder in whole."""

import contextlib
import ctypes
import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def digest_file(path: Path) -> str:
    """The sha256 of the file's bytes, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_tree(folder: Path, *, leave_out: str = "") -> dict[str, str]:
    """The sha256 of each file below `folder` by its relative path, but for the file `leave_out`.

    Errors: FileNotFoundError when there is no such folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder", str(folder))
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {name: digest_file(folder / name) for name in sorted(names) if name != leave_out}


def table_hash(files: Mapping[str, str], table: str) -> str:
    """One hash for table `table` out of the checksums of its file or its part files.

    Errors: KeyError when none of the files belongs to it.

    >>> table_hash({"a.parquet": "1"}, "a") == table_hash({"a.parquet": "1", "b.parquet": "2"}, "a")
    True
    """
    name = f"{table}.parquet"
    own = [(path, sha) for path, sha in sorted(files.items()) if path.split("/")[0] == name]
    if not own:
        raise KeyError(name)
    return hashlib.sha256(repr(own).encode()).hexdigest()


def sync_tree(folder: Path, *, deep: bool = True) -> None:
    """Returns when the folder and, if `deep`, all files below it have reached the disk."""
    paths = [folder, *(folder.rglob("*") if deep else ())]
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def swap_in(new: Path, target: Path) -> None:
    """Leaves `new` under the name `target`, in one step; what was there before is removed.

    Both must lie on one file system. A reader sees the old folder or the new one, never a mixture.
    """
    sync_tree(new)
    if not (_taken(new, target) or _exchange(new, target)):
        # No atomic exchange on this file system: two renames, the old folder beside in between.
        aside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.old")
        os.rename(target, aside)
        os.rename(new, target)
        shutil.rmtree(aside)
    sync_tree(target.parent, deep=False)
    if new.exists():
        shutil.rmtree(new)


def _taken(new: Path, target: Path) -> bool:
    """Whether `new` could take a name that nobody had; another run may be quicker."""
    if target.exists():
        return False
    try:
        os.rename(new, target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    return True


def _exchange(one: Path, other: Path) -> bool:
    """Whether the kernel has exchanged the two names."""
    with contextlib.suppress(AttributeError, OSError):
        rename = ctypes.CDLL(None, use_errno=True).renameat2
        result: int = rename(
            _AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE
        )
        return result == 0
    return False
