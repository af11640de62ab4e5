"""What people have judged: one gold or several, sheets and exports, and how they agree."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from flows.golds import Golds, read_golds, read_sample
from flows.label_sets import LabelSet
from flows.sample import write_sheet
from mining.sampling.agreement import (
    Agreement,
    Dispute,
    agreements,
    check_annotators,
    consensus,
    disputed_reports,
    disputes,
    undisputed,
)
from mining.sampling.filled import check_ids, read_sheet
from mining.sampling.sheet import UNSURE, VOTES, SheetRow, header_of


@dataclass(frozen=True)
class Judged:
    """The gold that an audit takes, the sample it was drawn by, and how its annotators agree.

    `agreements` and `disputes` are empty where there is one annotator.
    """

    gold: pa.Table
    sample: pa.Table | None = None
    agreements: tuple[Agreement, ...] = ()
    disputes: tuple[Dispute, ...] = ()

    @property
    def summary(self) -> str:
        """What is disputed, in a sentence."""
        rows = {row["report_id"]: row for row in self.gold.to_pylist()}
        even = sum(rows[one.report_id][one.finding] is None for one in self.disputes)
        reports = len({one.report_id for one in self.disputes})
        return (
            f"Disputed: {len(self.disputes):,} answers in {reports:,} reports; "
            f"{even:,} of them even and not scored."
        )


def load_judged(golds: Golds, *, findings: Sequence[str], key: str | None = None) -> Judged:
    """What one or several annotators have judged, as one gold: the majority, or the adjudicated.

    Where there is a sample, ids are checked with it. Errors: GoldError, those of `read_golds`.
    """
    sample = read_sample(golds.sample) if golds.sample else None
    drawn = dict.fromkeys(sample["report_id"].to_pylist() if sample is not None else ())
    tables: list[pa.Table] = []
    for name in golds.names:
        read = read_golds(name, findings, key)
        for table in read if drawn else ():
            check_ids(Path(name), table, drawn)
        tables += read
    settled = read_sheet(golds.adjudicated, findings=findings) if golds.adjudicated else None
    gold = consensus(tables, findings, adjudicated=settled)
    if len(tables) < 2:
        return Judged(gold, sample)
    check_annotators(tables, Path(golds.names[-1]))
    found = tuple(agreements(tables, findings)), tuple(disputes(tables, findings))
    return Judged(gold, sample, *found)


def write_disputes(path: Path, judged: Judged, labels: LabelSet, findings: Sequence[str]) -> int:
    """How many reports are on the sheet of disputes, now at `path`; only you can read it.

    What annotators agree on is filled in already; what they differ on is a question mark, with who
    said what beside it. Errors: NotFound when the label set has no reports beside it.
    """
    by_report = disputed_reports(judged.disputes)
    texts = labels.texts(list(by_report))
    answers = dict(undisputed(judged.gold, findings))
    rows = []
    for number, (report, own) in enumerate(by_report.items(), start=1):
        open_ = {dispute.finding for dispute in own}
        cells = {**answers.get(report, {}), **dict.fromkeys(open_, UNSURE)}
        cells[VOTES] = ". ".join(dispute.words for dispute in own)
        rows.append(SheetRow(number, report, texts.get(report, ""), cells, open_))
    write_sheet(path, rows, header_of(findings, votes=True))
    return len(rows)
