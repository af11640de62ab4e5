"""What is stored: artifacts by stage, layers of the sentence store, and how old they are."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from flows.store import MANIFEST, Store

ABOUT = "about.json"
PARSES, JUDGEMENTS = "parses", "judgements"
INPUT = "input "  # begins the names of parts that are tables read


@dataclass(frozen=True)
class Stored:
    """One thing in the cache that is kept or goes as a whole: an artifact, or a layer.

    `parts` is what its name is a hash of, where it says so; `used` and `made` are seconds since
    1970.
    """

    kind: str  # a stage, or "parses" or "judgements" of sentences
    folder: Path
    parts: Mapping[str, str]
    made: float
    used: float
    size: int

    @property
    def key(self) -> str:
        """Its name: a hash."""
        return self.folder.name

    @cached_property
    def sentences(self) -> int:
        """How many rows its files hold; of parses, one row is one sentence."""
        return sum(_rows(path) for path in self.folder.rglob("*.parquet"))


def stored(store: Store) -> Iterator[Stored]:
    """Everything that `prune` may remove, artifacts first."""
    for stage, folder in store.artifacts():
        parts = store.made_from(folder)
        yield _stored(
            stage,
            folder,
            folder / MANIFEST,
            {f"{INPUT}{name}": sha for name, sha in parts.get("inputs", {}).items()}
            | parts.get("fingerprint", {}),
        )
    for kind in (PARSES, JUDGEMENTS):
        for folder in sorted((store.root / "sentences" / kind).glob("*/")):
            yield _stored(kind, folder, folder / ABOUT, _about(folder / ABOUT))


def other_folders(root: Path) -> dict[str, int]:
    """Bytes in the folders of the cache that `prune` leaves alone, by name."""
    known = {"artifacts", "sentences", "runs", "tmp"}
    folders = (path for path in sorted(root.glob("*/")) if path.name not in known)
    return {path.name: size_of(path) for path in folders}


def size_of(folder: Path) -> int:
    """The bytes in all files below the folder; of a file with several names, its share.

    Files that vanish meanwhile do not count.
    """
    total = 0
    for path in folder.rglob("*"):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        total += 0 if path.is_dir() else status.st_size // status.st_nlink
    return total


def _stored(kind: str, folder: Path, mark: Path, parts: Mapping[str, str]) -> Stored:
    try:
        used = mark.stat().st_mtime
    except FileNotFoundError:  # damaged: the oldest of all
        used = 0.0
    files = [path.stat().st_mtime for path in folder.rglob("*.parquet") if path.is_file()]
    return Stored(kind, folder, parts, max(files, default=used), used, size_of(folder))


def _about(path: Path) -> dict[str, str]:
    try:
        return dict(json.loads(path.read_bytes()))
    except (OSError, ValueError):
        return {}


def _rows(path: Path) -> int:
    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, pa.ArrowException):
        return 0
