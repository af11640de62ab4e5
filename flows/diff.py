"""Comparing two label sets for the command line: the flips with reasons, as tables and a page."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from data_contracts import FLIPS, content_hash, write_table
from data_contracts.findings import finding_names
from flows.desk import Filter, choose_evenly, options
from flows.label_sets import LabelSet, sentences_of
from flows.pages import render, replacing, write_page
from mining.audit.outcomes import STATES
from mining.deciding import Contribution, Pair, deciding_rules
from mining.diff_view import readable
from mining.diffing import LabelDiff, diff_labels, steps_by_rule, with_reasons

if TYPE_CHECKING:  # loads the parser; a comparison needs none
    from mining.rulecheck.trial import Trial

MOST_CASES = 2000


@dataclass(frozen=True)
class Comparison:
    """What differs between two label sets, the flips with their rules and, if asked, sentences.

    `sets` describes both by a name of each; `provenance` goes into the table of flips.
    """

    sets: Mapping[str, str]
    provenance: Mapping[str, str]
    diff: LabelDiff
    flips: pa.Table
    with_text: bool


def compare_sets(before: LabelSet, after: LabelSet, *, with_text: bool) -> Comparison:
    """What differs between two label sets, and why.

    Errors: AuditError when they cannot be compared; NotFound when text is asked for and a set has
    none; ProfileError.
    """
    diff = diff_labels(before.table, after.table)
    pairs = list(
        zip(diff.flips["report_id"].to_pylist(), diff.flips["finding"].to_pylist(), strict=True)
    )
    reasons = [side.reasons(pairs) for side in (before, after)]
    rules = [{pair: deciding_rules(own) for pair, own in side.items()} for side in reasons]
    sentences = None
    if with_text:
        one, other = (_sentences(*side) for side in zip((before, after), reasons, strict=True))
        sentences = (one, other)
    flips = with_reasons(diff.flips, (rules[0], rules[1]), sentences)
    named = {"first": before, "second": after}
    return Comparison(
        sets={name: f"{one.path} {one.made}".strip() for name, one in named.items()},
        provenance={"before": content_hash(before.path), "after": content_hash(after.path)},
        diff=diff,
        flips=flips,
        with_text=with_text,
    )


def of_trial(run: LabelSet, trial: "Trial", rules: str, *, with_text: bool) -> Comparison:
    """What the rules tried would change in a run. Errors: NotFound when there are no texts."""
    flips = trial.flips
    if with_text:
        one, other = (_sentences(run, reasons) for reasons in trial.reasons)
        before, after = trial.rules
        flips = with_reasons(trial.diff.flips, (before, after), (one, other))
    return Comparison(
        sets={"the run": f"{run.path} {run.made}", "rules tried": rules},
        provenance={"before": content_hash(run.path), "after": f"rules {trial.book_hash}"},
        diff=trial.diff,
        flips=flips,
        with_text=with_text,
    )


def write_flips(made: Comparison, path: Path) -> None:
    """Writes the table of flips; only you can read it when it holds text. Errors: OSError."""
    with replacing(path, private=made.with_text) as inside:
        write_table(inside, made.flips, FLIPS, made.provenance)


def write_diff_page(made: Comparison, path: Path) -> None:
    """Writes the page of what differs. Errors: OSError."""
    write_page(path, diff_page(made), private=made.with_text)


def diff_page(made: Comparison) -> str:
    """The page: figures by finding, state and rule, and at most 2,000 flips to walk."""
    rows = made.flips.to_pylist()
    chosen = choose_evenly(
        rows, MOST_CASES, lambda r: (r["finding"], r["before"], r["after"], *r["rules_after"])
    )
    cases = [_case(number, row) for number, row in enumerate(chosen)]
    return render(
        "diff.html",
        title="What changed between two label sets",
        facts=_facts(made),
        diff=made.diff,
        states=[(state, readable(state)) for state in STATES],
        rules=steps_by_rule(made.flips).most_common(),
        cases=cases,
        filters=_filters(cases, made.diff),
        total=len(rows),
        with_text=made.with_text,
        footer="A label counts where either set mentions the finding.",
    )


def _sentences(side: LabelSet, reasons: Mapping[Pair, list[Contribution]]) -> dict[Pair, list[str]]:
    texts = side.texts({report for report, _ in reasons})
    return {
        pair: sentences_of(texts[pair[0]], own) for pair, own in reasons.items() if pair[0] in texts
    }


def _facts(made: Comparison) -> dict[str, str]:
    facts = dict(made.sets)
    facts["reports in both"] = f"{made.diff.compared:,}"
    facts["only in the first"] = f"{len(made.diff.only_before):,}"
    facts["only in the second"] = f"{len(made.diff.only_after):,}"
    return facts


def _case(number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    rules = dict.fromkeys([*row["rules_before"], *row["rules_after"]])
    return {
        **row,
        "title": row["finding"].replace("_", " "),
        "sub": row["report_id"],
        "chip": f"{readable(row['before'])} → {readable(row['after'])}",
        "chip_kind": row["after"],
        "sides": [
            (readable(row[side]), row[f"rules_{side}"], row[f"sentences_{side}"])
            for side in ("before", "after")
        ],
        "fields": {
            "finding": row["finding"],
            "before": row["before"],
            "after": row["after"],
            "rule": "|".join(rules),
        },
    }


def _filters(cases: list[dict[str, Any]], diff: LabelDiff) -> list[Filter]:
    def field(name: str) -> list[str]:
        return [value for case in cases for value in case["fields"][name].split("|") if value]

    titles = {name: name.replace("_", " ") for name in finding_names(diff.findings)}
    return [
        Filter("finding", "Finding", options(field("finding"), titles)),
        Filter("before", "From", options(field("before"), {s: readable(s) for s in STATES})),
        Filter("after", "To", options(field("after"), {s: readable(s) for s in STATES})),
        Filter("rule", "Rule", options(field("rule"))),
    ]
