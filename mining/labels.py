"""Mentions → one row per report, by a profile and its aggregation table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from data_contracts import Finding, Verdict, labels_contract
from data_contracts.findings import finding_names
from mining.profiles import Aggregation, Profile
from mining.reading import OTHER

_BITS = {verdict: 1 << n for n, verdict in enumerate(Verdict)}
_PRESENT = _BITS[Verdict.PRESENT]
NORMAL = "normal"


def label_table(
    report_ids: pa.ChunkedArray,
    mentions: pa.Table,
    profile: Profile,
    findings: Sequence[str | Finding],
) -> pa.Table:
    """The label table of these reports, in their order.

    A report without a mention of a finding has null there. ``no_finding``: no disease of the label
    set is present, uncertain or unparsed. ``normal`` is the paper's: no finding and no other
    abnormality either, or a report that calls the chest normal (ChestX-ray8, section 2).
    """
    ids = report_ids.to_pylist()
    names = finding_names(findings)
    healthy = {f.name for f in findings if isinstance(f, Finding) and not f.disease}
    bits = _seen(ids, mentions, profile, [*names, OTHER])
    states = _states(profile.aggregation)
    columns: dict[str, object] = {"report_id": ids}
    open_findings = np.zeros(len(ids), dtype=bool)
    for n, finding in enumerate(names):
        columns[finding] = pa.array(states[bits[:, n]], type=pa.string(), from_pandas=True)
        if finding not in healthy:
            open_findings |= np.isin(states[bits[:, n]].astype(str), _OPEN)
    other = bits[:, len(names)]
    columns["no_finding"] = ~open_findings
    columns["normal"] = ~open_findings & ((other & _PRESENT == 0) | (other & _CALLED_NORMAL != 0))
    return pa.table(columns, schema=labels_contract(names).schema)


_OPEN = [Verdict.PRESENT.value, Verdict.UNCERTAIN.value, Verdict.UNPARSED.value]
_CALLED_NORMAL = 1 << len(Verdict)


def _seen(
    ids: Sequence[str], mentions: pa.Table, profile: Profile, findings: Sequence[str]
) -> npt.NDArray[np.uint8]:
    """(reports, findings): the set of states of each report's mentions, one bit a state."""
    seen = np.zeros((len(ids), len(findings)), dtype=np.uint8)
    row_of = {report_id: row for row, report_id in enumerate(ids)}
    column_of = {finding: n for n, finding in enumerate(findings)}
    names = ("finding", "concept_form", "verdict", "rule_id", "temporality", "experiencer")
    kinds = [mentions.column(name).to_pylist() for name in names]
    bit_of: dict[tuple[str, ...], int] = {}
    for report_id, *kind in zip(mentions.column("report_id").to_pylist(), *kinds, strict=True):
        key = tuple(kind)
        bit = bit_of.get(key)
        if bit is None:
            bit = bit_of[key] = _bit(profile, *key)
        column = column_of.get(key[0])
        if bit and column is not None:
            seen[row_of[report_id], column] |= bit
    return seen


def _bit(
    profile: Profile,
    finding: str,
    form: str,
    verdict: str,
    rule_id: str,
    temporality: str,
    experiencer: str,
) -> int:
    state = profile.state(
        finding, form, verdict=Verdict(verdict), rule_id=rule_id,
        temporality=temporality, experiencer=experiencer,
    )  # fmt: skip
    if state is None:
        return 0
    if finding == OTHER and form == NORMAL:
        return _CALLED_NORMAL if state is Verdict.PRESENT else 0
    return _BITS[state]


def _states(aggregation: Aggregation) -> npt.NDArray[np.object_]:
    """The label for every set of states, indexed by the set's bits; None for the empty set."""
    states = np.empty(1 << len(Verdict), dtype=object)
    for bits in range(len(states)):
        state = aggregation.state(v for v, bit in _BITS.items() if bits & bit)
        states[bits] = None if state is None else state.value
    return states
