"""Reports that are left out on purpose: other examinations, other languages, cancellations.

A report's newest version decides, so versions that are left out take part in that decision like
all others. Of those no text is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import FILTERED, REPORTS, Contract, column, schema_of

from .exams import ExamFilter
from .normalise import Normalised
from .rows import RawReject, Reason
from .versions import Fate

EXCLUDED = Contract(
    name="excluded",
    version=1,
    schema=schema_of(
        *(REPORTS.schema.field(name) for name in ("report_id", "version", "status", "received_at")),
        column("text_sha256", pa.string(), "SHA-256 of the text in UTF-8"),
        column("text_length", pa.int64(), "Characters of the text"),
        column("column", pa.string(), "What decided"),
        column("reason", pa.string(), "Why it is left out"),
    ),
    key=(),
)
_MOST_REASONS = 50


@dataclass(frozen=True, slots=True)
class Parted:
    """Versions by whether their examination is wanted; arrivals where they are known."""

    wanted: pa.Table
    arrivals: pa.Array | None
    excluded: pa.Table
    excluded_arrivals: pa.Array | None


def parted(batch: Normalised, exams: ExamFilter) -> Parted:
    """The versions that are wanted, and what is to be known of the others."""
    reports, arrivals = batch.reports, batch.arrivals
    if not exams.asks or not reports.num_rows:
        return Parted(reports, arrivals, EXCLUDED.empty(), arrivals and arrivals.slice(0, 0))
    names, reasons = exams.reasons(reports)
    wanted, out = pc.is_null(reasons), pc.is_valid(reasons)
    left = reports.append_column("column", names).append_column("reason", reasons).filter(out)
    left = left.append_column("text_length", pc.cast(pc.utf8_length(left["text"]), pa.int64()))
    return Parted(
        reports.filter(wanted),
        arrivals and arrivals.filter(wanted),
        left.select(EXCLUDED.columns).cast(EXCLUDED.schema),
        arrivals and arrivals.filter(out),
    )


class Filtered:
    """Collects the rows of the table of filtered reports, and counts them by reason."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    @property
    def by_reason(self) -> dict[str, int]:
        """How many there were; reasons beyond the commonest are counted together."""
        most = dict(self.counts.most_common(_MOST_REASONS))
        rest = self.counts.total() - sum(most.values())
        return {**most, "other": rest + most.get("other", 0)} if rest else most

    def cancelled(self, report_ids: Sequence[str]) -> pa.Table:
        """The rows of these reports, which are withdrawn."""
        return self._rows(report_ids, ["status"] * len(report_ids), ["cancelled"] * len(report_ids))

    def settled(
        self, excluded: pa.Table, fates: Mapping[int, Fate]
    ) -> tuple[pa.Table, list[RawReject]]:
        """The rows of the versions that would be labelled, or withdraw; and the conflicts.

        `fates` are those of the table's rows that are not kept.
        """
        rows = excluded.select(["report_id", "column", "reason"]).to_pylist()
        told = [row for number, row in enumerate(rows) if number not in fates]
        table = self._rows(*([row[name] for row in told] for name in FILTERED.columns))
        gone = [n for n, fate in sorted(fates.items()) if fate is Fate.FILTERED]
        table = pa.concat_tables([table, self.cancelled([rows[n]["report_id"] for n in gone])])
        conflicts = [n for n, fate in sorted(fates.items()) if fate is Fate.CONFLICT]
        lost = excluded.take(pa.array(conflicts, pa.int64())).to_pylist()
        return table, [_conflict(row) for row in lost]

    def _rows(self, ids: Sequence[str], columns: Sequence[str], reasons: Sequence[str]) -> pa.Table:
        self.counts.update(reasons)
        return pa.table([ids, columns, reasons], schema=FILTERED.schema)


def _conflict(row: Mapping[str, object]) -> RawReject:
    length = row["text_length"]
    assert isinstance(length, int)
    return RawReject(
        str(row["report_id"]), "text", Reason.CONFLICT, length, str(row["text_sha256"])
    )
