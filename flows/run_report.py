"""The report of a run: its rows, rejects, times and shares, and what moved since an earlier one.

It holds counts only, no word of a report.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_contracts import (
    MENTIONS,
    REJECTS,
    Verdict,
    findings_in,
    iter_tables,
    labels_contract,
    part_paths,
)
from flows.output import read_run
from flows.tables import find_labels, find_run
from mining.drift import DriftLimits, Moved, Rate, label_rates, moves
from mining.stages import FILTERED_BY

_COUNTS = ("rows_in", "rows_out", "rejects", "superseded", "duplicates", "filtered")


@dataclass(frozen=True)
class RunReport:
    """A run in figures; `moved` is empty where there is no earlier run to compare it with.

    `folder` is an address where the run was asked for one.
    """

    folder: Path | str
    record: dict[str, Any]
    rejects: dict[str, int]
    rates: dict[str, Rate]
    before: Path | None = None
    moved: tuple[Moved, ...] = ()

    @property
    def filtered(self) -> dict[str, int]:
        """Reports that are left out on purpose, by reason."""
        return filtered_by(self.record)

    @property
    def alarms(self) -> tuple[Moved, ...]:
        """What moved by more than it may."""
        return tuple(move for move in self.moved if move.alarm)

    def to_json(self) -> dict[str, Any]:
        """The same as JSON has it."""
        return {
            "run": str(self.folder),
            "before": None if self.before is None else str(self.before),
            "status": self.record["status"],
            "problems": self.record["problems"],
            "started": self.record["started"],
            "seconds": self.record["seconds"],
            "stages": {
                name: {key: stage[key] for key in (*_COUNTS, "seconds", "cached")}
                for name, stage in self.record["stages"].items()
            },
            "rejects": self.rejects,
            "filtered": self.filtered,
            "watermark": self.record["input"].get("watermark"),
            "rates": {what: {**asdict(r), "share": r.share} for what, r in self.rates.items()},
            "drift": [
                {"what": m.what, "before": m.before.share, "after": m.after.share,
                 "change": m.change, "limit": m.limit, "alarm": m.alarm}
                for m in self.moved
            ],
        }  # fmt: skip


def make_report(
    run: Path,
    before: Path | None = None,
    limits: DriftLimits | None = None,
    old: Mapping[str, Rate] | None = None,
) -> RunReport:
    """The report of the run in this folder, beside the run in `before` where one is given.

    `old` are the shares of a run that this one has replaced, for which there is no folder any more.
    Errors: NotFound; ContractError for a table that is damaged.
    """
    folder = find_run(run)
    record, rates = read_run(folder), read_rates(folder)
    if before is not None:
        before = find_run(before)
        old = read_rates(before)
    moved = () if old is None else tuple(moves(old, rates, limits or DriftLimits()))
    return RunReport(folder, record, _rejects(folder), rates, before, moved)


def read_rates(folder: Path) -> dict[str, Rate]:
    """The shares of the run in this folder. Errors: ContractError."""
    labels = find_labels(folder)
    findings = findings_in(pq.read_schema(part_paths(labels)[0]))
    rates = label_rates(iter_tables(labels, labels_contract(findings)), findings)
    stages = read_run(folder)["stages"]
    unparsed = mentions = 0
    for table in iter_tables(folder / "mentions.parquet", MENTIONS, columns=["verdict"]):
        mentions += table.num_rows
        unparsed += pc.sum(pc.equal(table.column("verdict"), Verdict.UNPARSED)).as_py() or 0
    ingest, parse = stages["ingest"], stages["parse"]["details"]
    judged, known = parse.get("judged"), parse.get("known")
    overall = {
        "mention_rate": rates.pop("mention_rate"),
        "unparsed_rate": Rate(unparsed, mentions),
        "reject_rate": Rate(ingest["rejects"], ingest["rows_in"]),
    }
    if judged is not None and known is not None:
        overall["new_sentence_rate"] = Rate(judged, judged + known)
    return {**overall, **rates}


def filtered_by(record: Mapping[str, Any]) -> dict[str, int]:
    """How many reports a run left out on purpose, by reason, the commonest first."""
    details = record["stages"]["ingest"].get("details", {})
    found = {
        name.removeprefix(FILTERED_BY): count
        for name, count in details.items()
        if name.startswith(FILTERED_BY)
    }
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _rejects(folder: Path) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for table in iter_tables(folder / "rejects.parquet", REJECTS, columns=["stage", "reason"]):
        groups = table.group_by(["stage", "reason"]).aggregate([([], "count_all")])
        for row in groups.to_pylist():
            counts[f"{row['stage']}: {row['reason']}"] += row["count_all"]
    return dict(counts.most_common())


def markdown(report: RunReport) -> str:
    """The report as Markdown: alarms first, then stages, rejects, shares."""
    record = report.record
    lines = [
        f"# Run of {record['started'].replace('T', ' ').replace('+00:00', ' UTC')}",
        "",
        f"{record['status']}, {record['seconds']:,.1f} s, {record['input']['source']}",
        "",
    ]
    if told := record["input"].get("watermark"):
        lines += [watermark_line(told), ""]
    lines += [f"- **problem**: {problem}" for problem in record["problems"]]
    lines += [f"- **alarm**: {alarm_line(move)}" for move in report.alarms]
    if report.moved and not report.alarms:
        lines.append("- nothing moved by more than it may since the run before")
    stages = record["stages"].values()
    told = [n for n in _COUNTS if n in _COUNTS[:3] or any(stage[n] for stage in stages)]
    head = ["stage", *(name.replace("_", " ") for name in told), "seconds", "cached"]
    rows = [
        [name, *(f"{stage[key]:,}" for key in told), f"{stage['seconds']:,.1f}",
         "yes" if stage["cached"] else "no"]
        for name, stage in record["stages"].items()
    ]  # fmt: skip
    lines += ["", "## Stages", "", *_table(head, rows), "", "## Rejects", ""]
    lines += [f"- {count:,} × {why}" for why, count in report.rejects.items()] or ["- none"]
    if report.filtered:
        lines += ["", "## Filtered", ""]
        lines += [f"- {count:,} × {why}" for why, count in report.filtered.items()]
    lines += ["", "## Shares", ""]
    old = {move.what: move for move in report.moved}
    rows = [
        [what.replace("_", " "), f"{rate.count:,} of {rate.of:,}", _share(rate.share),
         *_beside(old.get(what), bool(report.moved))]
        for what, rate in report.rates.items()
    ]  # fmt: skip
    more = ["before", "change"] if report.moved else []
    lines += _table(["what", "count", "share", *more], rows)
    return "\n".join(lines) + "\n"


def watermark_line(told: Mapping[str, Any]) -> str:
    """One line that says what a run has read by the watermark of its source."""
    return (
        f"read by {told['column']} from {told['since']} up to {told['upto']}: "
        f"{told['new_rows']:,} new rows, {told['read_again']:,} known already; "
        f"{told['rows']:,} rows of {told['batches']:,} nights in all"
    )


def alarm_line(move: Moved) -> str:
    """One line that says what moved, from where to where, and what was allowed."""
    return (
        f"{move.what.replace('_', ' ')} moved from {_share(move.before.share)} to "
        f"{_share(move.after.share)}, more than {move.limit:.1%} and than chance"
    )


def _beside(move: Moved | None, wanted: bool) -> list[str]:
    if not wanted:
        return []
    if move is None or move.change is None:
        return ["", ""]
    return [_share(move.before.share), f"{move.change:+.2%}"]


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.2%}"


def _table(header: list[str], rows: list[list[str]]) -> list[str]:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]
