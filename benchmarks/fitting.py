"""Reading a profile's decisions off a gold by one plain rule, so that it can be done per fold.

A decision is read off the reports in which it alone decides: for a concept form, the reports whose
only evidence of the finding are mentions of this form; for a hedge rule, the reports (per finding)
whose only evidence is hedged by this rule. The form or hedge counts as present if at least half of
them are positive in the gold. Under three such reports the clinical profile's decision stands.
Forms first: a hedge is judged on the forms that count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from benchmarks.corpus import Corpus, Judged, JudgedSentences
from data_contracts import CHESTXRAY14, Verdict
from mining.profiles import Profile
from mining.reading import HEDGED_FORM_RULE

FOLDS = 5
THRESHOLD = 0.5
MIN_CASES = 3

Key = tuple[str, ...]  # (finding, form) or (hedge rule,)
Positives = frozenset[tuple[str, str]]  # (report, finding) pairs of the gold


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a report says for a finding: its current mentions that are not denied."""

    report_id: str
    finding: str
    mentions: tuple[Judged, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """How many reports a decision is read off, and how many of them are positive."""

    cases: int = 0
    positive: int = 0

    @property
    def counts(self) -> bool | None:
        """Whether the gold counts it; None: too few cases to say."""
        if self.cases < MIN_CASES:
            return None
        return self.positive >= THRESHOLD * self.cases


def fold_of(report_id: str, folds: int = FOLDS) -> int:
    """The fold of a report: a hash of its id, the same on every machine.

    >>> [fold_of(name) for name in ("A", "B", "C")] == [fold_of(name) for name in "ABC"]
    True
    """
    return int(hashlib.sha256(report_id.encode()).hexdigest(), 16) % folds


def never_read(report_id: str) -> bool:
    """Whether this report belongs to the two fifths whose errors nobody read for the rules."""
    return int(hashlib.md5(report_id.encode(), usedforsecurity=False).hexdigest(), 16) % 10 < 4


def restrict(corpus: Corpus, report_ids: Collection[str]) -> Corpus:
    """The corpus of these reports only; its distinct sentences keep their numbers."""
    kept = [n for n, report_id in enumerate(corpus.report_ids) if report_id in report_ids]
    return replace(
        corpus,
        report_ids=tuple(corpus.report_ids[n] for n in kept),
        sentences_of=tuple(corpus.sentences_of[n] for n in kept),
    )


def gold_positives(gold: pa.Table) -> Positives:
    """The (report, finding) pairs that the gold sets."""
    ids = gold["report_id"].to_pylist()
    return frozenset(
        (report_id, finding)
        for finding in CHESTXRAY14
        for report_id, flag in zip(ids, gold[finding].to_pylist(), strict=True)
        if flag
    )


def collect_evidence(corpus: Corpus, judged: JudgedSentences) -> list[Evidence]:
    """The evidence of every report and finding that has any."""
    found: dict[tuple[str, str], list[Judged]] = {}
    for report_id, sentences in zip(corpus.report_ids, corpus.sentences_of, strict=True):
        for mention in (m for number in sentences for m in judged[number]):
            if mention.finding in CHESTXRAY14 and _asserts(mention):
                found.setdefault((report_id, mention.finding), []).append(mention)
    return [Evidence(*key, tuple(mentions)) for key, mentions in found.items()]


def _asserts(mention: Judged) -> bool:
    return (
        mention.verdict in (Verdict.PRESENT, Verdict.UNCERTAIN)
        and mention.temporality == "current"
        and mention.experiencer == "patient"
    )


def fit_profile(evidence: Sequence[Evidence], positives: Positives, default: Profile) -> Profile:
    """The profile whose decisions are read off this evidence, `default`'s where it says nothing."""
    plain = tally_decisions(_form_cases(evidence, hedged=False), positives)
    hedged = tally_decisions(_form_cases(evidence, hedged=True), positives)
    forms = {finding: dict(states) for finding, states in default.forms.items()}
    for finding, form in sorted(plain.keys() | hedged.keys()):
        counts = plain.get((finding, form), Tally()).counts
        firm = hedged.get((finding, form), Tally()).counts
        _decide(forms.setdefault(finding, {}), form, counts, firm)
    rules = dict(default.rules)
    for (rule,), tally in tally_decisions(_rule_cases(evidence, forms), positives).items():
        if tally.counts is not None:
            rules[rule] = "present" if tally.counts else "uncertain"
    return Profile(
        name=f"{default.name}-fitted",
        reads="Decisions read off a gold.",
        rules=rules,
        forms=forms,
        aggregation=default.aggregation,
        content_hash=hashlib.sha256(repr((rules, forms)).encode()).hexdigest(),
    )


def _decide(states: dict[str, str], form: str, counts: bool | None, firm: bool | None) -> None:
    """Sets what the gold says of a form, and of phrases of it that are hedges themselves."""
    if counts is False:
        states[form] = "ignore"
    elif firm:
        states[form] = "present"
    elif counts:
        states.pop(form, None)


def tally_decisions(
    cases: Iterable[tuple[Key, Evidence]], positives: Positives
) -> dict[Key, Tally]:
    """For each decision the reports that it is read off, and how many the gold calls positive."""
    tallies: dict[Key, Tally] = {}
    for key, item in cases:
        before = tallies.get(key, Tally())
        hit = (item.report_id, item.finding) in positives
        tallies[key] = Tally(before.cases + 1, before.positive + hit)
    return tallies


def _form_cases(evidence: Iterable[Evidence], *, hedged: bool) -> Iterator[tuple[Key, Evidence]]:
    """Reports with evidence of one form only: plainly asserted, or all of it a hedging phrase."""
    for item in evidence:
        forms = {m.form for m in item.mentions}
        if len(forms) > 1:
            continue
        if hedged:
            decides = all(m.rule_id == HEDGED_FORM_RULE for m in item.mentions)
        else:
            decides = any(m.verdict is Verdict.PRESENT for m in item.mentions)
        if decides:
            yield (item.finding, *forms), item


def _rule_cases(
    evidence: Iterable[Evidence], forms: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[Key, Evidence]]:
    """Reports whose evidence, in the forms that count, is hedged by one rule only."""
    for item in evidence:
        ignored = {form for form, state in forms.get(item.finding, {}).items() if state == "ignore"}
        left = [m for m in item.mentions if m.form not in ignored]
        rules = {m.rule_id for m in left}
        hedged = all(m.verdict is Verdict.UNCERTAIN for m in left)
        if len(rules) == 1 and hedged and HEDGED_FORM_RULE not in rules:
            yield tuple(rules), item


def split_evidence(evidence: Iterable[Evidence], belongs: Callable[[str], bool]) -> list[Evidence]:
    """The evidence of the reports that belong."""
    return [item for item in evidence if belongs(item.report_id)]
