"""Label sets at an address: one below the other, the newest whole one is the set.

    ADDRESS/sets/v000001-1b2c3d4e/labels.parquet, mentions.parquet, …, run.json
    ADDRESS/sets/v000002-9f8e7d6c/…
    ADDRESS/latest.json             which of them is the newest, for readers other than cxrmine
    ADDRESS/reports/                reports of nights: counts and shares only

Object stores can put one object in one step, and list what was put; they cannot rename folders. So
nothing is ever written over: a set gets a name of its own, and `run.json`, which lists its files,
is put last. A set without it, or without one of its files, is none. Who looks during an upload, or
after one that was killed, finds the set before.
"""

import contextlib
import json
import logging
import re
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.output import RUN_FILE, TOOL
from flows.remote.address import Place, RemoteError, reaching

SETS, LATEST, REPORTS = "sets", "latest.json", "reports"
_NAME = re.compile(r"v(\d{6,})-[0-9a-f]{8}")
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class RemoteSet:
    """A whole set: its place, its name there, and its run.json."""

    place: Place
    name: str
    record: Mapping[str, Any]

    @property
    def at(self) -> Place:
        """Where its files lie."""
        below = self.place.below(f"{SETS}/{self.name}")
        return Place(self.place.fs, below, self.place.address)


def check_place(place: Place) -> None:
    """Returns when label sets may be written there: nothing is, or those of earlier runs.

    Errors: RemoteError; so for a bucket that is not there.
    """
    if _of_web(place):
        raise RemoteError(place.shown, "nothing is written there", "Name a bucket or a folder.")
    names = _names(place, place.path)
    if names is None:
        _check_bucket(place)
    foreign = sorted(set(names or ()) - {SETS, LATEST, REPORTS})
    foreign += [name for name in _set_names(place) if not _NAME.fullmatch(name)]
    if foreign:
        raise RemoteError(
            place.shown,
            f"found {foreign[0][:80]!a}, expected nothing or what cxrmine has written",
            "Name another place with --out.",
        )


def newest_set(place: Place) -> RemoteSet | None:
    """The newest whole set, None where there is none. Errors: RemoteError."""
    return None if _of_web(place) else next(_whole_sets(place), None)


def put_set(place: Place, folder: Path) -> RemoteSet:
    """The set made of the files of a run's folder, the newest from now on.

    The set before it stays, for who is reading it; earlier ones are removed. Errors: RemoteError,
    after which the set before is the newest as it was, unless only the pointer could not be put.
    """
    known = [name for name in _set_names(place) if _NAME.fullmatch(name)]
    number = max((_number(name) for name in known), default=0) + 1
    made = RemoteSet(
        place, f"v{number:06}-{secrets.token_hex(4)}", json.loads((folder / RUN_FILE).read_text())
    )
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    names = [name for name in files if (folder / name).is_file() and name != RUN_FILE]
    try:
        _put(made.at, folder, names)
        _check_there(made.at, folder, names)
        _put(made.at, folder, [RUN_FILE])
    except BaseException:
        with contextlib.suppress(Exception):
            place.fs.rm(made.at.path, recursive=True)
        raise
    _point(place, made)
    _remove_old(place, made, known)
    return made


def put_reports(place: Place, folder: Path) -> None:
    """Puts the files of a folder of reports of runs beside the sets. Errors: RemoteError."""
    there = Place(place.fs, place.below(REPORTS), place.address)
    _put(there, folder, sorted(path.name for path in folder.iterdir()))


def _put(place: Place, folder: Path, names: list[str]) -> None:
    targets = [place.below(name) for name in names]
    with reaching(place.address):
        if not _in_bucket(place):
            for parent in sorted({target.rpartition("/")[0] for target in targets}):
                place.fs.makedirs(parent, exist_ok=True)
        place.fs.put([str(folder / name) for name in names], targets)


def _of_web(place: Place) -> bool:
    """Whether this is a page of the web: its path is its address, and nothing is below it."""
    return "://" in place.path


