"""The folder a run leaves: its tables, its rejects and run.json, swapped in whole."""

import contextlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts import (
    MENTIONS,
    REJECTS,
    REPORTS,
    TableWriter,
    iter_tables,
    write_without_text,
)
from flows.files import digest_tree, swap_in
from flows.work import sweep, work_folder
from mining.printable import printable, utf8

if TYPE_CHECKING:  # the audit reads runs and needs none of the stages
    from flows.road import Step

RUN_FILE = "run.json"
PUBLISHED = ("reports", "mentions", "labels", "filtered")
TOOL = "cxrmine"
_WITH_TEXT = {"reports": REPORTS, "mentions": MENTIONS}


class OutputRefused(Exception):
    """The folder to write to holds something else: `folder` and what was `found` in it."""

    def __init__(self, folder: Path, found: str) -> None:
        self.folder, self.found = folder, found
        super().__init__(
            f"{folder}: {found}, expected nothing or the result of an earlier cxrmine run. "
            "Name another folder with --out."
        )


def check_target(out: Path) -> Path:
    """The absolute path of `out`, when it may be written: absent, empty or an earlier run's.

    A run may say of its folder that it is not replaceable. Errors: OutputRefused.
    """
    out = out.expanduser().resolve()
    if printable(utf8(name := str(out))) != name:
        raise OutputRefused(out, "a name with control characters or bytes that are not UTF-8")
    if not out.exists():
        return out
    if not out.is_dir():
        raise OutputRefused(out, "a file")
    names = sorted(path.name for path in out.iterdir())
    if names and not _is_run(out / RUN_FILE):
        raise OutputRefused(out, f"a folder with {names[0]!r}" + ", …" * (len(names) > 1))
    if names and not (record := read_run(out)).get("replaceable", True):
        raise OutputRefused(out, f"the result of {record.get('command')}, which took its time")
    return out


@contextlib.contextmanager
def work_beside(out: Path) -> Iterator[Path]:
    """An empty work folder on the same file system as `out`; those of killed runs are removed."""
    out.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{out.name}.{TOOL}"
    sweep(out.parent, prefix)
    with work_folder(out.parent, prefix) as work:
        yield work


def publish(
    steps: Iterable["Step"], out: Path, record: Mapping[str, Any], extra: Iterable[Path] = ()
) -> tuple[str, ...]:
    """The names in `out`, which now holds these steps' tables, copies of `extra` and run.json.

    Everything is written beside `out` and takes its name at the end, so that a reader finds the
    earlier run or this one. Errors: OutputRefused; OSError when the disk is full.
    """
    out = check_target(out)
    with work_beside(out) as work:
        new = work / "new"
        new.mkdir()
        text = record.get("privacy", {}).get("text", True)
        _write(list(steps), new, extra, text=text)
        record = {"tool": TOOL, **record, "files": digest_tree(new)}
        (new / RUN_FILE).write_text(json.dumps(record, indent=2) + "\n")
        names = tuple(sorted(path.name for path in new.iterdir()))
        swap_in(new, out)
    return names


def read_run(folder: Path) -> dict[str, Any]:
    """The run.json of a folder. Errors: OutputRefused when no cxrmine run has written it."""
    if not _is_run(folder / RUN_FILE):
        raise OutputRefused(folder, f"no {RUN_FILE}")
    record: dict[str, Any] = json.loads((folder / RUN_FILE).read_text())
    return record


def _write(steps: list["Step"], new: Path, extra: Iterable[Path], *, text: bool) -> None:
    for step in steps:
        for name in PUBLISHED:
            table = step.table(name)
            if not text and name in _WITH_TEXT and table.exists():
                write_without_text(table, new, _WITH_TEXT[name])
            else:
                _copy(table, new)
    _join_rejects([step.table("rejects") for step in steps], new / "rejects.parquet")
    for path in extra:
        _copy(path, new)


def _copy(path: Path, folder: Path) -> None:
    if path.is_dir():
        shutil.copytree(path, folder / path.name, copy_function=shutil.copyfile)
    elif path.exists():
        shutil.copy(path, folder / path.name)  # with its mode: a private page stays private


def _join_rejects(paths: Iterable[Path], out: Path) -> None:
    """One table of the rejects of all stages that have any."""
    with TableWriter(out, REJECTS) as writer:
        for path in paths:
            if path.exists():
                for table in iter_tables(path, REJECTS):
                    writer.write(table)


def _is_run(path: Path) -> bool:
    try:
        return bool(json.loads(path.read_text())["tool"] == TOOL)
    except (OSError, ValueError, KeyError, TypeError):
        return False
