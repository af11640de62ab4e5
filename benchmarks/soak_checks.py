"""What must hold after a night: of the folder of a run, of the published sets, of what is left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_contracts import MENTIONS, REJECTS, REPORTS, ContractError, read_table
from flows.files import digest_tree
from flows.output import RUN_FILE, read_run
from flows.published import PublishedError, latest_set, published_sets
from flows.tables import read_labels


@dataclass(frozen=True)
class Left:
    """What a reader finds: the run's files and reports, and the latest published set."""

    files: tuple[tuple[str, str], ...] = ()
    reports: int = 0
    version: int = 0
    labels: str = ""  # checksum of the published labels


def find(out: Path, published: Path) -> Left:
    """What is there now. Errors: PublishedError."""
    if not out.is_dir():
        return Left()
    files = digest_tree(out)
    rows = pq.read_metadata(out / "labels.parquet").num_rows
    latest = latest_set(published)
    if latest is None:
        return Left(tuple(files.items()), rows)
    labels = latest.manifest["files"]["labels.parquet"]
    return Left(tuple(files.items()), rows, latest.number, labels)


def broken_run(out: Path) -> Iterator[str]:
    """What is wrong with the folder of a run: its checksums, contracts, and keys."""
    if not out.is_dir():
        return
    if digest_tree(out, leave_out=RUN_FILE) != read_run(out)["files"]:
        yield "the run's files are not those that run.json names"
    try:
        labels = read_labels(out / "labels.parquet")
        reports = read_table(out / "reports.parquet", REPORTS)
        mentions = read_table(out / "mentions.parquet", MENTIONS)
        read_table(out / "rejects.parquet", REJECTS)
    except ContractError as error:
        yield str(error)
        return
    ids = reports["report_id"]
    if labels["report_id"].to_pylist() != ids.to_pylist():
        yield f"{labels.num_rows} labels and {reports.num_rows} reports do not match"
    if not pc.all(pc.is_in(mentions["report_id"], value_set=ids)).as_py():
        yield "mentions of reports that are not there"


def broken_sets(published: Path, *, every: bool = False) -> Iterator[str]:
    """What is wrong with the latest published set, or with every one."""
    try:
        latest = latest_set(published)
        sets = published_sets(published) if every else [latest] if latest else []
    except PublishedError as error:
        yield str(error)
        return
    for one in sets:
        if one.damaged:
            yield f"{one.version}: {', '.join(one.damaged)} not as published"


def left_over(work: Path, published: Path) -> list[str]:
    """Folders of work that nobody has taken away."""
    known = {"cache", "labels", "published", "night.log", "night.toml", "reports.jsonl"}
    beside = [path.name for path in work.iterdir() if path.name not in known]
    inside = [path.name for path in published.glob(".publishing*")]
    return sorted([*beside, *inside])


def wrong_step(before: Left, now: Left, reports: int, ended: bool, refused: bool) -> Iterator[str]:
    """What is wrong with the way from one night to the next.

    `reports` is what the night was given. A killed night leaves what was there, or all that it was
    to make; one that ended leaves the latter. A refused one leaves the published sets alone.
    """
    own = dict(now.files).get("labels.parquet", "")
    if now.files != before.files and now.reports != reports:
        yield f"{now.reports} reports, neither the earlier {before.reports} nor {reports}"
    if ended and now.reports != reports:
        yield f"{now.reports} labels of {reports} reports"
    if now.version < before.version:
        yield f"the latest set went back from v{before.version} to v{now.version}"
    if (now.version, now.labels) != (before.version, before.labels):
        if refused:
            yield f"v{now.version} was published though the gate refused"
        if now.labels != own:
            yield f"v{now.version} holds other labels than the run"
    elif ended and not refused and now.labels != own:
        yield "the night's labels were not published"
