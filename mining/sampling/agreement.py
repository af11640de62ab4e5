"""Several annotators of the same reports: how far they agree, and what they say together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mining.audit.gold import GoldError, build_gold

Votes = npt.NDArray[np.float64]  # (annotators, reports): 1, 0, nan where one has not judged


@dataclass(frozen=True)
class Agreement:
    """How far annotators agree on a finding, over the reports that at least two have judged.

    `cohen` is the mean over pairs of annotators (Cohen 1960), `fleiss` is over the reports that all
    have judged (Fleiss 1971), `alpha` is Krippendorff's for nominal answers, which takes reports
    that some have left out. None where there is nothing to measure: all answers are the same.
    """

    finding: str
    reports: int
    disputed: int
    cohen: float | None
    fleiss: float | None
    alpha: float | None


@dataclass(frozen=True)
class Dispute:
    """A report and finding on which annotators differ: who said yes, who no."""

    report_id: str
    finding: str
    yes: tuple[str, ...]
    no: tuple[str, ...]

    @property
    def words(self) -> str:
        """Who said what.

        >>> Dispute("R1", "Mass", ("anna",), ("ben",)).words
        'Mass: 1 by anna; 0 by ben'
        """
        return f"{self.finding}: 1 by {', '.join(self.yes)}; 0 by {', '.join(self.no)}"


def agreements(golds: Sequence[pa.Table], findings: Sequence[str]) -> list[Agreement]:
    """The agreement on each finding, normal included where it was asked."""
    ids = _all_ids(golds)
    found = (_agreement(name, _votes(golds, ids, name)) for name in (*findings, "normal"))
    return [one for one in found if one.reports]


def disputes(golds: Sequence[pa.Table], findings: Sequence[str]) -> list[Dispute]:
    """Every report and finding that annotators differ on, in the order of the first gold."""
    ids, names = _all_ids(golds), _annotators(golds)
    found = []
    for finding in (*findings, "normal"):
        votes = _votes(golds, ids, finding)
        for place in np.flatnonzero(_differ(votes)):
            yes = tuple(n for n, v in zip(names, votes[:, place], strict=True) if v == 1)
            no = tuple(n for n, v in zip(names, votes[:, place], strict=True) if v == 0)
            found.append((place, Dispute(ids[place], finding, yes, no)))
    return [dispute for _, dispute in sorted(found, key=lambda pair: pair[0])]


def consensus(
    golds: Sequence[pa.Table],
    findings: Sequence[str],
    *,
    adjudicated: pa.Table | None = None,
) -> pa.Table:
    """One gold out of several: the majority of those who judged, null where they are even.

    Where `adjudicated` has judged a report and gives an answer, that answer stands.
    """
    if len(golds) == 1 and adjudicated is None:
        return golds[0]
    ids = _all_ids(golds)
    table: dict[str, list[Any]] = {"report_id": list(ids)}
    judged = np.zeros(len(ids), dtype=np.bool_)
    for gold in golds:
        own = dict(zip(gold["report_id"].to_pylist(), gold["judged"].to_pylist(), strict=True))
        judged |= np.array([own.get(report, False) for report in ids], dtype=np.bool_)
    table["judged"] = judged.tolist()
    settled = _settled(adjudicated)
    for finding in (*findings, "normal"):
        votes = _votes(golds, ids, finding)
        yes, no = np.sum(votes == 1, axis=0), np.sum(votes == 0, axis=0)
        table[finding] = [
            _decided(settled.get(report, {}).get(finding), int(y), int(n))
            for report, y, n in zip(ids, yes, no, strict=True)
        ]
    names = _annotators(golds)
    return build_gold(table, annotator=", ".join(names), findings=findings)


def check_annotators(golds: Sequence[pa.Table], where: Any) -> None:
    """Nothing, if every gold is by somebody else. GoldError otherwise."""
    names = _annotators(golds)
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise GoldError(
            where, "annotators", f"{twice[0]!r} twice", "one file per annotator",
            "Rename the sheets: sheet_anna.xlsx, sheet_ben.xlsx.",
        )  # fmt: skip


def _decided(settled: bool | None, yes: int, no: int) -> bool | None:
    """The answer that stands.

    >>> _decided(None, 2, 1), _decided(None, 1, 1), _decided(False, 1, 1), _decided(None, 0, 0)
    (True, None, False, None)
    """
    if settled is not None:
        return settled
    return None if yes == no else yes > no


def _settled(adjudicated: pa.Table | None) -> Mapping[str, Mapping[str, Any]]:
    rows = adjudicated.to_pylist() if adjudicated is not None else []
    return {row["report_id"]: row for row in rows if row["judged"]}


def _annotators(golds: Sequence[pa.Table]) -> list[str]:
    return [gold["annotator"][0].as_py() if gold.num_rows else "nobody" for gold in golds]


def _all_ids(golds: Sequence[pa.Table]) -> list[str]:
    return list(dict.fromkeys(report for gold in golds for report in gold["report_id"].to_pylist()))


def _votes(golds: Sequence[pa.Table], ids: Sequence[str], finding: str) -> Votes:
    votes = np.full((len(golds), len(ids)), np.nan)
    at = {report: place for place, report in enumerate(ids)}
    for row, gold in enumerate(golds):
        columns = (gold[name].to_pylist() for name in ("report_id", "judged", finding))
        for report, judged, answer in zip(*columns, strict=True):
            if judged and answer is not None:
                votes[row, at[report]] = float(answer)
    return votes


def _differ(votes: Votes) -> npt.NDArray[np.bool_]:
    return np.asarray((votes == 1).any(axis=0) & (votes == 0).any(axis=0))


def _agreement(finding: str, votes: Votes) -> Agreement:
    shared = votes[:, np.sum(~np.isnan(votes), axis=0) >= 2]
    varied = bool((shared == 1).any() and (shared == 0).any())
    return Agreement(
        finding=finding,
        reports=shared.shape[1],
        disputed=int(np.sum(_differ(shared))),
        cohen=_cohen(shared) if varied else None,
        fleiss=_fleiss(shared) if varied else None,
        alpha=_alpha(shared) if varied else None,
    )


def _cohen(votes: Votes) -> float | None:
    from sklearn.metrics import cohen_kappa_score

    kappas = []
    for one, other in combinations(votes, 2):
        both = ~np.isnan(one) & ~np.isnan(other)
        if both.any() and len({*one[both], *other[both]}) > 1:  # else kappa is not defined
            kappas.append(float(cohen_kappa_score(one[both], other[both], labels=[0.0, 1.0])))
    return float(np.mean(kappas)) if kappas else None


def _fleiss(votes: Votes) -> float | None:
    from statsmodels.stats.inter_rater import fleiss_kappa

    whole = votes[:, ~np.isnan(votes).any(axis=0)]
    counts = np.stack([np.sum(whole == answer, axis=0) for answer in (0, 1)], axis=1)
    if (counts.sum(axis=0) == 0).any():
        return None  # one answer only, or no report that all have judged
    return float(fleiss_kappa(counts))


def _alpha(votes: Votes) -> float:
    import krippendorff

    return float(krippendorff.alpha(votes, level_of_measurement="nominal", value_domain=[0, 1]))


def disputed_reports(found: Sequence[Dispute]) -> dict[str, list[Dispute]]:
    """The disputes by report, in their order."""
    reports: dict[str, list[Dispute]] = {}
    for dispute in found:
        reports.setdefault(dispute.report_id, []).append(dispute)
    return reports


def undisputed(gold: pa.Table, findings: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Of each report of a consensus: its answers as cells of a sheet, empty where there is none."""
    for row in gold.to_pylist():
        names = (*findings, "normal")
        yield row["report_id"], {n: str(int(row[n])) for n in names if row[n] is not None}
