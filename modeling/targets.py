"""Labels of reports as the targets of a network: 0, 1 or NaN for unknown, each with a weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import CHESTXRAY8, Verdict, findings_in

Uncertain = Literal["ignore", "zero", "one", "certainty"]
NotMentioned = Literal["zero", "ignore"]
_UNCERTAIN = ("ignore", "zero", "one", "certainty")
_NOT_MENTIONED = ("zero", "ignore")


class TargetError(ValueError):
    """Targets cannot be made: what was `found`, what `expected`, what `to_do`."""

    def __init__(self, found: str, expected: str, to_do: str) -> None:
        self.found, self.expected, self.to_do = found, expected, to_do
        super().__init__(f"targets: found {found}, expected {expected}. {to_do}")


@dataclass(frozen=True)
class Targets:
    """`values` (N, C) float32 in {0, 1, NaN = unknown} and `weights` (N, C) float32, 0 if unknown.

    Columns are `findings`, in this order.
    """

    values: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]
    findings: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: npt.NDArray[np.int64] | Sequence[int]) -> Targets:
        """The targets of these rows, in this order."""
        return Targets(self.values[rows], self.weights[rows], self.findings)


def targets_from_labels(
    labels: pa.Table,
    findings: Sequence[str] = CHESTXRAY8,
    *,
    report_ids: Sequence[str] | None = None,
    uncertain: Uncertain = "ignore",
    not_mentioned: NotMentioned = "zero",
    certainties: pa.Table | None = None,
) -> Targets:
    """One row per report of `report_ids` (one id per image, so they may repeat), else of labels.

    present is 1, absent 0, unparsed always unknown. A finding that is not mentioned is 0, as in the
    papers (ChestX-ray8, section 2), or unknown. An uncertain one is unknown, 0 (ChestX-ray8 drops
    uncertain mentions), 1, or with "certainty" 1 at a weight of its certainty (`certainties`: the
    mentions, of which the surest uncertain one counts); without a certainty it is unknown.
    TargetError for a finding without a column, a report without a row, or a missing table.
    """
    _check_policy(uncertain, not_mentioned, certainties)
    absent = [name for name in findings if name not in findings_in(labels.schema)]
    if absent:
        raise TargetError(
            f"no column {absent[0]!r} in the labels",
            f"findings among {', '.join(findings_in(labels.schema))}",
            "Ask for other findings, or mine the reports for this one.",
        )
    known_ids = labels["report_id"].to_pylist()
    rows = _rows(known_ids, known_ids if report_ids is None else report_ids)
    values = np.full((labels.num_rows, len(findings)), np.nan, dtype=np.float32)
    weights = np.ones_like(values)
    sure = _surest(certainties, known_ids, findings) if uncertain == "certainty" else None
    for n, name in enumerate(findings):
        states = pc.fill_null(labels[name].combine_chunks(), "").to_numpy(zero_copy_only=False)
        values[states == Verdict.PRESENT, n] = 1
        values[states == Verdict.ABSENT, n] = 0
        if not_mentioned == "zero":
            values[states == "", n] = 0
        doubtful = states == Verdict.UNCERTAIN
        if uncertain in ("zero", "one"):
            values[doubtful, n] = uncertain == "one"
        elif sure is not None:
            values[doubtful, n] = 1
            weights[doubtful, n] = sure[doubtful, n]
    values[np.isnan(weights)] = np.nan
    weights[np.isnan(values)] = 0
    return Targets(values[rows], weights[rows], tuple(findings))


def _check_policy(uncertain: str, not_mentioned: str, certainties: pa.Table | None) -> None:
    if uncertain not in _UNCERTAIN:
        raise TargetError(f"uncertain={uncertain!r}", f"one of {', '.join(_UNCERTAIN)}", "Choose.")
    if not_mentioned not in _NOT_MENTIONED:
        expected = f"one of {', '.join(_NOT_MENTIONED)}"
        raise TargetError(f"not_mentioned={not_mentioned!r}", expected, "Choose.")
    if (uncertain == "certainty") != (certainties is not None):
        raise TargetError(
            f"uncertain={uncertain!r} {'without' if certainties is None else 'with'} certainties",
            'certainties (the mentions table) exactly with uncertain="certainty"',
            "Give both or neither.",
        )


def _rows(known: Sequence[str], wanted: Sequence[str]) -> npt.NDArray[np.int64]:
    row_of = {report_id: row for row, report_id in enumerate(known)}
    missing = [report_id for report_id in wanted if report_id not in row_of]
    if missing:
        raise TargetError(
            f"{len(missing)} reports without a row of labels, the first {missing[0]!r}",
            "a row for each",
            "Join the images to the labels first; that leaves out those without.",
        )
    return np.array([row_of[report_id] for report_id in wanted], dtype=np.int64)


def _surest(
    mentions: pa.Table | None, report_ids: Sequence[str], findings: Sequence[str]
) -> npt.NDArray[np.float32]:
    """(reports, findings): the largest certainty of uncertain mentions, NaN where there is none."""
    assert mentions is not None
    surest = np.full((len(report_ids), len(findings)), np.nan, dtype=np.float32)
    row_of = {report_id: row for row, report_id in enumerate(report_ids)}
    column_of = {name: n for n, name in enumerate(findings)}
    doubtful = mentions.filter(pc.equal(mentions["verdict"], Verdict.UNCERTAIN.value))
    columns = (doubtful[name].to_pylist() for name in ("report_id", "finding", "certainty"))
    for report_id, finding, certainty in zip(*columns, strict=True):
        if report_id in row_of and finding in column_of and certainty is not None:
            place = row_of[report_id], column_of[finding]
            surest[place] = np.fmax(surest[place], certainty)
    return surest
