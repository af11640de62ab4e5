"""Whether one label set beats another: both judged on the same reports, resampled alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from data_contracts import CHESTXRAY14

from .figures import draw_samples, sum_counts
from .holdout import select_ids
from .intervals import Floats, Interval, f1_from_counts, percentile_interval
from .outcomes import AuditError, Outcomes, check_table, compare_with_gold


@dataclass(frozen=True)
class Difference:
    """F1 of two label sets on the same reports, and one minus other with its bootstrap interval.

    `share_better` is the share of bootstrap samples in which `one` has the higher F1.
    """

    one: float | None
    other: float | None
    difference: float | None
    interval: Interval | None
    share_better: float | None

    def to_json(self) -> dict[str, Any]:
        """The figures by name."""
        return dict(vars(self))


@dataclass(frozen=True)
class PairedResult:
    """The differences between two label sets: micro over the findings, and each finding."""

    micro: Difference
    findings: dict[str, Difference]
    reports: int
    left_out: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {
            "micro": self.micro.to_json(),
            "findings": {name: found.to_json() for name, found in self.findings.items()},
            "reports": self.reports,
            "left_out": self.left_out,
        }


def paired_difference(
    one: pa.Table,
    other: pa.Table,
    gold: pa.Table,
    *,
    findings: Sequence[str] = CHESTXRAY14,
    positive: Sequence[str] = ("present",),
    include_unjudged: bool = False,
    ids: Iterable[str] | None = None,
    exclude_ids: Iterable[str] | None = None,
    leave_out_test_split: bool = True,
    bootstrap: int = 1000,
    seed: int = 0,
) -> PairedResult:
    """The F1 of label table `one` minus that of `other`, on reports that both and the gold have.

    Each bootstrap sample draws the same reports for both, so what makes a report hard for both
    cancels out: the interval is narrower than two separate ones suggest. AuditError as for `audit`.
    """
    check_table("gold", gold, findings)
    gold_ids = gold["report_id"].to_pylist()
    selection = select_ids(gold_ids, ids, exclude_ids, leave_out_test_split)
    left, right = (
        compare_with_gold(table, gold, selection.kept, findings=findings, positive=positive)
        for table in (one, other)
    )
    usable = left.labelled & right.labelled & (left.judged | include_unjudged)
    if not usable.any():
        raise AuditError(
            "label tables and gold",
            f"no judged report in all three (left out: {selection.left_out_counts})",
            "Check that the report ids of the three tables agree.",
        )
    both = _side_by_side(left, right).where(usable)
    samples = draw_samples(both, bootstrap, seed)
    width, every = len(left.findings), tuple(range(len(findings)))
    return PairedResult(
        micro=_difference(both, samples, every, width),
        findings={f: _difference(both, samples, (i,), width) for i, f in enumerate(findings)},
        reports=int(usable.sum()),
        left_out=dict(selection.left_out_counts),
    )


def _side_by_side(left: Outcomes, right: Outcomes) -> Outcomes:
    """Outcomes whose columns are left's, then right's: one row is still one report."""
    return replace(
        left,
        findings=left.findings + right.findings,
        states=np.hstack([left.states, right.states]),
        codes=np.hstack([left.codes, right.codes]),
    )


def _difference(both: Outcomes, samples: Floats, columns: Sequence[int], width: int) -> Difference:
    whole = sum_counts(both)[np.newaxis]
    here, drawn = (
        [_pooled_f1(sums, [column + shift for column in columns]) for shift in (0, width)]
        for sums in (whole, samples)
    )
    apart = drawn[0] - drawn[1]
    defined = apart[~np.isnan(apart)]
    return Difference(
        one=_number(here[0][0]),
        other=_number(here[1][0]),
        difference=_number(here[0][0] - here[1][0]),
        interval=percentile_interval(apart),
        share_better=float(np.mean(defined > 0)) if len(defined) else None,
    )


def _pooled_f1(sums: Any, columns: Sequence[int]) -> Floats:
    """F1 per sample of (samples, columns, 3) sums, over these columns pooled."""
    return f1_from_counts(*sums[:, list(columns)].sum(axis=1).T)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
