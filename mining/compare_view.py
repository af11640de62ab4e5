"""A comparison of configurations as people read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from mining.audit.figures import Score
from mining.comparing import Compared

HEADER = ("configuration", "P", "R", "F1", "tp/fp/fn", "F1 minus the first's", "rep/s")
_WIDTH = 96


def print_comparison(
    compared: Sequence[Compared],
    *,
    reports: int,
    left_out: Mapping[str, int],
    console: Console | None = None,
) -> None:
    """Prints a row per configuration, and what a reader must know beside them."""
    console = console or Console()
    console.width = max(console.width, _WIDTH)  # a pipe has 80 columns, and no line to break
    table = Table(
        box=SIMPLE_HEAD, pad_edge=False, title=f"{reports:,} reports", title_justify="left"
    )
    for number, name in enumerate(HEADER):
        table.add_column(name, justify="left" if number == 0 else "right", no_wrap=True)
    for row in compared:
        table.add_row(*_cells(row))
    console.print(table)
    console.print(
        "All findings pooled. Differences are paired over reports, with 95 % bootstrap intervals. "
        "rep/s: reports per second of CPU from text to verdicts, loading apart. Left out: "
        + ", ".join(f"{count:,} {why.replace('_', ' ')}" for why, count in left_out.items())
        + ".",
        soft_wrap=True,
        highlight=False,
    )


def _cells(row: Compared) -> list[str]:
    score: Score = row.result.micro
    shares = [_share(v) for v in (score.precision, score.recall, score.f1)]
    return [
        row.configuration.name,
        *shares,
        f"{score.tp}/{score.fp}/{score.fn}",
        _difference(row),
        f"{row.reports_per_second:,.0f}",
    ]


def _difference(row: Compared) -> str:
    apart = row.difference
    if apart is None or apart.difference is None:
        return ""
    spread = f" ({apart.interval[0]:+.3f} to {apart.interval[1]:+.3f})" if apart.interval else ""
    return f"{apart.difference:+.3f}{spread}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
