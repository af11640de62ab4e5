"""Label statistics as people read them: ChestX-ray8's Table 1 and the co-occurrence matrix."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.table import Table

from .stats import LabelStatistics


def statistics_table(statistics: LabelStatistics) -> Table:
    """A rich table: per finding the reports, in brackets those with another finding as well."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("finding")
    table.add_column("reports (overlap)", justify="right")
    for name, text in _rows(statistics):
        table.add_row(name, text)
    return table


def cooccurrence_table(statistics: LabelStatistics) -> Table:
    """A rich table of the reports that have both findings; columns are numbered to stay narrow."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    names = list(statistics.findings)
    table.add_column("both")
    for number in range(1, len(names) + 1):
        table.add_column(str(number), justify="right")
    for number, name in enumerate(names, start=1):
        cells = [str(statistics.cooccurrence[name][other]) for other in names]
        table.add_row(f"{number} {name}", *cells)
    return table


def statistics_markdown(statistics: LabelStatistics) -> str:
    """The same two tables as Markdown."""
    names = list(statistics.findings)
    lines = ["| finding | reports (overlap) |", "| --- | ---: |"]
    lines += [f"| {name} | {text} |" for name, text in _rows(statistics)]
    lines += ["", "| both | " + " | ".join(names) + " |", "| --- |" + " ---: |" * len(names)]
    for name in names:
        cells = " | ".join(str(statistics.cooccurrence[name][other]) for other in names)
        lines.append(f"| {name} | {cells} |")
    return "\n".join(lines) + "\n"


def _rows(statistics: LabelStatistics) -> list[tuple[str, str]]:
    rows = [(name, str(count)) for name, count in statistics.findings.items()]
    if statistics.normal is not None:
        rows.append(("normal", str(statistics.normal)))
    rows.append(("none of these", str(statistics.no_finding)))
    rows.append(("reports", str(statistics.reports)))
    return rows
