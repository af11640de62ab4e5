"""The gate to publishing a label set: what must hold, and which conditions do not."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from mining.diffing import LabelDiff

_SHARES = ("min_precision", "min_recall", "max_reject_rate", "max_flipped", "max_lost")


def _said(default: Any, meaning: str) -> Any:
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True)
class FindingLimits:
    """What must hold for one finding; 0 asks for nothing."""

    min_precision: float = 0.0
    min_recall: float = 0.0
    min_judged: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError for a limit that nothing can meet."""
        _check(self)


@dataclass(frozen=True)
class GateLimits:
    """What must hold before a label set is published, and where it is published."""

    published: str = _said("", "folder of published label sets; empty: nothing is published")
    min_precision: float = _said(0.0, "least lower bound of each finding's precision (95 %)")
    min_recall: float = _said(0.0, "least lower bound of each finding's recall (95 %)")
    min_judged: int = _said(0, "least number of judged reports behind each finding")
    max_reject_rate: float = _said(1.0, "largest share of rows that a stage may reject")
    max_flipped: float = _said(1.0, "largest share of labels flipped since the set published last")
    max_lost: float = _said(1.0, "largest share of the last set's reports that may be gone")
    findings: dict[str, Any] = field(
        default_factory=dict,
        metadata={"meaning": "other limits for a finding: [gate.findings.Hernia] min_judged = 0"},
    )

    def __post_init__(self) -> None:
        """Raises ValueError for a limit that nothing can meet, or that is not known."""
        _check(self)
        for finding in self.findings:
            self.of(finding)

    def of(self, finding: str) -> FindingLimits:
        """The limits of a finding: its own, else those of all."""
        own = self.findings.get(finding, {})
        names = [item.name for item in fields(FindingLimits)]
        if not isinstance(own, Mapping):
            raise ValueError(f"findings.{finding}: expected a table, [gate.findings.{finding}]")
        for name, value in own.items():
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1, cutoff=0)[0]
                raise ValueError(f"findings.{finding}: no such key {name}; the nearest is {near}")
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"findings.{finding}: {name} = {value!r}: expected a number")
        common = {name: getattr(self, name) for name in names}
        return FindingLimits(**{**common, **own})


@dataclass(frozen=True)
class Condition:
    """One condition of the gate: what was wanted, what was found, whether it holds."""

    name: str
    wanted: str
    found: str
    passed: bool

    def __str__(self) -> str:
        return f"{self.name}: found {self.found}, wanted {self.wanted}"

    def to_json(self) -> dict[str, Any]:
        """The condition as plain data."""
        return asdict(self)


def check_gate(
    limits: GateLimits,
    *,
    figures: Mapping[str, Mapping[str, Any]] | None,
    stages: Mapping[str, Mapping[str, Any]],
    diff: LabelDiff | None,
) -> list[Condition]:
    """Every condition, in a fixed order; the set may be published where all have passed.

    `figures` are the findings of an audit's JSON (None: there was no audit), `stages` those of a
    run's record, `diff` what differs from the set published last (None: there is none).
    """
    return [
        *_rejects(limits, stages),
        *_figures(limits, figures),
        *_changes(limits, diff),
    ]


def _rejects(limits: GateLimits, stages: Mapping[str, Mapping[str, Any]]) -> Iterator[Condition]:
    for name, stage in stages.items():
        rejects, rows = stage["rejects"], stage["rows_in"]
        if rejects or name == "ingest":
            yield Condition(
                f"rejects of stage {name}", f"at most {limits.max_reject_rate:.2%}",
                f"{rejects:,} of {rows:,}", rejects <= limits.max_reject_rate * rows,
            )  # fmt: skip


def _figures(
    limits: GateLimits, figures: Mapping[str, Mapping[str, Any]] | None
) -> Iterator[Condition]:
    if figures is None:
        asked = any(limits.of(name) != FindingLimits() for name in ("", *limits.findings))
        if asked:
            yield Condition("audit", "an audit against a gold", "none", False)
        return
    for finding in dict.fromkeys([*figures, *limits.findings]):
        own, score = limits.of(finding), figures.get(finding, {})
        if own.min_judged:
            judged = score.get("judged", 0)
            yield Condition(
                f"{finding}, judged reports", f"at least {own.min_judged:,}", f"{judged:,}",
                judged >= own.min_judged,
            )  # fmt: skip
        for name in ("precision", "recall"):
            least = getattr(own, f"min_{name}")
            if least:
                yield _bound(finding, name, least, score)


def _bound(finding: str, name: str, least: float, score: Mapping[str, Any]) -> Condition:
    interval = score.get(f"{name}_interval")
    title, wanted = f"{finding}, {name}", f"a lower bound of {least:.3f} or more"
    if interval is None:
        return Condition(title, wanted, "no case to judge it by", False)
    found = f"{score[name]:.3f} with lower bound {interval[0]:.3f}"
    return Condition(title, wanted, found, interval[0] >= least)


def _changes(limits: GateLimits, diff: LabelDiff | None) -> Iterator[Condition]:
    if diff is None:
        return
    yield Condition(
        "labels flipped since the last set", f"at most {limits.max_flipped:.2%}",
        f"{diff.flipped:,} of {diff.mentioned:,} ({diff.share:.2%})",
        diff.share <= limits.max_flipped,
    )  # fmt: skip
    reports = diff.compared + len(diff.only_before)
    yield Condition(
        "reports of the last set that are gone", f"at most {limits.max_lost:.2%}",
        f"{len(diff.only_before):,} of {reports:,}",
        len(diff.only_before) <= limits.max_lost * reports,
    )  # fmt: skip
    if diff.findings_only_before:
        lost = ", ".join(diff.findings_only_before)
        yield Condition("findings of the last set", "all of them", f"none of {lost}", False)


def _check(limits: FindingLimits | GateLimits) -> None:
    for name in _SHARES:
        value = getattr(limits, name, 0.0)
        if not 0 <= value <= 1:
            raise ValueError(f"{name} = {value}: expected a share from 0 to 1")
    if limits.min_judged < 0:
        raise ValueError(f"min_judged = {limits.min_judged}: expected 0 or more")
