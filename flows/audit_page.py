"""The audit as one page: figures with intervals, errors by finding and rule, cases to walk."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from flows.case_views import CaseViews
from flows.desk import Filter, choose_evenly, options
from flows.label_sets import LabelSet
from flows.pages import render, write_page
from mining.audit import AuditResult
from mining.audit.cases import (
    OUTCOMES,
    RIGHT,
    WRONG,
    Case,
    count_by_finding,
    count_by_rule,
    right_cases,
    wrong_cases,
)
from mining.audit.forest import forest_rows
from mining.audit.outcomes import STATES
from mining.audit.table import Reference, audit_footer
from mining.deciding import Contribution, Pair, deciding_rules
from mining.diff_view import readable
from mining.sampling import Agreement
from mining.sampling.agreement_view import HOW_TO_READ, agreement_rows

MOST_CASES = 2000
_MOST_RIGHT = 300
NO_MENTION = "not mentioned"
NOT_COUNTED = "mentioned, does not count"


def write_audit_page(
    result: AuditResult,
    labels: LabelSet,
    gold: str,
    path: Path,
    *,
    reference: Reference | None = None,
    with_text: bool = False,
    agreements: Sequence[Agreement] = (),
) -> None:
    """Writes the page of an audit; with the text of reports, only you can read it.

    Errors: NotFound when text is asked for and there are no reports; OSError.
    """
    page = audit_page(
        result, labels, gold, reference=reference, with_text=with_text, agreements=agreements
    )
    write_page(path, page, private=with_text)


def audit_page(
    result: AuditResult,
    labels: LabelSet,
    gold: str,
    *,
    reference: Reference | None = None,
    with_text: bool = False,
    agreements: Sequence[Agreement] = (),
) -> str:
    """The page: every figure of the audit, and at most 2,000 cases of its errors.

    All errors are counted; where there are more than fit, every finding and rule has its share of
    the cases. Right labels stand beside them for comparison.
    """
    wrong, right = wrong_cases(result.scored), right_cases(result.scored)
    some_right = choose_evenly(right, _MOST_RIGHT, lambda case: case.finding)
    reasons = labels.reasons([case.pair for case in (*wrong, *some_right)])
    wrong = [_with_rules(case, reasons, labels) for case in wrong]
    chosen = choose_evenly(wrong, MOST_CASES, lambda c: (c.finding, c.outcome, c.rules))
    beside = [_with_rules(case, reasons, labels) for case in some_right]
    cases = [*chosen, *beside[: MOST_CASES - len(chosen)]]
    views = CaseViews(labels, reasons, cases, with_text=with_text)
    return render(
        "audit.html",
        title="Audit of a label set",
        facts=_facts(result, labels, gold),
        result=result,
        reference=reference,
        forest=forest_rows(result, reference),
        states=[(state, readable(state)) for state in STATES],
        pooled=_pooled(result),
        by_rule=_by_rule(wrong, views),
        by_finding=_by_finding(wrong),
        notes=audit_footer(result, reference=reference),
        agreement=agreement_rows(agreements),
        agreement_note=HOW_TO_READ,
        cases=[views.view(number, case) for number, case in enumerate(cases)],
        filters=_filters(cases),
        total=len(wrong) + len(right),
        wrong=len(wrong),
        with_text=with_text,
        reasons_known=labels.mentions is not None and labels.run is not None,
        footer=(
            "It holds text of reports: keep it as you keep them." if with_text
            else "No text of reports is in it."
        ),
    )  # fmt: skip


def _with_rules(case: Case, reasons: dict[Pair, list[Contribution]], labels: LabelSet) -> Case:
    if labels.mentions is None or labels.run is None:
        return case
    own = reasons.get(case.pair, [])
    return replace(case, rules=deciding_rules(own) or (NOT_COUNTED if own else NO_MENTION,))


def _facts(result: AuditResult, labels: LabelSet, gold: str) -> dict[str, str]:
    facts = {"labels": str(labels.path)}
    if labels.made:
        facts["mined"] = labels.made
    facts["gold"] = gold
    facts["annotators"] = ", ".join(result.settings["annotators"])
    facts["positive"] = ", ".join(result.settings["positive"])
    return facts


def _pooled(result: AuditResult) -> dict[str, tuple[int, int]]:
    """By mined state: what the gold says, yes and no, over all findings."""
    counts: Counter[tuple[str, str]] = Counter()
    for states in result.confusion.values():
        for state, sides in states.items():
            for side, number in sides.items():
                counts[state, side] += number
    return {s: (counts[s, "gold_positive"], counts[s, "gold_negative"]) for s in STATES}


def _by_rule(wrong: Sequence[Case], views: CaseViews) -> list[dict[str, Any]]:
    counts = count_by_rule(wrong)
    total: Counter[str] = Counter()
    for (rule, _), number in counts.items():
        total[rule] += number
    false_positive, false_negative, _ = OUTCOMES.values()
    return [
        {
            "rule": rule,
            "reads": views.reads(rule),
            "fp": counts[rule, false_positive],
            "fn": counts[rule, false_negative],
            "total": number,
        }
        for rule, number in total.most_common()
    ]


def _by_finding(wrong: Sequence[Case]) -> list[dict[str, Any]]:
    """The findings with errors, each with the rules behind most of them."""
    by_rule = count_by_finding(wrong)
    rows = []
    for finding, number in Counter(case.finding for case in wrong).most_common():
        rules = Counter({r: n for (f, r), n in by_rule.items() if f == finding and r})
        kinds = Counter(case.outcome for case in wrong if case.finding == finding)
        rows.append(
            {
                "finding": finding,
                "total": number,
                "fp": kinds["false positive"],
                "fn": kinds["false negative"],
                "rules": rules.most_common(3),
            }
        )
    return rows


def _filters(cases: Sequence[Case]) -> list[Filter]:
    wrong = [case for case in cases if not case.right]
    outcomes = [WRONG] * len(wrong) + [case.outcome for case in wrong]
    outcomes += [RIGHT] * (len(cases) - len(wrong))
    names = [WRONG, "false positive", "false negative", RIGHT]
    findings = [case.finding for case in cases]
    titles = {name: name.replace("_", " ") for name in dict.fromkeys(findings)}
    states = {state: readable(state) for state in STATES}
    return [
        Filter("outcome", "Right or wrong", options(outcomes, {n: n for n in names}), WRONG),
        Filter("finding", "Finding", options(findings, titles)),
        Filter("state", "Verdict", options([case.state for case in cases], states)),
        Filter("rule", "Rule", options(rule for case in cases for rule in case.rules)),
    ]
