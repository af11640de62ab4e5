"""What each report's labels rest on: (finding, state, rule), the cells a sample is drawn by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa

from data_contracts import Verdict
from mining.profiles import Profile
from mining.sampling.design import Cell

MENTION_COLUMNS = (
    "report_id", "finding", "concept_form", "verdict", "temporality", "experiencer", "rule_id",
)  # fmt: skip


def cells_of(
    labels: pa.Table,
    findings: Sequence[str],
    mentions: Iterable[pa.Table] = (),
    profile: Profile | None = None,
) -> dict[str, list[Cell]]:
    """The cells of every report; none for a report that mentions no finding.

    The rules of a label are those of the mentions that have the label's state, so that mentions
    may come in any pieces. Without mentions, or for a label that none of them explains, a cell is
    (finding, state). `profile` is the one the labels were made by.
    """
    ids = labels["report_id"].to_pylist()
    states = {
        finding: {
            report: state
            for report, state in zip(ids, labels[finding].to_pylist(), strict=True)
            if state is not None
        }
        for finding in findings
    }
    rules: dict[tuple[str, str], set[str]] = {}
    if profile is not None:
        for piece in mentions:
            _add_rules(rules, piece, states, profile)
    cells: dict[str, list[Cell]] = {report: [] for report in ids}
    for finding, own in states.items():
        for report, state in own.items():
            why = rules.get((report, finding))
            found = [(finding, state, rule) for rule in sorted(why)] if why else [(finding, state)]
            cells[report] += found
    return cells


def positive_reports(labels: pa.Table, findings: Sequence[str]) -> dict[str, frozenset[str]]:
    """By finding: the reports that are labelled with it."""
    ids = labels["report_id"].to_pylist()
    return {
        finding: frozenset(
            report
            for report, state in zip(ids, labels[finding].to_pylist(), strict=True)
            if state == Verdict.PRESENT
        )
        for finding in findings
    }


def _add_rules(
    rules: dict[tuple[str, str], set[str]],
    mentions: pa.Table,
    states: dict[str, dict[str, str]],
    profile: Profile,
) -> None:
    known: dict[tuple[str, ...], Verdict | None] = {}
    columns = [mentions[name].to_pylist() for name in MENTION_COLUMNS]
    for report, finding, form, verdict, time, person, rule in zip(*columns, strict=True):
        label = states.get(finding, {}).get(report)
        if label is None:
            continue
        kind = (finding, form or "", verdict, time, person, rule or "")
        if kind not in known:
            known[kind] = profile.state(
                finding, form or "", verdict=Verdict(verdict), rule_id=rule or "",
                temporality=time, experiencer=person,
            )  # fmt: skip
        if known[kind] == label and rule:
            rules.setdefault((report, finding), set()).add(rule)
