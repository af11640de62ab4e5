"""Mentions → one row per report, by a profile and its aggregation table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

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
    is_open = np.array([state in _OPEN for state in states.to_pylist()])
    open_findings = np.zeros(len(ids), dtype=bool)
    for n, finding in enumerate(names):
        columns[finding] = states.take(pa.array(bits[:, n]))
        if finding not in healthy:
            open_findings |= is_open[bits[:, n]]
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
    if not mentions.num_rows:
        return seen
    rows = pc.index_in(mentions.column("report_id"), value_set=pa.array(ids, pa.string()))
    if rows.null_count:
        unknown = mentions.column("report_id").filter(pc.is_null(rows))[0].as_py()
        raise KeyError(unknown)
    column_of = {finding: n for n, finding in enumerate(findings)}
    kind_of, kinds = _kinds(mentions)
    columns = np.array([column_of.get(kind[0], -1) for kind in kinds])
    bits = np.array([_bit(profile, *kind) for kind in kinds], dtype=np.uint8)
    told = (columns >= 0)[kind_of] & (bits > 0)[kind_of]
    own = kind_of[told]
    np.bitwise_or.at(seen, (rows.to_numpy()[told].astype(np.int64), columns[own]), bits[own])
    return seen


_KIND = ("finding", "concept_form", "verdict", "rule_id", "temporality", "experiencer")


def _kinds(mentions: pa.Table) -> tuple[npt.NDArray[np.int64], list[tuple[str, ...]]]:
    """The number of each mention's kind, and the kinds: they are few, however many mentions."""
    kinds, most = np.zeros(mentions.num_rows, dtype=np.int64), 1
    for name in _KIND:
        codes = mentions.column(name).combine_chunks().dictionary_encode(null_encoding="encode")
        if most * len(codes.dictionary) > np.iinfo(np.int64).max:
            most, kinds = len(kinds), np.unique(kinds, return_inverse=True)[1]
        most *= len(codes.dictionary)
        kinds = kinds * len(codes.dictionary) + codes.indices.to_numpy(zero_copy_only=False)
    _, first, kinds = np.unique(kinds, return_index=True, return_inverse=True)
    rows = mentions.select(_KIND).take(pa.array(first)).to_pylist()
    return kinds, [tuple(row.values()) for row in rows]


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


def _states(aggregation: Aggregation) -> pa.Array:
    """The label for every set of states, indexed by the set's bits; null for the empty set."""
    sets = ([v for v, bit in _BITS.items() if bits & bit] for bits in range(1 << len(Verdict)))
    found = [aggregation.state(verdicts) for verdicts in sets]
    return pa.array([None if state is None else state.value for state in found], pa.string())
