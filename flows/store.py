"""The artifact store: folders of tables addressed by what they were made from.

An artifact is a folder `artifacts/STAGE/KEY/` that holds the stage's tables and a `manifest.json`
with their checksums. It is written under a temporary name, synced and renamed, so it is whole or
absent; what a killed run left behind is swept by the next one. A folder whose files are gone or
whose checksums differ is a miss, never an answer.
"""

import errno
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.cache_use import announce, mark, touch
from flows.files import digest_tree, sync_tree, table_hash
from flows.work import sweep, work_folder

MANIFEST = "manifest.json"
_FORMAT = 1


@dataclass(frozen=True)
class Artifact:
    """One committed stage result: where it lies and what it holds. Small; passed between tasks."""

    stage: str
    key: str
    folder: Path
    files: Mapping[str, str]  # path inside the folder -> sha256
    details: Mapping[str, Any]  # what the stage reported
    seconds: float  # it took to make
    cached: bool = False

    def table(self, name: str) -> Path:
        """The path of table `name`: a Parquet file, or a folder of part files."""
        return self.folder / f"{name}.parquet"

    def parts(self, name: str) -> list[tuple[Path, str]]:
        """The files of table `name` in order, each with its sha256."""
        own = [(path, sha) for path, sha in sorted(self.files.items()) if _holds(path, name)]
        return [(self.folder / path, sha) for path, sha in own]

    def content_hash(self, name: str) -> str:
        """A hash of the bytes of table `name`."""
        return table_hash(self.files, name)


def _holds(path: str, table: str) -> bool:
    """Whether the file at this path in an artifact is the table or a part of it."""
    return path.split("/")[0] == f"{table}.parquet"


def artifact_key(stage: str, inputs: Mapping[str, str], fingerprint: Mapping[str, str]) -> str:
    """The address of a stage's result: a hash over its name, its inputs' content and its rules.

    `inputs` maps each input's name to the hash of its content, `fingerprint` what else the result
    depends on (settings, rule files, parser, stage version) to theirs.

    >>> key = artifact_key("mine", {"a": "1", "b": "2"}, {})
    >>> key == artifact_key("mine", {"b": "2", "a": "1"}, {})
    True
    >>> key == artifact_key("mine", {"a": "1"}, {"b": "2"})
    False
    """
    parts = {"stage": stage, "inputs": dict(inputs), "fingerprint": dict(fingerprint)}
    return hashlib.sha256(_canonical(parts)).hexdigest()


class Store:
    """Artifacts under one root folder. Several processes may use it at the same time."""

    def __init__(self, root: Path, *, to_look: bool = False) -> None:
        """`to_look`: nothing will be used or made, so that this process keeps nobody waiting."""
        self.root = root
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not to_look:
            announce(root)
        self._artifacts = _private(root / "artifacts")
        self._temporary = _private(root / "tmp")
        sweep(self._temporary)

    def find(self, stage: str, key: str) -> Artifact | None:
        """The artifact, or None when it is absent, incomplete or not what its manifest says."""
        folder = self._folder(stage, key)
        if not touch(self.root, folder / MANIFEST):
            return None
        return self.look(stage, key)

    def look(self, stage: str, key: str) -> Artifact | None:
        """The same, without marking it as used."""
        folder = self._folder(stage, key)
        try:
            wrapped = json.loads((folder / MANIFEST).read_bytes())
            body = wrapped["body"]
            whole = (
                wrapped["sha256"] == hashlib.sha256(_canonical(body)).hexdigest()
                and (body["format"], body["stage"], body["key"]) == (_FORMAT, stage, key)
                and digest_tree(folder, leave_out=MANIFEST) == body["files"]
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None  # unreadable is a miss as well; the next put replaces it
        if not whole:
            return None
        return Artifact(stage, key, folder, body["files"], body["details"], body["seconds"], True)

    def put(
        self,
        stage: str,
        key: str,
        write: Callable[[Path], Mapping[str, Any]],
        made_from: Mapping[str, Mapping[str, str]] | None = None,
    ) -> Artifact:
        """The artifact that `write` has made in the empty folder it is given.

        `write` returns the details to keep in the manifest, `made_from` is what its key is a hash
        of, for `cache explain`. When `write` raises, nothing is stored. An artifact that is already
        there under this key is replaced, unless its files are the same.
        """
        with work_folder(self._temporary, stage) as work:
            folder = work / key
            folder.mkdir()
            started = time.perf_counter()
            details = dict(write(folder))
            seconds = round(time.perf_counter() - started, 3)
            files = digest_tree(folder, leave_out=MANIFEST)
            body = {
                "format": _FORMAT, "stage": stage, "key": key, "files": files,
                "details": details, "seconds": seconds,
                "made_from": {name: dict(parts) for name, parts in (made_from or {}).items()},
            }  # fmt: skip
            wrapped = {"sha256": hashlib.sha256(_canonical(body)).hexdigest(), "body": body}
            (folder / MANIFEST).write_text(json.dumps(wrapped, indent=1, sort_keys=True))
            mark(self.root, folder / MANIFEST)
            sync_tree(folder)
            target = self._folder(stage, key)
            self._commit(folder, target, files)
        return Artifact(stage, key, target, files, details, seconds)

    def made_from(self, folder: Path) -> dict[str, dict[str, str]]:
        """What the key of the artifact in `folder` is a hash of; empty when it does not say."""
        try:
            body = json.loads((folder / MANIFEST).read_bytes())["body"]
            return dict(body.get("made_from", {}))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}

    def artifacts(self) -> Iterator[tuple[str, Path]]:
        """Stage and folder of everything stored, whole or not."""
        for stage in sorted(self._artifacts.iterdir()):
            for folder in sorted(stage.iterdir()):
                yield stage.name, folder

    def _folder(self, stage: str, key: str) -> Path:
        return self._artifacts / stage / key

    def _commit(self, folder: Path, target: Path, files: Mapping[str, str]) -> None:
        target.parent.mkdir(mode=0o700, exist_ok=True)
        # Twice: another process may put the same artifact between our look and our rename.
        for attempt in range(2):
            there = self.look(target.parent.name, target.name)
            if there is not None and dict(there.files) == dict(files):
                return  # somebody may be reading it: leave it where it is
            if target.exists():
                os.rename(target, folder.with_name(f"old{attempt}"))
            try:
                os.rename(folder, target)
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise
                continue
            sync_tree(target.parent, deep=False)
            return
        raise OSError(f"{target}: another process keeps writing this artifact; run again")


def _private(folder: Path) -> Path:
    """The folder, readable by its owner only: the tables in it hold patients' text."""
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    return folder


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
