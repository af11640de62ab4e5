"""A rule check as people read it: a table for the terminal and for Markdown, with its footer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mining.rulecheck.check import RuleCheck, RuleReport

_HEADER = ("rule", "fires", "decides", "alone", "precision", "shared with")
_FIRST_COLUMN = 36
_WIDTHS = (5, 7, 5, 11, 25)
_NOTE = (
    "fires: mentions that the rule matches, wherever it stands in the order; decides: it gave the"
    " verdict; alone: another verdict would stand without it; precision: of the reports whose"
    " mentions of a finding it decided, how many agree with the gold (n)."
)


def print_check(
    check: RuleCheck,
    *,
    examples: bool = False,
    verbose: bool = False,
    console: Console | None = None,
) -> None:
    """Nothing: prints the table and what follows from it; fits 100 columns.

    `examples` adds ids of reports, `verbose` the words and labels that no text and no parse holds.
    """
    console = console or Console()
    console.print(_table(check, reports=examples))
    for line in _footer(check, verbose=verbose):
        console.print(line, highlight=False, markup=False, soft_wrap=False)


def check_markdown(check: RuleCheck, *, examples: bool = False, verbose: bool = False) -> str:
    """The same as a Markdown table with the footer as a list."""
    rows = [_HEADER, ("---", *["---:"] * 4, "---")]
    for report in check.rules:
        first, *rest = _first_cell(report, reports=examples)
        cell = "<br>".join([f"`{report.rule.id}`{first[len(report.rule.id) :]}", *rest])
        rows.append((cell, *_figures(report), "<br>".join(_shared(report))))
    lines = ["| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in rows]
    return (
        "\n".join([*lines, "", *(f"- {line}" for line in _footer(check, verbose=verbose))]) + "\n"
    )


def _table(check: RuleCheck, *, reports: bool) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    # On a narrow terminal only the first column folds: figures and ids of rules stay whole.
    table.add_column(_HEADER[0], overflow="fold", max_width=_FIRST_COLUMN)
    for name, width in zip(_HEADER[1:], _WIDTHS, strict=True):
        side: Literal["left", "right"] = "left" if name == _HEADER[-1] else "right"
        table.add_column(name, justify=side, min_width=width, no_wrap=True)
    for report in check.rules:
        first, *rest = (escape(_cut(line)) for line in _first_cell(report, reports=reports))
        style = "red" if report.errors else "yellow" if report.warnings else "bold"
        cell = "\n".join([f"[{style}]{first}[/]", *(f"[dim]{line}[/]" for line in rest)])
        table.add_row(cell, *_figures(report), escape("\n".join(_shared(report))))
    return table


def _first_cell(report: RuleReport, *, reports: bool) -> Iterator[str]:
    verdict = report.rule.verdict.value if report.rule.verdict else "context"
    yield f"{report.rule.id} {verdict}/{report.kind}"
    yield from report.examples
    if reports and report.tally.reports:
        yield "in " + ", ".join(report.tally.reports)
    if report.errors:
        yield f"ERROR {report.errors[0]}"
    yield from (f"! {warning}" for warning in report.warnings)


def _cut(line: str) -> str:
    return line if len(line) <= _FIRST_COLUMN else line[: _FIRST_COLUMN - 1] + "…"


def _figures(report: RuleReport) -> tuple[str, str, str, str]:
    tally = report.tally
    share = "" if tally.precision is None else f"{tally.precision:.2f} ({tally.judged})"
    return f"{tally.fires}", f"{tally.decides}", f"{tally.alone}", share


def _shared(report: RuleReport) -> Sequence[str]:
    return [f"{rule_id} {count}" for rule_id, count in report.shared]


def _footer(check: RuleCheck, *, verbose: bool) -> Iterator[str]:
    corpus = check.corpus
    verdicts = ", ".join(f"{count} {name}" for name, count in check.verdicts.items())
    yield (
        f"{check.mentions} mentions ({verdicts}) in {corpus.report_count} reports,"
        f" {len(corpus.texts)} distinct sentences; parser {check.parser_id}"
    )
    if corpus.left_out:
        yield f"left out: {corpus.left_out} reports of OpenI's published test split"
    yield _NOTE if check.gold else _NOTE + " No gold was given."
    idle = [r.rule.id for r in check.rules if r.warnings]
    for report in check.rules:
        yield from (f"ERROR {report.rule.id}: {error}" for error in report.errors)
    yield f"to look at: {', '.join(idle) or 'none'}"
    if verbose:
        yield from _details(check)
    elif check.unseen:
        words = sum(len(u.words) for u in check.unseen)
        yield f"{words} listed words stand in no sentence of the corpus or example (-v: which)"


def _details(check: RuleCheck) -> Iterator[str]:
    for unseen in check.unseen:
        used = ", ".join(unseen.rules[:3]) + (" …" if len(unseen.rules) > 3 else "")
        yield f"never seen, list {unseen.name} ({used}): {', '.join(unseen.words)}"
    labels = sorted({label for report in check.rules for label in report.vain_labels})
    if labels:
        how = "the parser cannot give" if check.labels_known else "no parse here has"
        yield f"labels that {how}, beside others that it does: {', '.join(labels)}"
