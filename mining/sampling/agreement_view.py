"""How far annotators agree, as a table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from mining.sampling.agreement import Agreement

HEADER = ("finding", "Cohen", "Fleiss", "alpha", "disputed", "reports")


def agreement_rows(found: Sequence[Agreement]) -> list[tuple[str, ...]]:
    """The cells of the table, one row per finding."""
    return [
        (
            one.finding.replace("_", " "),
            *(figure_text(value) for value in (one.cohen, one.fleiss, one.alpha)),
            f"{one.disputed:,}", f"{one.reports:,}",
        )
        for one in found
    ]  # fmt: skip


def figure_text(value: float | None) -> str:
    """A coefficient, or a dash where there is nothing to measure.

    >>> figure_text(0.8125), figure_text(-0.05), figure_text(None)
    ('.81', '-.05', '–')
    """
    if value is None:
        return "–"
    return f"{value:.2f}".replace("0.", ".", 1)


def print_agreement(found: Sequence[Agreement], console: Console | None = None) -> None:
    """Nothing: prints the agreement and how to read it to the console."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for name in HEADER:
        table.add_column(name, justify="left" if name == "finding" else "right")
    for row in agreement_rows(found):
        table.add_row(*row)
    console = console or Console()
    console.print(table)
    console.print(HOW_TO_READ, highlight=False, markup=False)


HOW_TO_READ = (
    "Agreement of the annotators on the reports that at least two judged, not weighted: Cohen's "
    "kappa (mean over pairs), Fleiss' kappa (reports that all judged), Krippendorff's alpha. "
    "–: all answers are the same."
)
