"""Forgetting reports: out of the caches, the sentence store and label sets, and a proof of it.

In the cache an artifact that holds a word of them goes as a whole, since it is addressed by its
content; it is made anew without them. Copies of what lies at addresses all go: not every format can
be searched, and they are fetched again. A label set is written again without their rows, beside the
old one, and takes its place in one step. The source is not ours to change: reports that still stand
in it come back with the next run.
"""

import contextlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_contracts import Contract, TableWriter
from flows.cache_use import CacheInUse, gate, running
from flows.files import digest_file, swap_in, sync_tree, table_hash
from flows.forget_search import (
    Found,
    Target,
    files_below,
    find_in,
    is_readable,
    only_theirs,
    pieces,
)
from flows.output import RUN_FILE, OutputRefused, work_beside
from flows.pages import AUDIT_PAGES
from flows.published import LOCK, held
from flows.reading import JOURNALS
from flows.remote.copies import copies
from flows.store import MANIFEST, Store
from flows.work import work_folder
from mining.ingest.journal import renew_digests

_PREFIX = "cxrmine."
_POLL = 0.2


@dataclass(frozen=True)
class Forgotten:
    """What was forgotten, and what is left: rows by file before and after."""

    target: Target
    before: tuple[Found, ...]
    artifacts: int  # removed whole
    stored_sentences: int  # removed from the sentence store, per layer they stood in
    left: tuple[Found, ...]
    copies: int = 0  # of what lies at addresses, removed whole whatever they hold


def search(cache: Path, folders: Sequence[Path], target: Target) -> tuple[Found, ...]:
    """Every file below the cache and the folders that holds something of the target."""
    files = files_below([cache, *folders])
    return tuple(found for path in files if (found := find_in(path, target)))


def forget(
    cache: Path, folders: Sequence[Path], reports: frozenset[str], *, wait: bool = False
) -> Forgotten:
    """What was forgotten: reports, and every sentence that only they used.

    Errors: CacheInUse when runs use the cache, unless told to `wait` for their end; OutputRefused
    for a folder that holds no label set; OSError.
    """
    for folder in folders:
        _check_place(folder)
    store = Store(cache, to_look=True)
    with _alone(cache, wait=wait):
        fetched = _remove_artifacts(store, list(copies(store)))
        files = list(files_below([cache, *folders]))
        target = Target(reports, only_theirs(files, reports))
        before = tuple(found for path in files if (found := find_in(path, target)))
        holding = {found.path for found in before}
        stored = _clear_sentence_store(cache, target)
        artifacts = _remove_artifacts(store, _holders(store, holding))
        for path in sorted(holding):
            if path.is_relative_to(cache) and path.suffix == ".parquet" and is_readable(path):
                _rewrite(path, path, target)  # what else keeps tables in the cache
        renew_digests(cache / JOURNALS, holding)
        for folder in folders:
            if any(path == folder or path.is_relative_to(folder) for path in holding):
                _renew(folder, target)
        left = search(cache, folders, target)
    return Forgotten(target, before, artifacts, stored, left, fetched)


@contextlib.contextmanager
def _alone(cache: Path, *, wait: bool) -> Iterator[None]:
    """Held while no other process uses the cache; none can begin to."""
    while True:
        with gate(cache, alone=True):
            users = running(cache)
            if not users:
                yield
                return
        if not wait:
            raise CacheInUse(cache, len(users), "Forget")
        time.sleep(_POLL)


def _clear_sentence_store(cache: Path, target: Target) -> int:
    from mining.sentence_store import SentenceStore

    layers = SentenceStore(cache / "sentences").layers()
    return sum(layer.remove(target.sentences) for layer in layers)


def _holders(store: Store, holding: Iterable[Path]) -> list[Path]:
    return [
        folder
        for _, folder in store.artifacts()
        if any(path.is_relative_to(folder) for path in holding)
    ]


