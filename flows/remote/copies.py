"""Local copies of what lies at addresses, kept in the artifact store: each file is fetched once.

A copy is an artifact of the files as they were listed: whole or absent, checked by its checksums,
and never changed, so that nothing is written to under a run that reads it. What has the mark of the
last time is linked from the last copy; the rest is fetched in parts, which a run that was killed
leaves to the next one. When a copy is whole the earlier ones of its address are removed, but for
those that a running process may use.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.cache_prune import remove_unused
from flows.remote.address import Place, RemoteError, reaching, without_user
from flows.remote.listing import Listing, RemoteFile, list_files
from flows.store import Artifact, Store, artifact_key

COPY, PART = "copies", "fetched"  # stages of the artifact store
_DATA = "data"  # the folder of an artifact that holds the files under their own names
_FILES, _BYTES = 256, 256_000_000  # most in a part, but for a file that is larger itself
_ATTEMPTS = 3


@dataclass(frozen=True)
class Copy:
    """A local copy: where its file or folder lies, and the sha256 of its files by their names."""

    path: Path
    files: dict[str, str]


def fetch(place: Place, store: Store) -> Copy:
    """The local copy of what is at a place now; only what has changed is fetched.

    Errors: RemoteError when nothing is there, it cannot be reached, or is written to meanwhile.
    """
    for _ in range(_ATTEMPTS):
        listing = list_files(place)
        key = _key(place, listing)
        if found := store.find(COPY, key):
            return _copy(found, listing)
        have = _have(place, store)
        missing = [file for file in listing.files if (file.name, file.mark) not in have]
        for part in _parts(missing):
            artifact = _fetch_part(place, store, part)
            have.update(_files_of(artifact))
        if missing and _changed(listing, list_files(place)):
            continue  # what was fetched before its change is told by its mark
        copy = _put(place, store, key, listing, have)
        _retire(place, store, copy)
        return _copy(copy, listing)
    raise RemoteError(
        place.shown, "files change while they are read", "Run again when nobody writes there."
    )


def copies(store: Store) -> Iterator[Path]:
    """The folders of all copies in the store, and of parts that were fetched for one."""
    return (folder for stage, folder in store.artifacts() if stage in (COPY, PART))


def _where(place: Place) -> str:
    """What stands for the address in manifests; its query may be a token."""
    return hashlib.sha256(without_user(place.address).encode()).hexdigest()


def _at(place: Place) -> str:
    """What stands for the path, which of a page of the web is the whole address."""
    return hashlib.sha256(place.path.encode()).hexdigest()


def _key(place: Place, listing: Listing) -> str:
    files = [[file.name, file.mark, file.size] for file in listing.files]
    own = hashlib.sha256(json.dumps([place.path, listing.name, listing.folder, files]).encode())
    # What has no mark may be another each time: fetched anew, and a copy of its own.
    again = "" if listing.marked else secrets.token_hex(8)
    return artifact_key(COPY, {"files": own.hexdigest() + again}, {"address": _where(place)})


def _changed(before: Listing, after: Listing) -> bool:
    told = [[(file.name, file.mark, file.size) for file in one.files] for one in (before, after)]
    return told[0] != told[1]


def _have(place: Place, store: Store) -> dict[tuple[str, str], Path]:
    """What was fetched from this path before and is whole: (name, mark) → file."""
    have: dict[tuple[str, str], Path] = {}
    for folder in sorted(_own_folders(place, store), key=_age):
        artifact = store.find(folder.parent.name, folder.name)
        # Not of another set at the same address: marks may be no more than a second and a size.
        if artifact is not None and artifact.details["at"] == _at(place):
            have.update({key: path for key, path in _files_of(artifact).items() if key[1]})
    return have


def _own_folders(place: Place, store: Store) -> list[Path]:
    where = _where(place)
    told = ((folder, store.made_from(folder)) for folder in copies(store))
    return [folder for folder, made in told if made.get("fingerprint", {}).get("address") == where]


def _age(folder: Path) -> float:
    return folder.stat().st_mtime


def _files_of(artifact: Artifact) -> dict[tuple[str, str], Path]:
    root = artifact.folder / _DATA / artifact.details["below"]
    return {(name, mark): root / name for name, mark in artifact.details["marks"].items()}


def _parts(files: Sequence[RemoteFile]) -> Iterator[list[RemoteFile]]:
    part: list[RemoteFile] = []
    size = 0
    for file in files:
        if part and (len(part) == _FILES or size + (file.size or 0) > _BYTES):
            yield part
            part, size = [], 0
        part.append(file)
        size += file.size or 0
    if part:
        yield part


def _fetch_part(place: Place, store: Store, part: Sequence[RemoteFile]) -> Artifact:
    def write(folder: Path) -> dict[str, Any]:
        targets = [folder / _DATA / file.name for file in part]
        for target in targets:
            target.parent.mkdir(parents=True, exist_ok=True)
        with reaching(place.address):
            place.fs.get([file.path for file in part], [str(target) for target in targets])
        for file, target in zip(part, targets, strict=True):
            _check_length(place, file, target)
            target.chmod(0o600)
        return _details(place, "", part)

    told = json.dumps([[file.name, file.mark] for file in part])
    own = {"files": hashlib.sha256(told.encode()).hexdigest()}
    address = {"address": _where(place)}
    made_from = {"inputs": own, "fingerprint": address}
    return store.put(PART, artifact_key(PART, own, address), write, made_from)


def _details(place: Place, below: str, files: Sequence[RemoteFile]) -> dict[str, Any]:
    return {"at": _at(place), "below": below, "marks": {file.name: file.mark for file in files}}


def _check_length(place: Place, file: RemoteFile, target: Path) -> None:
    length = target.stat().st_size if target.is_file() else None
    if length is None or file.size not in (None, length):
        raise RemoteError(
            place.shown, f"{file.name!a} came with {length} bytes, expected {file.size}",
            "Run again; its server may pack files on the way.",
        )  # fmt: skip


def _put(
    place: Place,
    store: Store,
    key: str,
    listing: Listing,
    have: dict[tuple[str, str], Path],
) -> Artifact:
    below = listing.name if listing.folder else ""

    def write(folder: Path) -> dict[str, Any]:
        root = folder / _DATA / below
        root.mkdir(parents=True)
        for file in listing.files:
            (root / file.name).parent.mkdir(parents=True, exist_ok=True)
            os.link(have[file.name, file.mark], root / file.name)
        return _details(place, below, listing.files)

    made_from = {"inputs": {"files": key}, "fingerprint": {"address": _where(place)}}
    return store.put(COPY, key, write, made_from)


def _retire(place: Place, store: Store, copy: Artifact) -> None:
    """Removes what the copy has replaced, and the parts that it was made of."""
    remove_unused(store, [one for one in _own_folders(place, store) if one != copy.folder])


def _copy(artifact: Artifact, listing: Listing) -> Copy:
    root = artifact.folder / _DATA / artifact.details["below"]
    below = root.relative_to(artifact.folder).as_posix()
    files = {name.removeprefix(f"{below}/"): sha for name, sha in artifact.files.items()}
    return Copy(root if listing.folder else root / listing.name, files)
