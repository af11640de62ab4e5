"""What lies at an address: the files, each with a mark that is another when its content is."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flows.remote.address import Place, RemoteError, reaching

# What file systems say of a file that is another after it was written to. fsspec has no one name.
_MARKS = (
    "ETag", "etag", "e_tag", "md5", "md5Hash", "md5_hash", "Content-MD5", "content_md5", "Digest",
    "crc32c", "CRC", "checksum", "generation", "VersionId", "version_id", "LastModified",
    "Last-Modified", "last_modified", "last_commit", "mtime", "modified", "modifiedTime", "updated",
    "timeModified", "date_time", "created", "ino", "sha",
)  # fmt: skip
_LONGEST = 255  # bytes of a name on nearly every local file system


@dataclass(frozen=True)
class RemoteFile:
    """A file at an address: its name below it, its path there, its mark, its size where told.

    Without a mark ("") nobody can tell whether it is the file of the last time.
    """

    name: str
    path: str
    mark: str
    size: int | None


@dataclass(frozen=True)
class Listing:
    """The files at an address; `folder` where it is not the name of one file. `name` is its own."""

    name: str
    folder: bool
    files: tuple[RemoteFile, ...]

    @property
    def marked(self) -> bool:
        """Whether every file has a mark."""
        return all(file.mark for file in self.files)


def list_files(place: Place) -> Listing:
    """The files at a place, as they are now, in name order.

    Errors: RemoteError when nothing is there, or for a name that no local file can have.
    """
    path = place.path.rstrip("/")
    with reaching(place.address):
        place.fs.invalidate_cache()
        about = place.fs.info(place.path)
        folder = about["type"] == "directory"
        found = place.fs.find(place.path, detail=True) if folder else {path: about}
    own = _own_name(place)
    files = []
    for full, info in sorted(found.items()):
        if info.get("type", "file") == "file" and not full.endswith("/"):
            name = full.removeprefix(f"{path}/").lstrip("/") if folder else own
            files.append(RemoteFile(name, full, mark_of(info), _size(info)))
    _check_names(place, [file.name for file in files])
    return Listing(own, folder, tuple(files))


def mark_of(info: Mapping[str, Any]) -> str:
    """What a file system says of a file that changes with its content; empty if it says nothing.

    >>> mark_of({"name": "a", "ETag": "x", "size": 1}), mark_of({"name": "a", "size": 1})
    ('[["ETag", "x"], ["size", "1"]]', '')
    """
    marks = [[name, str(info[name])] for name in _MARKS if info.get(name) is not None]
    return json.dumps([*marks, ["size", str(info.get("size"))]]) if marks else ""


def _size(info: Mapping[str, Any]) -> int | None:
    size = info.get("size", info.get("Size"))
    return size if isinstance(size, int) else None


def _own_name(place: Place) -> str:
    """The last name in the address, as a local copy has it.

    Readers tell formats by it, and rows may say it.
    """
    path = place.path
    if "://" in path:  # of http, where the path is the whole address
        parts = urlsplit(path)
        path = parts.path.strip("/") or parts.hostname or ""
    name = path.rstrip("/").rpartition("/")[2]
    return "source" if name in ("", ".", "..") else name


def _check_names(place: Place, names: list[str]) -> None:
    """Errors: RemoteError when these cannot be names of files below one local folder."""
    taken = set(names)
    for name in names:
        parts = name.split("/")
        if "\0" in name or any(_odd(part) for part in parts):
            raise _unusable(place, name, "expected names that a local folder can hold")
        above = ("/".join(parts[:depth]) for depth in range(1, len(parts)))
        if any(folder in taken for folder in above):
            raise _unusable(place, name, "there is a file by the name of one of its folders")


def _odd(part: str) -> bool:
    return part in ("", ".", "..") or len(part.encode(errors="surrogateescape")) > _LONGEST


def _unusable(place: Place, name: str, why: str) -> RemoteError:
    to_do = "Rename it, or name a folder without it."
    return RemoteError(place.shown, f"a file with the name {name[:80]!a}: {why}", to_do)
