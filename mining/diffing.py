"""Two label sets of the same reports: which labels flipped, from what to what, by which rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import FLIPS, findings_in
from mining.audit.outcomes import NOT_MENTIONED, STATES, AuditError, check_table

_Codes = npt.NDArray[np.int8]
Reasons = Mapping[tuple[str, str], Sequence[str]]  # (report, finding) -> rules, or sentences


@dataclass(frozen=True)
class FindingFlips:
    """One finding: in how many reports a set mentions it, how often the label flipped, and how.

    `steps` counts the flips by (state before, state after).
    """

    mentioned: int
    flipped: int
    steps: Mapping[tuple[str, str], int]

    @property
    def share(self) -> float | None:
        """The share of the labels that flipped; None where neither set mentions the finding."""
        return self.flipped / self.mentioned if self.mentioned else None


@dataclass(frozen=True)
class LabelDiff:
    """What differs between two label sets. A label counts where either set mentions the finding.

    `flips` has the columns report_id, finding, before and after, findings in the sets' order.
    `only_before` and `only_after` are reports that one set lacks; they are no flips.
    """

    findings: Mapping[str, FindingFlips]
    compared: int
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    findings_only_before: tuple[str, ...]
    findings_only_after: tuple[str, ...]
    flips: pa.Table = field(repr=False)

    @property
    def mentioned(self) -> int:
        """How many labels there are to compare."""
        return sum(found.mentioned for found in self.findings.values())

    @property
    def flipped(self) -> int:
        """How many of them flipped."""
        return sum(found.flipped for found in self.findings.values())

    @property
    def share(self) -> float:
        """The share of the labels that flipped; 0 where neither set mentions anything."""
        return self.flipped / self.mentioned if self.mentioned else 0.0

    @property
    def steps(self) -> Counter[tuple[str, str]]:
        """The flips of all findings by (state before, state after)."""
        total: Counter[tuple[str, str]] = Counter()
        for found in self.findings.values():
            total.update(found.steps)
        return total

    def over(self, *, max_flipped: float | None, max_lost: float | None) -> list[str]:
        """One line for each limit that the difference is over; limits are shares, None is none."""
        problems = []
        if max_flipped is not None and self.share > max_flipped:
            problems.append(
                f"{self.flipped:,} of {self.mentioned:,} labels flipped ({self.share:.2%}), "
                f"more than the {max_flipped:.2%} allowed"
            )
        reports = self.compared + len(self.only_before)
        if max_lost is not None and len(self.only_before) > max_lost * reports:
            problems.append(
                f"{len(self.only_before):,} of {reports:,} reports of the first set are gone, "
                f"more than the {max_lost:.2%} allowed"
            )
        return problems

    def to_json(self) -> dict[str, Any]:
        """The counts as plain data, without ids of reports."""
        return {
            "compared": self.compared,
            "only_before": len(self.only_before),
            "only_after": len(self.only_after),
            "findings_only_before": list(self.findings_only_before),
            "findings_only_after": list(self.findings_only_after),
            "labels": self.mentioned,
            "flipped": self.flipped,
            "share": self.share,
            "findings": {
                name: {
                    "labels": found.mentioned,
                    "flipped": found.flipped,
                    "share": found.share,
                    "steps": [[*step, count] for step, count in found.steps.items()],
                }
                for name, found in self.findings.items()
            },
        }


def diff_labels(before: pa.Table, after: pa.Table) -> LabelDiff:
    """What differs between two label tables, on the reports and findings that both have.

    AuditError when a table lacks a column or holds a report twice, or they share no report.
    """
    names = {side: findings_in(table.schema) for side, table in _sides(before, after)}
    shared = [name for name in names["before"] if name in names["after"]]
    for side, table in _sides(before, after):
        check_table(f"labels {side}", table, shared)
    if not shared:
        raise AuditError("labels", "no finding in both tables", "Mine both with the same findings.")
    old_ids, new_ids = (_ids(table) for _, table in _sides(before, after))
    at = pc.index_in(old_ids, value_set=new_ids)
    both = at.is_valid()
    old, new = before.filter(both), after.take(at.drop_null())
    if not old.num_rows:
        raise AuditError(
            "labels", f"no report in both ({before.num_rows} before, {after.num_rows} after)",
            "Compare two label sets of the same reports.",
        )  # fmt: skip
    ids = np.array(_ids(old).to_pylist(), dtype=object)
    compared = {name: _compare(name, old[name], new[name], ids) for name in shared}
    return LabelDiff(
        findings={name: found for name, (found, _) in compared.items()},
        compared=old.num_rows,
        only_before=_missing(old_ids, new_ids),
        only_after=_missing(new_ids, old_ids),
        findings_only_before=tuple(n for n in names["before"] if n not in shared),
        findings_only_after=tuple(n for n in names["after"] if n not in shared),
        flips=pa.concat_tables([flips for _, flips in compared.values()]),
    )


def with_reasons(
    flips: pa.Table,
    rules: tuple[Reasons, Reasons],
    sentences: tuple[Reasons, Reasons] | None = None,
) -> pa.Table:
    """The flips under the contract FLIPS, with rules and sentences before and after."""
    pairs = list(zip(flips["report_id"].to_pylist(), flips["finding"].to_pylist(), strict=True))
    columns: dict[str, Any] = {name: flips[name] for name in flips.column_names}
    for name, both in (("rules", rules), ("sentences", sentences or ({}, {}))):
        for side, reasons in zip(("before", "after"), both, strict=True):
            columns[f"{name}_{side}"] = [list(reasons.get(pair, ())) for pair in pairs]
    return pa.table(columns, schema=FLIPS.schema)


def steps_by_rule(flips: pa.Table) -> Counter[tuple[str, str]]:
    """The flips by (rules before, rules after), several rules joined by " + "."""
    sides = (_joined(flips[f"rules_{side}"].to_pylist()) for side in ("before", "after"))
    return Counter(zip(*sides, strict=True))


def _joined(lists: Iterable[Sequence[str]]) -> list[str]:
    return [" + ".join(rules) for rules in lists]


def _sides(before: pa.Table, after: pa.Table) -> tuple[tuple[str, pa.Table], ...]:
    return (("before", before), ("after", after))


def _ids(table: pa.Table) -> pa.Array:
    return table["report_id"].combine_chunks().cast(pa.string())


def _missing(ids: pa.Array, others: pa.Array) -> tuple[str, ...]:
    return tuple(ids.filter(pc.invert(pc.is_in(ids, value_set=others))).to_pylist())


def _compare(
    name: str, old: pa.ChunkedArray, new: pa.ChunkedArray, ids: npt.NDArray[np.object_]
) -> tuple[FindingFlips, pa.Table]:
    left, right = _codes(name, old), _codes(name, new)
    silent = STATES.index(NOT_MENTIONED)
    rows = np.flatnonzero(left != right)
    steps = Counter((STATES[a], STATES[b]) for a, b in zip(left[rows], right[rows], strict=True))
    states = np.array(STATES, dtype=object)
    columns = [ids[rows], [name] * len(rows), states[left[rows]], states[right[rows]]]
    flips = pa.table(
        [pa.array(values, pa.string()) for values in columns],
        names=["report_id", "finding", "before", "after"],
    )
    mentioned = int(np.sum((left != silent) | (right != silent)))
    return FindingFlips(mentioned, len(rows), dict(steps.most_common())), flips


def _codes(name: str, states: pa.ChunkedArray) -> _Codes:
    named = pc.fill_null(states.combine_chunks().cast(pa.string()), NOT_MENTIONED)
    codes = pc.index_in(named, value_set=pa.array(STATES))
    if codes.null_count:
        raise AuditError(
            "labels", f"column {name!r}: {codes.null_count} cells hold no known state",
            f"Use {', '.join(STATES[:-1])} or null.",
        )  # fmt: skip
    return np.asarray(codes.to_numpy(zero_copy_only=False), dtype=np.int8)
