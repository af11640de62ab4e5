"""Tables of figures for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from mining.audit.figures import Score
from mining.audit.intervals import Interval

_WIDTH = 160  # wider than a pipe's 80 columns, so that no figure is folded
_NOTE_WIDTH = 120  # holds a command that a reader may want to copy


@dataclass(frozen=True)
class Figures:
    """A table: its title, header, rows of cells (the first is the name), and notes under it."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    breaks: Sequence[int] = ()  # rows after which a new group starts


def print_figures(tables: Sequence[Figures], console: Console | None = None) -> None:
    """Nothing: prints the tables (default: to standard output)."""
    console = console or Console()
    console.width = max(console.width, _WIDTH)
    for figures in tables:
        table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
        for position, name in enumerate(figures.header):
            table.add_column(name, justify="right" if position else "left", no_wrap=True)
        for number, row in enumerate(figures.rows):
            table.add_row(*row, end_section=number in figures.breaks)
        console.print(figures.title, style="bold", highlight=False, markup=False)
        console.print(table)
        for note in figures.notes:
            console.print(
                fill(note, _NOTE_WIDTH, break_on_hyphens=False), highlight=False, markup=False
            )
        console.print()


def write_markdown(path: Path, heading: str, command: str, tables: Sequence[Figures]) -> None:
    """Nothing: writes the tables as one Markdown page that says which command made it."""
    lines = [f"# {heading}", "", f"Written by `{command}`; figures of that run.", ""]
    for figures in tables:
        lines += [f"## {figures.title}", "", _line(figures.header)]
        lines.append(_line(["---", *["---:"] * (len(figures.header) - 1)]))
        lines += [_line(row) for row in figures.rows]
        lines += ["", *(f"- {note}" for note in figures.notes), ""]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def share(figure: float | None, digits: int = 3) -> str:
    """A share without its leading nought.

    >>> share(0.8734), share(-0.04), share(1.0), share(None)
    ('.873', '−.040', '1.000', '–')
    """
    if figure is None:
        return "–"
    text = f"{abs(figure):.{digits}f}".removeprefix("0")
    return ("−" if figure < 0 and float(text) else "") + text


def with_interval(figure: float | None, interval: Interval | None) -> str:
    """A share with its interval.

    >>> with_interval(0.93, (0.92, 0.941))
    '.930 (.92 to .94)'
    """
    if interval is None:
        return share(figure)
    return f"{share(figure)} ({share(interval[0], 2)} to {share(interval[1], 2)})"


def pooled_cells(score: Score) -> list[str]:
    """Precision, recall and F1 with its interval."""
    return [
        share(score.precision),
        share(score.recall),
        with_interval(score.f1, score.f1_interval),
    ]


def outcome_cell(score: Score) -> str:
    """True positives, false positives, false negatives."""
    return f"{score.tp}/{score.fp}/{score.fn}"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