def _in_bucket(place: Place) -> bool:
    """Whether a path begins with a bucket; those of file systems that have folders with a slash.

    In a bucket no folder is made: asked for one, a library may make the bucket.
    """
    return not place.path.startswith("/")


def _check_there(place: Place, folder: Path, names: list[str]) -> None:
    """Errors: RemoteError unless every file is there in its length."""
    with reaching(place.address):
        place.fs.invalidate_cache()
        found = place.fs.find(place.path, detail=True)
    sizes = {full.rpartition(f"{place.path}/")[2]: info.get("size") for full, info in found.items()}
    for name in names:
        if sizes.get(name) != (folder / name).stat().st_size:
            wrong = f"{name} is there with {sizes.get(name)} bytes after it was written"
            raise RemoteError(place.shown, wrong, "Run again; the set before still stands.")


def _point(place: Place, made: RemoteSet) -> None:
    told = {"tool": TOOL, "set": f"{SETS}/{made.name}", "files": made.record["files"]}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / LATEST).write_text(json.dumps(told, indent=2) + "\n")
        _put(place, Path(folder), [LATEST])


def _remove_old(place: Place, made: RemoteSet, known: list[str]) -> None:
    """Removes the sets before the last but one. Who may not delete keeps them all."""
    earlier = (one for one in _whole_sets(place) if _order(one.name) < _order(made.name))
    before = next(earlier, None)
    if before is None:  # what is not whole may be on its way
        return
    for name in known:
        if _order(name) < _order(before.name):
            try:
                place.fs.rm(place.below(f"{SETS}/{name}"), recursive=True)
            except Exception as error:  # the new set is there: nothing failed that was asked for
                kind = type(error).__name__
                _LOG.warning("%s: earlier set %s not removed (%s)", place.shown, name, kind)


def _whole_sets(place: Place) -> Iterator[RemoteSet]:
    """The whole sets of a place, the newest first; each is looked at when it is asked for."""
    names = [name for name in _set_names(place) if _NAME.fullmatch(name)]
    found = (_read(place, name) for name in sorted(names, key=_order, reverse=True))
    return (one for one in found if one)


def _read(place: Place, name: str) -> RemoteSet | None:
    """The set of this name, if it is whole: run.json is there, and every file that it lists."""
    root = place.below(f"{SETS}/{name}")
    with reaching(place.address):
        there = {full.rpartition(f"{root}/")[2] for full in place.fs.find(root)}
        if RUN_FILE not in there:
            return None
        raw = place.fs.cat_file(f"{root}/{RUN_FILE}")
    try:
        record = json.loads(raw)
        whole = record["tool"] == TOOL and set(record["files"]) <= there
    except (ValueError, KeyError, TypeError):
        return None
    return RemoteSet(place, name, record) if whole else None


def _set_names(place: Place) -> list[str]:
    return sorted(_names(place, place.below(SETS)) or ())


def _names(place: Place, path: str) -> list[str] | None:
    """The names right below a path; None where nothing is."""
    with reaching(place.address):
        place.fs.invalidate_cache()
        try:
            found = place.fs.ls(path, detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return None
    below = [str(one["name"]) for one in found if not _is_itself(path, one)]
    return [name.rstrip("/").rpartition("/")[2] for name in below]


def _is_itself(path: str, listed: Mapping[str, Any]) -> bool:
    """Whether what was listed below a folder is its own mark, as consoles of buckets put it."""
    name = str(listed["name"])
    same = name.strip("/") == path.strip("/")
    return same and (name.endswith("/") or listed["type"] == "directory")


def _check_bucket(place: Place) -> None:
    """Errors: RemoteError when the bucket is not there; else a run would tell of it at its end."""
    if not _in_bucket(place):
        return
    with reaching(place.address), contextlib.suppress(PermissionError):
        # Who may write below a prefix may be kept from the bucket.
        place.fs.ls(place.path.partition("/")[0])


def _number(name: str) -> int:
    found = _NAME.fullmatch(name)
    return int(found[1]) if found else 0


def _order(name: str) -> tuple[int, str]:
    return _number(name), name
