"""Publishing a run's label set: through the gate, or not at all."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_contracts import findings_in
from flows.files import digest_tree, table_hash
from flows.label_sets import open_label_set
from flows.output import RUN_FILE, read_run
from flows.published import (
    PublishedError,
    PublishedSet,
    add_set,
    held,
    latest_set,
    now,
    point,
    published_sets,
)
from flows.tables import find_labels, read_labels
from flows.work import sweep, work_folder
from mining.audit import AuditError
from mining.diffing import LabelDiff, diff_labels
from mining.gate import Condition, GateLimits, check_gate

_PARTS = ("labels.parquet", "mentions.parquet", RUN_FILE, "audit.json")
_TABLES = ("labels", "mentions")
_WORK = ".publishing"
_KNOWN = "published.json"


@dataclass(frozen=True)
class Published:
    """What came of publishing: the set that is the latest now, or the conditions that failed."""

    root: Path
    conditions: tuple[Condition, ...]
    made: PublishedSet | None

    @property
    def refused(self) -> tuple[str, ...]:
        """One line for each condition that failed."""
        return tuple(str(one) for one in self.conditions if not one.passed)

    @property
    def line(self) -> str:
        """What came of it, in a line."""
        if self.made is None:
            return f"{self.root}: not published, {len(self.refused)} conditions failed"
        return f"{self.made.folder}: published, and the latest"


def publish_run(run: Path, root: Path, limits: GateLimits) -> Published:
    """What came of publishing the label set of a run's folder.

    It is copied first and judged as copied. A set that is published already is not published again.
    Errors: NotFound, OutputRefused, PublishedError when the latest set is damaged; OSError.
    """
    find_labels(run)
    with held(root):
        sweep(root, _WORK)
        with work_folder(root, _WORK) as work:
            new = work / "new"
            new.mkdir()
            for name in _PARTS:
                _copy(run / name, new)
            last = latest_set(root)
            if last is not None and last.damaged:
                raise PublishedError(
                    last.folder, f"{', '.join(last.damaged)} not as published",
                    "What has changed since it cannot be told: promote a whole set.",
                )  # fmt: skip
            conditions = (*_judge(new, last, limits), *_not_withdrawn(root, new))
            if not all(one.passed for one in conditions):
                return Published(root, conditions, None)
            same = _same(root, new)
            if same is not None:
                point(root, same.version)
                return Published(root, conditions, same)
            made = add_set(root, new, _manifest(new, last, conditions))
    return Published(root, conditions, made)


def remember_place(cache: Path, root: Path) -> None:
    """Returns when the cache knows of the folder of published sets: `forget` must reach it."""
    places = {*known_places(cache), root.resolve()}
    beside = cache / f".{_KNOWN}.tmp"
    beside.write_text(json.dumps(sorted(map(str, places))) + "\n")
    beside.replace(cache / _KNOWN)


def known_places(cache: Path) -> list[Path]:
    """The folders that label sets were published to from this cache, and that are there."""
    try:
        names = json.loads((cache / _KNOWN).read_text())
    except (OSError, ValueError):
        return []
    return [Path(name) for name in names if Path(name).is_dir()]


def _judge(new: Path, last: PublishedSet | None, limits: GateLimits) -> list[Condition]:
    record = read_run(new)
    audit = new / "audit.json"
    figures = json.loads(audit.read_text())["findings"] if audit.is_file() else None
    failed = [Condition("the run", "no problem", one, False) for one in record["problems"]]
    try:
        diff = _diff(new, last)
    except AuditError as error:
        failed.append(
            Condition("comparison with the last set", "the same reports", str(error), False)
        )
        diff = None
    return failed + check_gate(limits, figures=figures, stages=record["stages"], diff=diff)


def _diff(new: Path, last: PublishedSet | None) -> LabelDiff | None:
    if last is None:
        return None
    tables = [read_labels(folder / "labels.parquet") for folder in (last.folder, new)]
    return diff_labels(*tables)


def _not_withdrawn(root: Path, new: Path) -> list[Condition]:
    """A failed condition where somebody has rolled back from these very labels."""
    own = _hashes(new)
    return [
        Condition(
            "labels",
            "none that somebody rolled back from",
            f"those of {one.version}; `cxrmine labels promote` takes them back",
            False,
        )
        for one in published_sets(root)
        if one.withdrawn and one.manifest.get("tables") == own
    ]


def _same(root: Path, new: Path) -> PublishedSet | None:
    """The newest set, when it has these labels and mentions and is whole."""
    sets = published_sets(root)
    if sets and sets[-1].manifest.get("tables") == _hashes(new) and not sets[-1].damaged:
        return sets[-1]
    return None


def _hashes(folder: Path) -> dict[str, str]:
    files = digest_tree(folder)
    return {name: table_hash(files, name) for name in _TABLES}


def _manifest(
    new: Path, last: PublishedSet | None, conditions: tuple[Condition, ...]
) -> dict[str, Any]:
    labels = open_label_set(new)
    settings = (labels.run or {}).get("settings", {})
    return {
        "published": now(),
        "before": last.version if last else None,
        "reports": labels.table.num_rows,
        "findings": list(findings_in(labels.table.schema)),
        "profile": settings.get("profile"),
        "tables": _hashes(new),
        "gate": [one.to_json() for one in conditions],
    }


def _copy(source: Path, folder: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, folder / source.name, copy_function=shutil.copyfile)
    elif source.exists():
        shutil.copyfile(source, folder / source.name)
