"""An audit as people read it: a table for the terminal and for Markdown, with an honest footer."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from .figures import MacroScore, Score
from .intervals import Interval
from .scores import AuditResult
from .weights import SMALLEST

HEADER = ("finding", "precision", "recall", "F1", "tp/fp/fn", "paper")
SUBSET_TITLES = {"without_hernia": "  without Hernia", "chestxray8": "  8 of ChestX-ray8"}


@dataclass(frozen=True)
class Reference:
    """Published figures to print beside an audit, as shares: F1 by finding and micro.

    `figures` holds precision, recall and f1 by finding, and for "micro".
    """

    title: str
    source: str
    note: str
    findings: dict[str, float]
    micro: float
    peer_title: str
    peer_micro: float
    figures: dict[str, dict[str, float]] = field(default_factory=dict)


@cache
def load_reference(name: str = "openi") -> Reference:
    """The published figures of this name in reference.toml. KeyError when there are none."""
    text = resources.files("mining.audit").joinpath("reference.toml").read_text(encoding="utf-8")
    data: dict[str, Any] = tomllib.loads(text)[name]
    return Reference(
        title=data["title"],
        source=data["source"],
        note=data["note"],
        findings={finding: row["f1"] / 100 for finding, row in data["findings"].items()},
        micro=data["micro"]["f1"] / 100,
        peer_title=data["peer_title"],
        peer_micro=data["peer_micro"]["f1"] / 100,
        figures={
            name: {figure: value / 100 for figure, value in row.items()}
            for name, row in (*data["findings"].items(), ("micro", data["micro"]))
        },
    )


def audit_table(result: AuditResult, *, reference: Reference | None = None) -> Table:
    """A rich table of the audit that fits 80 columns; `reference` fills the paper's column."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for position, name in enumerate(_header(reference)):
        table.add_column(name, justify="left" if position == 0 else "right", overflow="fold")
    findings = len(result.findings)
    for position, row in enumerate(_rows(result, reference), start=1):
        table.add_row(*row, end_section=position == findings)
    return table


def print_audit(
    result: AuditResult, *, reference: Reference | None = None, console: Console | None = None
) -> None:
    """Nothing: prints the table and its footer to the console (default: standard output)."""
    console = console or Console()
    console.print(audit_table(result, reference=reference))
    console.print()
    for line in audit_footer(result, reference=reference):
        console.print(line, highlight=False, markup=False)


def audit_markdown(result: AuditResult, *, reference: Reference | None = None) -> str:
    """The audit as a Markdown table with its footer as a list."""
    header = _header(reference)
    lines = [
        _markdown_row(header),
        _markdown_row(["---", *["---:"] * (len(header) - 1)]),
        *(_markdown_row([cell.strip() for cell in row]) for row in _rows(result, reference)),
        "",
        *(f"- {line}" for line in audit_footer(result, reference=reference)),
    ]
    return "\n".join(lines) + "\n"


def audit_footer(result: AuditResult, *, reference: Reference | None = None) -> list[str]:
    """What a reader must know beside the figures: which reports, what was left out, how."""
    return list(_footer(result, reference))


def _header(reference: Reference | None) -> tuple[str, ...]:
    return HEADER if reference else HEADER[:-1]


def _rows(result: AuditResult, reference: Reference | None) -> Iterator[tuple[str, ...]]:
    def row(title: str, score: Score | MacroScore, paper: float | None) -> tuple[str, ...]:
        cells = (title, *_figures(score), _outcomes(score))
        return (*cells, _share(paper) if paper is not None else "") if reference else cells

    papers = reference.findings if reference else {}
    for name, score in result.findings.items():
        yield row(name, score, papers.get(name))
    yield row("micro", result.micro, reference.micro if reference else None)
    for name, score in result.micro_subsets.items():
        yield row(SUBSET_TITLES.get(name, f"  {name}"), score, None)
    yield row("macro", result.macro, None)
    yield row("normal", result.normal, None)


def _figures(score: Score | MacroScore) -> tuple[str, str, str]:
    return (
        _with_interval(score.precision, score.precision_interval),
        _with_interval(score.recall, score.recall_interval),
        _with_interval(score.f1, score.f1_interval),
    )


def _outcomes(score: Score | MacroScore) -> str:
    if isinstance(score, MacroScore):
        return f"over {score.findings}"
    return f"{score.tp}/{score.fp}/{score.fn}"


