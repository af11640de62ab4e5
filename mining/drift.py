"""What a run looks like in shares, and which of them moved since an earlier run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import Verdict

# These are bad news only when they rise: a second night that knows its sentences is no alarm.
_RISING = frozenset({"unparsed_rate", "new_sentence_rate", "reject_rate"})
# A share that moved less than this many standard errors may have moved by chance.
_ERRORS = 3.0


@dataclass(frozen=True)
class Rate:
    """`count` of `of` things; a share where there are any."""

    count: int
    of: int

    @property
    def share(self) -> float | None:
        """The share, 0 to 1; None of nothing."""
        return self.count / self.of if self.of else None


def _limit(default: float, meaning: str) -> Any:
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True)
class DriftLimits:
    """By how much shares may move since an earlier run before a person should look."""

    label_share: float = _limit(0.02, "of a finding's state among all reports")
    mention_rate: float = _limit(0.05, "reports that mention any finding")
    unparsed_rate: float = _limit(0.005, "mentions that could not be judged")
    new_sentence_rate: float = _limit(0.10, "distinct sentences that no run had judged before")
    reject_rate: float = _limit(0.01, "rows of the source that were refused")

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if not 0 <= value <= 1:
                raise ValueError(f"{item.name} = {value}: expected a share from 0 to 1")


@dataclass(frozen=True)
class Moved:
    """A share of two runs; `limit` is by how much it may move."""

    what: str
    before: Rate
    after: Rate
    limit: float

    @property
    def change(self) -> float | None:
        """By how much the share moved; None where one run has no such thing."""
        before, after = self.before.share, self.after.share
        return None if before is None or after is None else after - before

    @property
    def alarm(self) -> bool:
        """Whether it moved by more than the limit, and by more than chance would have it.

        Chance: 3 standard errors of the difference of two proportions. Where two runs share
        reports that is too wide, so that the alarm is rather late than false.
        """
        change = self.change
        if change is None or abs(change) <= self.limit:
            return False
        if change < 0 and self.what in _RISING:
            return False
        pooled = (self.before.count + self.after.count) / (self.before.of + self.after.of)
        variance = pooled * (1 - pooled) * (1 / self.before.of + 1 / self.after.of)
        return abs(change) > _ERRORS * math.sqrt(variance)


def label_rates(tables: Iterable[pa.Table], findings: Iterable[str]) -> dict[str, Rate]:
    """The share of reports in each state of each finding, and of those that mention any.

    The keys are "Effusion present" and the like, and "mention_rate".
    """
    names, states = tuple(findings), tuple(Verdict)
    counts = dict.fromkeys([f"{name} {state.value}" for name in names for state in states], 0)
    reports = mentioning = 0
    for table in tables:
        reports += table.num_rows
        any_mention = pa.array([False] * table.num_rows)
        for name in names:
            column = table.column(name)
            any_mention = pc.or_(any_mention, pc.is_valid(column))
            for pair in pc.value_counts(column).to_pylist():
                if pair["values"] is not None:
                    counts[f"{name} {pair['values']}"] += pair["counts"]
        mentioning += pc.sum(any_mention).as_py() or 0
    rates = {what: Rate(count, reports) for what, count in counts.items()}
    return {**rates, "mention_rate": Rate(mentioning, reports)}


def moves(
    before: Mapping[str, Rate], after: Mapping[str, Rate], limits: DriftLimits
) -> Iterator[Moved]:
    """What both runs have a share of, in the order of `after`.

    >>> old, new = {"reject_rate": Rate(0, 1000)}, {"reject_rate": Rate(90, 1000)}
    >>> [(move.what, move.alarm) for move in moves(old, new, DriftLimits())]
    [('reject_rate', True)]
    """
    own = {item.name for item in fields(limits)}
    for what, rate in after.items():
        if what in before:
            limit = getattr(limits, what if what in own else "label_share")
            yield Moved(what, before[what], rate, limit)