def _remove_artifacts(store: Store, folders: Sequence[Path]) -> int:
    with work_folder(store.root / "tmp", "forget") as work:
        for number, folder in enumerate(folders):
            os.rename(folder, work / str(number))  # at once: a half-removed one is no artifact
    for stage in {folder.parent for folder in folders}:
        sync_tree(stage, deep=False)
    return len(folders)


def _check_place(folder: Path) -> None:
    if not folder.exists():
        raise FileNotFoundError(2, "no such file or folder", str(folder))
    if folder.is_file() and folder.suffix != ".parquet":
        raise OutputRefused(folder, "a file that is no Parquet table")


def _renew(place: Path, target: Target) -> None:
    """Writes a table, or all tables of a folder, without the target; in one step.

    A night's page of an audit that names a report goes.
    """
    if place.is_file():
        _rewrite(place, place, target)
        return
    holding = held(place) if (place / LOCK).exists() else contextlib.nullcontext()
    with holding, work_beside(place) as work:
        new = work / "new"
        shutil.copytree(place, new, copy_function=_link, symlinks=True)
        changed = []
        for path in sorted(new.rglob("*.parquet")):
            if is_readable(path) and find_in(path, target):
                _rewrite(path, path, target)
                changed.append(path)
        for page in sorted(new.rglob(AUDIT_PAGES)):  # the next night makes one without them
            if find_in(page, target):
                page.unlink()
        # Manifests last: they hold the checksum of run.json.
        for record in (*sorted(new.rglob(RUN_FILE)), *sorted(new.rglob(MANIFEST))):
            if _renew_record(record, place / record.parent.relative_to(new), changed, target):
                changed.append(record)
        swap_in(new, place)


def _renew_record(record: Path, old: Path, changed: Sequence[Path], target: Target) -> bool:
    """Whether a record tells of files that have changed; it now has their checksums.

    Those of other files stay, and of files that were not as told in the `old` folder already: what
    was damaged is not made good on the way.
    """
    folder = record.parent
    own = {path.relative_to(folder).as_posix() for path in changed if path.is_relative_to(folder)}
    told = json.loads(record.read_text())
    if not isinstance(told, dict) or not own & set(told.get("files") or ()):
        return False
    files = dict(told["files"])
    for name in own & set(files):
        if digest_file(old / name) == files[name]:
            files[name] = digest_file(folder / name)
    told["files"] = files
    told["forgotten_reports"] = told.get("forgotten_reports", 0) + len(target.reports)
    if "tables" in told:
        told["tables"] = {name: table_hash(files, name) for name in told["tables"]}
    record.unlink()  # a link to the old one
    record.write_text(json.dumps(told, indent=2) + "\n")
    return True


def _link(source: str, destination: str) -> None:
    """A second name for a file that stays as it is; a copy where links are not to be had."""
    try:
        os.link(source, destination)
    except OSError:
        shutil.copyfile(source, destination)


def _rewrite(source: Path, path: Path, target: Target) -> None:
    """The table at `path` is that at `source` without the target's rows; same metadata."""
    with pq.ParquetFile(source) as file:
        schema = file.schema_arrow
    told = {key.decode(): value.decode() for key, value in (schema.metadata or {}).items()}
    name, version = (told.get(f"{_PREFIX}{key}") for key in ("contract", "contract_version"))
    if name is None or version is None:
        _rewrite_foreign(source, path, target)
        return
    contract = Contract(name, int(version), schema.remove_metadata(), key=())
    provenance = {k.removeprefix(_PREFIX): v for k, v in told.items() if k.startswith(_PREFIX)}
    with TableWriter(path, contract, provenance) as writer:
        for piece in pieces(source):
            writer.write(piece.filter(pc.invert(target.rows(piece))))


def _rewrite_foreign(source: Path, path: Path, target: Target) -> None:
    waiting = path.with_name(f".{path.name}.tmp")
    try:
        with pq.ParquetWriter(waiting, pq.read_schema(source), compression="zstd") as writer:
            for piece in pieces(source):
                writer.write_table(piece.filter(pc.invert(target.rows(piece))))
        sync_tree(waiting, deep=False)
        os.replace(waiting, path)
    finally:
        waiting.unlink(missing_ok=True)
