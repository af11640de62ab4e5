"""Single decisions of an audit: the wrong ones, and right ones to hold beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .outcomes import FN, FP, STATES, TP, Outcomes

WRONG, RIGHT = "wrong", "right"
OUTCOMES = {FP: "false positive", FN: "false negative", TP: "true positive"}


@dataclass(frozen=True, slots=True)
class Case:
    """A report and finding: the mined state, and how it compares with the gold.

    `rules` decided the label; several where several mentions did.
    """

    report_id: str
    finding: str
    state: str
    outcome: str
    rules: tuple[str, ...] = ()

    @property
    def right(self) -> bool:
        """Whether the label agrees with the gold."""
        return self.outcome == OUTCOMES[TP]

    @property
    def pair(self) -> tuple[str, str]:
        """Report and finding."""
        return self.report_id, self.finding


def wrong_cases(outcomes: Outcomes) -> list[Case]:
    """The labels that differ from the gold, by finding; `normal` is no label of its own here."""
    return _cases(outcomes, (FP, FN))


def right_cases(outcomes: Outcomes) -> list[Case]:
    """The positive labels that the gold confirms, by finding."""
    return _cases(outcomes, (TP,))


def count_by_rule(cases: Iterable[Case]) -> Counter[tuple[str, str]]:
    """How many cases each rule had a part in, by (rule, outcome); "" where none did."""
    return Counter((rule, case.outcome) for case in cases for rule in case.rules or ("",))


def count_by_finding(cases: Iterable[Case]) -> Counter[tuple[str, str]]:
    """How many cases there are by (finding, rule)."""
    return Counter((case.finding, rule) for case in cases for rule in case.rules or ("",))


def _cases(outcomes: Outcomes, wanted: tuple[int, ...]) -> list[Case]:
    found = []
    for column, finding in enumerate(outcomes.findings[:-1]):
        codes = outcomes.codes[:, column]
        for row in np.flatnonzero(np.isin(codes, wanted)):
            state = STATES[outcomes.states[row, column]]
            outcome = OUTCOMES[int(codes[row])]
            found.append(Case(str(outcomes.report_ids[row]), finding, state, outcome))
    return found