def _with_interval(figure: float | None, interval: Interval | None) -> str:
    if figure is None or interval is None:
        return _share(figure)
    return f"{_share(figure)} {_share(interval[0], 2)}–{_share(interval[1], 2)}"


def _share(figure: float | None, digits: int = 3) -> str:
    """A share without its leading nought, as the papers print it.

    >>> _share(0.8734), _share(1.0), _share(0.9999), _share(None)
    ('.873', '1.0', '1.0', '–')
    """
    if figure is None:
        return "–"
    text = f"{figure:.{digits}f}"
    return "1.0" if text.startswith("1") else text.removeprefix("0")


def _many(number: int, noun: str) -> str:
    """A number with its noun.

    >>> _many(1, "report"), _many(3080, "report")
    ('1 report', '3,080 reports')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _markdown_row(cells: tuple[str, ...] | list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _footer(result: AuditResult, reference: Reference | None) -> Iterator[str]:
    counts, settings = result.counts, result.settings
    positive = ", ".join(settings["positive"])
    yield f"{_many(counts['scored'], 'report')} scored; positive = {positive}."
    left_out = counts["left_out"]
    if left_out["test_split"]:
        yield f"{_many(left_out['test_split'], 'report')} of OpenI's published test split left out."
    if left_out["excluded"] or left_out["not_named"]:
        excluded, unnamed = left_out["excluded"], left_out["not_named"]
        yield f"Left out by the ids given: {excluded:,} excluded, {unnamed:,} not named."
    if counts["unknown_ids"]:
        yield f"In neither table: {_many(counts['unknown_ids'], 'id')} of those named."
    yield from _unjudged(result)
    if counts["missing_in_labels"]:
        silent = _share(result.alternatives["missing_as_not_mentioned"].f1)
        yield (
            f"In the gold without a label row: {_many(counts['missing_in_labels'], 'report')} "
            f"({_many(counts['missing_in_labels_positives'], 'finding')}), not scored; "
            f"counted as silent, micro F1 is {silent}."
        )
    if counts["missing_in_gold"]:
        yield f"Labelled but not in the gold: {_many(counts['missing_in_gold'], 'report')}."
    yield from _intervals(result)
    if reference:
        yield (
            f"paper = F1 of {reference.title} ({reference.source}), {reference.note}; "
            f"{reference.peer_title} there: {_share(reference.peer_micro)}."
        )


def _intervals(result: AuditResult) -> Iterator[str]:
    drawn, samples = result.counts.get("sample"), f"{result.settings['bootstrap']:,} bootstrap"
    if drawn is None:
        yield (
            "95 % intervals: Wilson, Clopper-Pearson under 30 cases; "
            f"F1 and macro: {samples} samples of the reports."
        )
        return
    yield (
        f"Estimates for {_many(drawn['reports'], 'report')} by {drawn['judged']:,} judged ones, "
        f"drawn in {drawn['strata']:,} strata and weighted; tp/fp/fn are estimated totals. The "
        "confusion and the cases are the judged reports as they are."
    )
    yield (
        "95 % intervals: Wilson at the effective sample size; "
        f"F1 and macro: {samples} samples within the strata."
    )
    if drawn["silent_strata"]:
        yield (
            f"Nothing is known of {_many(drawn['silent_reports'], 'report')} in "
            f"{len(drawn['silent_strata']):,} strata of which no report was judged: "
            "the estimates leave them out."
        )
    if drawn["smallest"] < SMALLEST:
        yield (
            f"Few judged: {_many(drawn['smallest'], 'report')} in the smallest stratum; under "
            f"{SMALLEST} the intervals can be too narrow."
        )


def _unjudged(result: AuditResult) -> Iterator[str]:
    unjudged = result.counts["unjudged"]
    if not unjudged:
        return
    if result.design is not None:
        yield (
            f"Drawn and judged by nobody: {_many(unjudged, 'report')}; "
            "the judged ones of their strata stand for them."
        )
        return
    included = result.settings["include_unjudged"]
    other = result.alternatives["without_unjudged" if included else "with_unjudged"]
    figures = " / ".join(_share(figure) for figure in (other.precision, other.recall, other.f1))
    yield (
        f"Judged by nobody: {_many(unjudged, 'report')}, {'included' if included else 'left out'}; "
        f"micro {'without' if included else 'with'} them {figures}."
    )
