"""Mined labels laid beside a gold: one outcome per report and finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import Verdict

NORMAL = "normal"
NOT_MENTIONED = "not_mentioned"
STATES: tuple[str, ...] = (*(verdict.value for verdict in Verdict), NOT_MENTIONED)

# Codes of an outcome; the gold of a finding may be null, which is scored nowhere.
TN, FP, FN, TP, UNSCORED = range(5)

Codes = npt.NDArray[np.int8]
Mask = npt.NDArray[np.bool_]


class AuditError(ValueError):
    """An audit cannot be made of these tables: `table`, what was `found` and what `to_do`."""

    def __init__(self, table: str, found: str, to_do: str) -> None:
        self.table, self.found, self.to_do = table, found, to_do
        super().__init__(f"{table}: {found}. {to_do}")


@dataclass(frozen=True)
class Outcomes:
    """What was mined and what the gold says, one row per report of the gold.

    `findings` names the columns; the last one is `normal`. `states` and `codes` are (reports,
    columns): the mined state as an index into STATES, and TN, FP, FN, TP or UNSCORED.
    """

    report_ids: npt.NDArray[np.object_]
    findings: tuple[str, ...]
    states: Codes = field(repr=False)
    codes: Codes = field(repr=False)
    judged: Mask = field(repr=False)
    labelled: Mask = field(repr=False)

    def where(self, mask: Mask) -> Outcomes:
        """The outcomes of these reports only."""
        return replace(
            self,
            report_ids=self.report_ids[mask],
            states=self.states[mask],
            codes=self.codes[mask],
            judged=self.judged[mask],
            labelled=self.labelled[mask],
        )


def compare_with_gold(
    labels: pa.Table,
    gold: pa.Table,
    report_ids: Sequence[str],
    *,
    findings: Sequence[str],
    positive: Sequence[str],
) -> Outcomes:
    """The outcomes of those of `report_ids` that the gold holds, in their order.

    A report without a label row counts as one that mentions nothing and has `labelled` False.
    AuditError when a column is missing, a report comes twice, or a state is unknown.
    """
    for name, table in (("labels", labels), ("gold", gold)):
        check_table(name, table, findings)
    unknown = set(positive) - set(STATES)
    if unknown:
        raise AuditError("positive", f"state {min(unknown)!r}", f"Use some of {', '.join(STATES)}.")
    gold_at = pc.index_in(pa.array(report_ids, pa.string()), value_set=_ids(gold)).drop_null()
    gold = gold.take(gold_at)
    label_at = pc.index_in(_ids(gold), value_set=_ids(labels))
    columns = [
        _compare_column(labels, gold, label_at, finding, frozenset(positive))
        for finding in (*findings, NORMAL)
    ]
    return Outcomes(
        report_ids=np.array(gold["report_id"].to_pylist(), dtype=object),
        findings=(*findings, NORMAL),
        states=np.stack([states for states, _ in columns], axis=1),
        codes=np.stack([codes for _, codes in columns], axis=1),
        judged=_booleans(pc.fill_null(gold["judged"], True)),
        labelled=_booleans(label_at.is_valid()),
    )


def confusion(outcomes: Outcomes) -> dict[str, dict[str, dict[str, int]]]:
    """Per finding and mined state, how many reports the gold calls positive and negative.

    Reports whose gold is null for the finding are in neither.
    """
    result = {}
    for column, finding in enumerate(outcomes.findings[:-1]):
        states, codes = outcomes.states[:, column], outcomes.codes[:, column]
        yes = (codes == TP) | (codes == FN)
        no = (codes == TN) | (codes == FP)
        result[finding] = {
            state: {
                "gold_positive": int(np.sum(yes & (states == index))),
                "gold_negative": int(np.sum(no & (states == index))),
            }
            for index, state in enumerate(STATES)
        }
    return result


def disagreements(outcomes: Outcomes) -> pa.Table:
    """One row per report and finding that differ: report_id, finding, state, gold.

    `state` is the mined state (for normal: `normal` or `not_normal`), `gold` what the gold says.
    Ordered by finding, within it as the gold is.
    """
    types = {"report_id": pa.string(), "finding": pa.string(), "state": pa.string()}
    schema = pa.schema([*types.items(), ("gold", pa.bool_())])
    names = np.array(STATES, dtype=object)
    parts = []
    for column, finding in enumerate(outcomes.findings):
        codes = outcomes.codes[:, column]
        rows = np.flatnonzero((codes == FP) | (codes == FN))
        missed = codes[rows] == FN
        if finding == NORMAL:
            states = np.where(missed, "not_normal", "normal").astype(object)
        else:
            states = names[outcomes.states[rows, column]]
        values = [outcomes.report_ids[rows], [finding] * len(rows), states, missed]
        parts.append(
            pa.table(
                [pa.array(v, f.type) for v, f in zip(values, schema, strict=True)], schema=schema
            )
        )
    return pa.concat_tables(parts)


def check_table(name: str, table: pa.Table, findings: Sequence[str]) -> None:
    """Nothing, or AuditError: a column is missing, or a report has several rows."""
    for column in ("report_id", *findings, NORMAL):
        if column not in table.column_names:
            raise AuditError(
                name,
                f"no column {column!r} among {', '.join(table.column_names)}",
                "Audit only findings that both tables have.",
            )
    counts = pc.value_counts(table["report_id"])
    twice = [row["values"].as_py() for row in counts if row["counts"].as_py() > 1]
    if twice:
        raise AuditError(
            name,
            f"{len(twice)} reports with several rows, the first {twice[0]!r}",
            "Keep one row per report: one annotator, one label set.",
        )


def _ids(table: pa.Table) -> pa.Array:
    return table["report_id"].combine_chunks().cast(pa.string())


def _booleans(values: pa.ChunkedArray | pa.Array) -> Mask:
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _compare_column(
    labels: pa.Table, gold: pa.Table, label_at: pa.Array, finding: str, positive: frozenset[str]
) -> tuple[Codes, Codes]:
    """The mined states and the outcomes of one finding, by row of the gold."""
    mined = labels[finding].combine_chunks().take(label_at)
    if finding == NORMAL:
        found = _booleans(pc.fill_null(mined.cast(pa.bool_()), False))
        states = np.full(len(found), STATES.index(NOT_MENTIONED), dtype=np.int8)
    else:
        states = _state_indices(finding, mined)
        found = np.isin(states, [STATES.index(state) for state in positive])
    truth = gold[finding].combine_chunks().cast(pa.bool_())
    true = _booleans(pc.fill_null(truth, False))
    codes = (2 * true + found).astype(np.int8)  # 0 TN, 1 FP, 2 FN, 3 TP
    codes[_booleans(truth.is_null())] = UNSCORED
    return states, codes


def _state_indices(finding: str, mined: pa.Array) -> Codes:
    named = pc.fill_null(mined.cast(pa.string()), NOT_MENTIONED)
    indices = pc.index_in(named, value_set=pa.array(STATES))
    if indices.null_count:
        raise AuditError(
            "labels",
            f"column {finding!r}: {indices.null_count} cells hold no known state",
            f"Use {', '.join(STATES[:-1])} or null.",
        )
    return np.asarray(indices.to_numpy(zero_copy_only=False), dtype=np.int8)
