"""What each rule does on a corpus: counts over mentions, and precision against a gold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from data_contracts import CHESTXRAY14, Verdict
from mining.assertion.rulebook import Rule, RuleBook
from mining.rulecheck.firing import Fired

_EXAMPLE_REPORTS = 2


@dataclass
class Tally:
    """One rule's counts over the mentions of all reports.

    ``right`` of ``judged`` report-and-finding pairs agree with the gold: pairs of which the rule
    decided every mention. ``reports`` are some reports in which it decided alone, or else decided.
    """

    fires: int = 0
    decides: int = 0
    alone: int = 0
    shared: Counter[str] = field(default_factory=Counter)
    right: int = 0
    judged: int = 0
    reports: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float | None:
        """The share of the judged pairs that agree with the gold."""
        return self.right / self.judged if self.judged else None


class Tallies:
    """The tallies of all rules of a book, filled sentence by sentence."""

    def __init__(self, book: RuleBook) -> None:
        self._rules = {rule.id: rule for rule in book.rules}
        self.by_rule = {rule.id: Tally() for rule in book.rules}
        self.mentions = 0
        self.verdicts: Counter[str] = Counter()
        self._deciders: dict[tuple[str, str], list[tuple[str, ...]]] = {}

    def add(self, fired: Fired, reports: Iterable[str]) -> None:
        """Counts a mention in each of the reports that its sentence occurs in."""
        places = list(reports)
        self.mentions += len(places)
        self.verdicts[fired.ruling.verdict.value] += len(places)
        for report_id in places:
            self._deciders.setdefault((report_id, fired.finding), []).append(fired.decided_by)
        for rule in fired.rules:
            self._count(rule, fired, places)

    def _count(self, rule: Rule, fired: Fired, places: list[str]) -> None:
        tally = self.by_rule[rule.id]
        tally.fires += len(places)
        for other in fired.rules:
            if other.id != rule.id:
                tally.shared[other.id] += len(places)
        if rule.id not in fired.decided_by:
            return
        tally.decides += len(places)
        if fired.decided_alone(rule):
            tally.alone += len(places)
            fresh = [p for p in dict.fromkeys(places) if p not in tally.reports]
            tally.reports += fresh[: _EXAMPLE_REPORTS - len(tally.reports)]

    def score(self, gold: pa.Table, findings: Iterable[str] = CHESTXRAY14) -> None:
        """Compares the pairs that one rule decided with the gold; null and unjudged are no gold."""
        truth = _truth(gold, findings)
        for pair, deciders in self._deciders.items():
            positive = truth.get(pair)
            if positive is None:
                continue
            for rule_id in set(deciders[0]).intersection(*map(set, deciders[1:])):
                rule = self._rules.get(rule_id)
                if rule is not None:
                    tally = self.by_rule[rule_id]
                    tally.judged += 1
                    tally.right += positive is _says_positive(rule)


def _says_positive(rule: Rule) -> bool:
    return rule.verdict in (Verdict.PRESENT, Verdict.UNCERTAIN)


def _truth(gold: pa.Table, findings: Iterable[str]) -> Mapping[tuple[str, str], bool]:
    truth: dict[tuple[str, str], bool] = {}
    ids, judged = gold.column("report_id").to_pylist(), gold.column("judged").to_pylist()
    for finding in (f for f in findings if f in gold.column_names):
        values = gold.column(finding).to_pylist()
        for report_id, value, flag in zip(ids, values, judged, strict=True):
            if value is not None and flag:
                truth[report_id, finding] = value
    return truth
