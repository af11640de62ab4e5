"""Published label sets: a versioned folder each, and a pointer `latest`; whole or not at all.

    PUBLISHED/v1/labels.parquet, mentions.parquet, run.json, audit.json, manifest.json
    PUBLISHED/latest -> v1

A set is written beside the others and takes its name when it is complete; then the pointer is
replaced in one step. Who is killed in between leaves the old pointer. Sets hold no reports' text
but the words of the mentions.
"""

import contextlib
import fcntl
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.files import digest_tree, sync_tree

LATEST, MANIFEST, WITHDRAWN = "latest", "manifest.json", "withdrawn.json"
LOCK = ".publish.lock"
_VERSION = re.compile(r"v([1-9][0-9]*)")


class PublishedError(Exception):
    """A published set that cannot be used: its `folder`, what was `found` and what `to_do`."""

    def __init__(self, folder: Path, found: str, to_do: str) -> None:
        self.folder, self.found, self.to_do = folder, found, to_do
        super().__init__(f"{folder}: found {found}. {to_do}")


@dataclass(frozen=True)
class PublishedSet:
    """A set and its manifest; `withdrawn` says that somebody has rolled back from it."""

    folder: Path
    manifest: Mapping[str, Any]
    withdrawn: bool

    @property
    def version(self) -> str:
        """Its name, as v3."""
        return self.folder.name

    @property
    def number(self) -> int:
        """The number in its name."""
        return _number(self.folder.name)

    @property
    def damaged(self) -> tuple[str, ...]:
        """The files that are not as they were published; all are read for it."""
        wanted = self.manifest["files"]
        there = {
            name: sha
            for name, sha in digest_tree(self.folder, leave_out=MANIFEST).items()
            if name != WITHDRAWN
        }
        names = sorted(wanted.keys() | there.keys())
        return tuple(name for name in names if wanted.get(name) != there.get(name))


def published_sets(root: Path) -> list[PublishedSet]:
    """The sets in the folder, oldest first. Errors: PublishedError for a manifest that is none."""
    if not root.is_dir():
        return []
    folders = sorted(
        (path for path in root.iterdir() if _VERSION.fullmatch(path.name) and path.is_dir()),
        key=lambda path: _number(path.name),
    )
    return [_read(folder) for folder in folders]


def latest_set(root: Path) -> PublishedSet | None:
    """The set that `latest` points to; None where nothing is published yet.

    Errors: PublishedError when it points to nothing.
    """
    pointer = root / LATEST
    if not pointer.is_symlink():
        return None
    folder = root / os.readlink(pointer)
    if not (folder / MANIFEST).is_file():
        raise PublishedError(pointer, "a pointer to no set", "Promote one: `labels promote`.")
    return _read(folder)


def find_set(root: Path, version: str | None = None) -> PublishedSet:
    """The set of this version, or the latest. Errors: PublishedError."""
    found = {one.version: one for one in published_sets(root)}
    if version is None:
        latest = latest_set(root)
        if latest is None:
            raise PublishedError(root, "nothing published", "Publish a set: `run --config`.")
        return latest
    if version not in found:
        known = ", ".join(found) or "none"
        raise PublishedError(root, f"no set {version!r}", f"There are: {known}.")
    return found[version]


def promote(root: Path, version: str) -> PublishedSet:
    """The set that `latest` points to from now on; a newer latest one is withdrawn.

    Errors: PublishedError when it is not there, or damaged.
    """
    with held(root):
        chosen, current = find_set(root, version), latest_set(root)
        _require_whole(chosen)
        (chosen.folder / WITHDRAWN).unlink(missing_ok=True)
        point(root, version)
        if current is not None and current.number > chosen.number:
            _withdraw(current)
    return find_set(root, version)


def rollback(root: Path) -> tuple[PublishedSet, PublishedSet]:
    """The set that was the latest, now withdrawn, and the one before it, now the latest.

    The same labels are not published again by themselves. Errors: PublishedError when there is no
    whole set before it.
    """
    with held(root):
        current = find_set(root)
        earlier = [
            one for one in published_sets(root) if one.number < current.number and not one.withdrawn
        ]
        if not earlier:
            raise PublishedError(root, f"no set before {current.version}", "Promote another one.")
        before = earlier[-1]
        _require_whole(before)
        point(root, before.version)
        _withdraw(current)
    return current, before


def add_set(root: Path, new: Path, manifest: Mapping[str, Any]) -> PublishedSet:
    """The set made of the folder `new`, which takes the next version and becomes the latest.

    `new` lies on the same file system. The caller holds the folder. Errors: OSError.
    """
    taken = [_number(path.name) for path in root.iterdir() if _VERSION.fullmatch(path.name)]
    version = f"v{max(taken, default=0) + 1}"
    record = {"version": version, **manifest, "files": digest_tree(new)}
    (new / MANIFEST).write_text(json.dumps(record, indent=2) + "\n")
    sync_tree(new)
    os.rename(new, root / version)
    sync_tree(root, deep=False)
    point(root, version)
    return _read(root / version)


def point(root: Path, version: str) -> None:
    """Returns when `latest` points to this version; a reader finds the old one or this one."""
    beside = root / f".{LATEST}.{secrets.token_hex(4)}"
    os.symlink(version, beside)
    os.replace(beside, root / LATEST)
    sync_tree(root, deep=False)


@contextlib.contextmanager
def held(root: Path) -> Iterator[None]:
    """Held while no other process changes the published sets; waits for it."""
    root.mkdir(parents=True, exist_ok=True)
    handle = os.open(root / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def now() -> str:
    """The time, as manifests say it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _withdraw(one: PublishedSet) -> None:
    (one.folder / WITHDRAWN).write_text(json.dumps({"withdrawn": now()}) + "\n")


def _require_whole(chosen: PublishedSet) -> None:
    if chosen.damaged:
        raise PublishedError(
            chosen.folder, f"{', '.join(chosen.damaged)} not as published",
            "Choose another set, or publish this one anew.",
        )  # fmt: skip


def _number(name: str) -> int:
    found = _VERSION.fullmatch(name)
    return int(found[1]) if found else 0


def _read(folder: Path) -> PublishedSet:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text())
        if not isinstance(manifest["files"], dict) or not isinstance(manifest["gate"], list):
            raise TypeError("files, gate")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PublishedError(
            folder, f"no manifest ({type(error).__name__})", "Remove the folder by hand."
        ) from error
    return PublishedSet(folder, manifest, (folder / WITHDRAWN).exists())
