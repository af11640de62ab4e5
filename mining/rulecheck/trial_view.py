"""A trial of rules as people read it: what flips, by which rules, and what that does to P and R."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from mining.audit import AuditResult
from mining.audit.figures import Score
from mining.audit.outcomes import FN, FP
from mining.audit.paired import Difference
from mining.diff_view import print_diff
from mining.rulecheck.trial import RuleChanges, Trial


@dataclass(frozen=True)
class Judged:
    """A trial against a gold: both audits, and the paired difference of their micro F1."""

    before: AuditResult
    after: AuditResult
    difference: Difference


def mended_and_broken(judged: Judged) -> Mapping[str, tuple[int, int]]:
    """By finding: how many wrong labels the rules tried would mend, and right ones break."""
    old, new = judged.before.scored, judged.after.scored
    wrong = np.isin(old.codes, (FP, FN)), np.isin(new.codes, (FP, FN))
    mended, broken = wrong[0] & ~wrong[1], ~wrong[0] & wrong[1]
    return {
        name: (int(mended[:, n].sum()), int(broken[:, n].sum()))
        for n, name in enumerate(old.findings[:-1])
    }


def print_trial(
    trial: Trial,
    *,
    judged: Judged | None = None,
    broken: Sequence[str] = (),
    console: Console | None = None,
) -> None:
    """Nothing: prints what changed in the rules and in the labels, and how good both are.

    `broken` says which of the rules' own examples they do not meet.
    """
    console = console or Console()
    for line in (*_account(trial), ""):
        console.print(line, highlight=False, markup=False)
    print_diff(trial.diff, trial.flips, console=console)
    if judged is not None:
        console.print()
        console.print(gold_table(judged))
        for line in _verdict(judged):
            console.print(line, highlight=False, markup=False)
    for line in broken:
        console.print(f"ERROR {line}", style="red", highlight=False, markup=False)


def gold_table(judged: Judged) -> Table:
    """A rich table of the findings whose figures change, and micro: before → after."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("finding")
    for name in ("precision", "recall", "F1", "mended", "broken"):
        table.add_column(name, justify="right")
    changes = mended_and_broken(judged)
    for name, (mended, broken) in changes.items():
        if mended or broken:
            before, after = judged.before.findings[name], judged.after.findings[name]
            table.add_row(name, *_figures(before, after), str(mended), str(broken))
    totals = [sum(pair[side] for pair in changes.values()) for side in (0, 1)]
    micro = _figures(judged.before.micro, judged.after.micro)
    table.add_row("micro", *micro, *(str(total) for total in totals))
    return table


def _account(trial: Trial) -> Iterator[str]:
    yield from _changes(trial.changes)
    yield (
        f"{trial.looked_at:,} distinct sentences judged anew, {trial.judged_otherwise:,} otherwise "
        f"than before, in {trial.reports:,} reports; {trial.parsed:,} parsed for it; "
        f"{trial.seconds:.1f} s."
    )


def _changes(changes: RuleChanges | None) -> Iterator[str]:
    if changes is None:
        yield (
            "The run was not mined by the package's rules as they are: "
            "every sentence is judged anew, and all that differs is shown."
        )
        return
    if not changes:
        yield "No rule does anything else than before."
    for what, names in (
        ("added", changes.added), ("removed", changes.removed), ("changed", changes.changed),
    ):  # fmt: skip
        if names:
            yield f"Rules {what}: {', '.join(names)}."
    if changes.everything:
        yield "What mentions climb (graph.toml) has changed."


def _verdict(judged: Judged) -> Iterator[str]:
    found = judged.difference
    if found.difference is not None and found.interval is not None:
        low, high = found.interval
        yield (
            f"Micro F1 {found.difference:+.4f} (95 % paired bootstrap {low:+.4f} to {high:+.4f}), "
            f"{judged.before.counts['scored']:,} reports scored."
        )


def _figures(before: Score, after: Score) -> tuple[str, ...]:
    pairs = (
        (getattr(before, name), getattr(after, name)) for name in ("precision", "recall", "f1")
    )
    return tuple(_step(one, other) for one, other in pairs)


def _step(one: float | None, other: float | None) -> str:
    """Two shares as a step; one where they look the same.

    >>> _step(0.5, 0.6), _step(0.5, 0.5), _step(None, 1.0)
    ('.500 → .600', '.500', '– → 1.000')
    """
    texts = ["–" if v is None else f"{v:.3f}".removeprefix("0") for v in (one, other)]
    return texts[0] if texts[0] == texts[1] else " → ".join(texts)


def judge_trial(trial: Trial, labels: pa.Table, gold: pa.Table, findings: Sequence[str]) -> Judged:
    """The labels before and after against a gold; OpenI's published test split stays out.

    Errors: mining.audit.AuditError.
    """
    from mining.audit import audit, paired_difference

    return Judged(
        before=audit(labels, gold, findings=findings, bootstrap=0),
        after=audit(trial.after, gold, findings=findings, bootstrap=0),
        difference=paired_difference(trial.after, labels, gold, findings=findings).micro,
    )
