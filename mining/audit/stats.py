"""How often each finding occurs, alone and with others, in the layout of ChestX-ray8's Table 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import CHESTXRAY14

from .outcomes import NORMAL, STATES, AuditError


@dataclass(frozen=True)
class FindingCount:
    """Reports with a finding: `total`, and `overlap` of them that have another finding as well."""

    total: int
    overlap: int

    def __str__(self) -> str:
        """As the paper prints it.

        >>> str(FindingCount(315, 122))
        '315 (122)'
        """
        return f"{self.total} ({self.overlap})"


@dataclass(frozen=True)
class LabelStatistics:
    """Counts over a label set or a gold; overlap and co-occurrence are among `findings` only.

    `cooccurrence[a][b]` counts the reports with both; its diagonal is the total. `normal` counts
    the reports called normal (None when the table cannot say), `no_finding` those with none of the
    findings. `states` counts each state per finding; it is empty for a gold.
    """

    reports: int
    findings: dict[str, FindingCount]
    cooccurrence: dict[str, dict[str, int]]
    normal: int | None
    no_finding: int
    states: dict[str, dict[str, int]]

    def to_json(self) -> dict[str, Any]:
        """The statistics as JSON values."""
        return {**vars(self), "findings": {n: dict(vars(c)) for n, c in self.findings.items()}}


def label_statistics(
    table: pa.Table,
    *,
    findings: Sequence[str] = CHESTXRAY14,
    positive: Sequence[str] = ("present",),
) -> LabelStatistics:
    """The statistics of a label table (states) or of a gold table (yes or no).

    With the first 8 findings and the gold released for OpenI they are ChestX-ray8's Table 1: 315
    (122) Atelectasis, 345 (100) Cardiomegaly … Source: Wang et al., CVPR 2017. AuditError when a
    finding has no column.
    """
    missing = [name for name in findings if name not in table.column_names]
    if missing:
        raise AuditError(
            "table",
            f"no column {missing[0]!r} among {', '.join(table.column_names)}",
            "Count only findings that the table has.",
        )
    there = np.zeros((table.num_rows, len(findings)), dtype=np.int64)
    for column, name in enumerate(findings):
        there[:, column] = _positive(table[name], positive)
    several = there.sum(axis=1) > 1
    together = there.T @ there
    return LabelStatistics(
        reports=table.num_rows,
        findings={
            name: FindingCount(int(there[:, i].sum()), int(there[several, i].sum()))
            for i, name in enumerate(findings)
        },
        cooccurrence={
            name: {other: int(together[i, j]) for j, other in enumerate(findings)}
            for i, name in enumerate(findings)
        },
        normal=_count_true(table[NORMAL]) if NORMAL in table.column_names else None,
        no_finding=int(np.sum(there.sum(axis=1) == 0)),
        states={
            name: counts for name in findings if (counts := _count_states(table[name])) is not None
        },
    )


def _positive(column: pa.ChunkedArray, positive: Sequence[str]) -> npt.NDArray[np.bool_]:
    if pa.types.is_string(_value_type(column)):
        there = pc.is_in(column.cast(pa.string()), value_set=pa.array(positive, pa.string()))
    else:
        there = pc.fill_null(column.cast(pa.bool_()), False)
    return np.asarray(there.to_numpy(), dtype=np.bool_)


def _count_true(column: pa.ChunkedArray) -> int:
    return int(pc.sum(column.cast(pa.bool_())).as_py() or 0)


def _count_states(column: pa.ChunkedArray) -> dict[str, int] | None:
    """How many reports are in each state; None for a column of yes and no."""
    if not pa.types.is_string(_value_type(column)):
        return None
    found = column.cast(pa.string()).drop_null().value_counts().to_pylist()
    counts = {row["values"]: row["counts"] for row in found}
    named = {state: counts.get(state, 0) for state in STATES[:-1]}
    return {**named, STATES[-1]: column.null_count}


def _value_type(column: pa.ChunkedArray) -> pa.DataType:
    kind = column.type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.string() if pa.types.is_large_string(kind) else kind
