"""A comparison of two label sets as people read it on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from mining.audit.outcomes import NOT_MENTIONED
from mining.diffing import LabelDiff, steps_by_rule

_NO_RULE = "–"


def print_diff(
    diff: LabelDiff, flips: pa.Table, *, rules: int = 12, console: Console | None = None
) -> None:
    """Nothing: prints what differs: by finding, by rule, and the reports that one set lacks.

    `flips` are the diff's flips under the contract FLIPS.
    """
    console = console or Console()
    for line in summary(diff):
        console.print(line, highlight=False, markup=False)
    if not diff.flipped:
        return
    console.print()
    console.print(_by_finding(diff))
    console.print()
    console.print(_by_rule(flips, rules))


def summary(diff: LabelDiff) -> Iterator[str]:
    """What differs, in sentences."""
    yield (
        f"{diff.flipped:,} of {diff.mentioned:,} labels flipped ({diff.share:.2%}), "
        f"in {diff.compared:,} reports that both sets have."
    )
    for side, ids in (("first", diff.only_before), ("second", diff.only_after)):
        if ids:
            yield f"Only in the {side} set: {len(ids):,} reports, {ids[0]} for one."
    for side, names in (("first", diff.findings_only_before), ("second", diff.findings_only_after)):
        if names:
            yield f"Only in the {side} set: the findings {', '.join(names)}."


def _by_finding(diff: LabelDiff) -> Table:
    table = _table(("finding", "flipped", "labels", "share", "from → to"))
    for name, found in diff.findings.items():
        if found.flipped:
            steps = [f"{readable(a)} → {readable(b)} {n}" for (a, b), n in found.steps.items()]
            share = f"{found.share or 0:.1%}"
            table.add_row(
                name, f"{found.flipped:,}", f"{found.mentioned:,}", share, "\n".join(steps)
            )
    return table


def _by_rule(flips: pa.Table, most: int) -> Table:
    table = _table(("rule before", "flips", "rule after"))
    steps = steps_by_rule(flips).most_common()
    for (before, after), count in steps[:most]:
        table.add_row(before or _NO_RULE, f"{count:,}", after or _NO_RULE)
    if len(steps) > most:
        table.add_row(f"… {len(steps) - most} more", "", "")
    return table


def readable(state: str) -> str:
    """The state as people write it.

    >>> readable("not_mentioned")
    'not mentioned'
    """
    return "not mentioned" if state == NOT_MENTIONED else state


def _table(columns: Sequence[str]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for name in columns:
        right = name in ("flipped", "labels", "share", "flips")
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    return table
