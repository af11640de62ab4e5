"""Precision, recall and F1 of a label table against a gold, with intervals and honest counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from data_contracts import CHESTXRAY8, CHESTXRAY14

from .estimates import estimate
from .figures import MacroScore, Score
from .holdout import Selection, select_ids
from .outcomes import (
    FN,
    TP,
    AuditError,
    Mask,
    Outcomes,
    check_table,
    compare_with_gold,
    confusion,
    disagreements,
)
from .weights import Design

# Subsets of the findings that papers report: name → findings left out, or findings kept.
_LEFT_OUT = {"without_hernia": ("Hernia",)}
_KEPT = {"chestxray8": CHESTXRAY8}


@dataclass(frozen=True)
class AuditResult:
    """What an audit found. `normal` is a row of its own and never part of micro or macro.

    `scored` holds the outcome of every report and finding that the figures rest on, `design` how
    these reports were drawn, where they were.

    `alternatives` holds micro figures under other choices: `with_unjudged`, `without_unjudged`,
    and `missing_as_not_mentioned` (reports of the gold that have no label row count as silent).
    """

    findings: dict[str, Score]
    normal: Score
    micro: Score
    micro_subsets: dict[str, Score]
    macro: MacroScore
    alternatives: dict[str, Score]
    counts: dict[str, Any]
    confusion: dict[str, dict[str, dict[str, int]]]
    disagreements: pa.Table = field(repr=False)
    settings: dict[str, Any]
    scored: Outcomes = field(repr=False)
    design: Design | None = field(default=None, repr=False)

    def to_json(self) -> dict[str, Any]:
        """The result as JSON values, without lists of single reports."""
        return {
            "micro": self.micro.to_json(),
            "micro_subsets": {name: s.to_json() for name, s in self.micro_subsets.items()},
            "findings": {name: score.to_json() for name, score in self.findings.items()},
            "normal": self.normal.to_json(),
            "macro": self.macro.to_json(),
            "alternatives": {name: s.to_json() for name, s in self.alternatives.items()},
            "counts": self.counts,
            "confusion": self.confusion,
            "settings": self.settings,
        }


def audit(
    labels: pa.Table,
    gold: pa.Table,
    *,
    findings: Sequence[str] = CHESTXRAY14,
    positive: Sequence[str] = ("present",),
    include_unjudged: bool = False,
    ids: Iterable[str] | None = None,
    exclude_ids: Iterable[str] | None = None,
    leave_out_test_split: bool = True,
    sample: pa.Table | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
) -> AuditResult:
    """The audit of mined `labels` against `gold`, on reports that both have.

    `positive` are the states that count as the finding being there. OpenI's published test split
    is left out unless `ids` names it. With the `sample` that the judged reports were drawn by, the
    figures are estimates for all reports it was drawn from. AuditError when a table lacks a column,
    has a report twice, or the tables share no report.
    """
    for name, table in (("labels", labels), ("gold", gold)):
        check_table(name, table, findings)
    label_ids, gold_ids = labels["report_id"].to_pylist(), gold["report_id"].to_pylist()
    selection = select_ids((*gold_ids, *label_ids), ids, exclude_ids, leave_out_test_split)
    everything = compare_with_gold(
        labels, gold, selection.kept, findings=findings, positive=positive
    )
    _check_shared(everything, label_ids, gold_ids, selection)
    labelled, judged = everything.labelled, everything.judged
    chosen = labelled if include_unjudged else labelled & judged
    masks = {
        "without_unjudged": labelled & judged,
        "with_unjudged": labelled,
        "missing_as_not_mentioned": np.ones_like(judged) if include_unjudged else judged,
    }
    columns = tuple(range(len(findings)))
    made = estimate(everything.where(chosen), sample, bootstrap=bootstrap, seed=seed)
    scored, micro = made.scored, made.score(columns)

    def alternative(mask: Mask) -> Score:
        if np.array_equal(mask, chosen):
            return micro
        other = everything.where(mask)
        return estimate(other, sample, bootstrap=bootstrap, seed=seed).score(columns)

    return AuditResult(
        findings={f: made.score((i,)) for i, f in enumerate(findings)},
        normal=made.score((len(findings),)),
        micro=micro,
        micro_subsets={name: made.score(some) for name, some in _subsets(findings).items()},
        macro=made.macro,
        alternatives={name: alternative(mask) for name, mask in masks.items()},
        counts=_counts(everything, scored, selection, label_ids) | _drawn(made.design),
        confusion=confusion(scored),
        disagreements=disagreements(scored),
        settings={
            "findings": list(findings),
            "positive": list(positive),
            "include_unjudged": include_unjudged,
            "bootstrap": bootstrap,
            "seed": seed,
            "annotators": sorted(gold["annotator"].unique().drop_null().to_pylist()),
        },
        scored=scored,
        design=made.design,
    )


def _check_shared(
    everything: Outcomes, label_ids: list[str], gold_ids: list[str], selection: Selection
) -> None:
    if not everything.labelled.any():
        raise AuditError(
            "labels and gold",
            f"no report in both after selection ({len(label_ids)} labelled, e.g. "
            f"{label_ids[:1]}; {len(gold_ids)} in the gold, e.g. {gold_ids[:1]}; "
            f"left out: {selection.left_out_counts})",
            "Check that the gold's key column holds the labels' report_id, and the ids named.",
        )


def _counts(
    everything: Outcomes, scored: Outcomes, selection: Selection, label_ids: list[str]
) -> dict[str, Any]:
    """Where every report went: scored, unjudged, on one side only, left out."""
    missing = ~everything.labelled
    positives = np.isin(everything.codes[missing][:, :-1], (TP, FN))
    kept_labels = len(set(label_ids) & set(selection.kept))
    return {
        "scored": len(scored.report_ids),
        "judged": int(np.sum(everything.labelled & everything.judged)),
        "unjudged": int(np.sum(everything.labelled & ~everything.judged)),
        "missing_in_labels": int(np.sum(missing)),
        "missing_in_labels_positives": int(np.sum(positives)),
        "missing_in_gold": kept_labels - int(np.sum(everything.labelled)),
        "left_out": dict(selection.left_out_counts),
        "unknown_ids": len(selection.unknown_ids),
    }


def _drawn(design: Design | None) -> dict[str, Any]:
    """What a weighted audit's figures stand for, and what they rest on."""
    if design is None:
        return {}
    return {
        "sample": {
            "reports": int(design.sizes.sum()),
            "judged": int(design.judged.sum()),
            "strata": len(design.names),
            "smallest": design.smallest,
            "silent_strata": list(design.silent),
            "silent_reports": design.silent_reports,
        }
    }


def _subsets(findings: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """The columns of each subset that differs from the whole and has any finding."""
    wanted = {name: set(findings) - set(out) for name, out in _LEFT_OUT.items()}
    wanted |= {name: set(findings) & set(kept) for name, kept in _KEPT.items()}
    columns = {n: tuple(i for i, f in enumerate(findings) if f in s) for n, s in wanted.items()}
    return {name: found for name, found in columns.items() if found}
