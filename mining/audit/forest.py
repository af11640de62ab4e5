"""A forest plot's rows: every figure with its interval, beside the figure of a paper."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .figures import MacroScore, Score
from .scores import AuditResult
from .table import SUBSET_TITLES, Reference

FIGURES = ("precision", "recall", "f1")


@dataclass(frozen=True)
class Bar:
    """A figure as shares of one: its value, its interval, the paper's; None where there is none."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    paper: float | None


@dataclass(frozen=True)
class ForestRow:
    """A finding, or several pooled: what the figures rest on, and precision, recall and F1."""

    title: str
    pooled: bool
    basis: str
    bars: tuple[Bar, ...]


def forest_rows(result: AuditResult, reference: Reference | None = None) -> list[ForestRow]:
    """One row per finding, then micro, its subsets and macro."""
    return list(_rows(result, reference))


def _rows(result: AuditResult, reference: Reference | None) -> Iterator[ForestRow]:
    papers = reference.figures if reference else {}
    for name, score in result.findings.items():
        yield _row(name.replace("_", " "), score, papers.get(name, {}), pooled=False)
    yield _row("micro", result.micro, papers.get("micro", {}), pooled=True)
    for name, score in result.micro_subsets.items():
        yield _row(f"micro, {SUBSET_TITLES.get(name, name).strip()}", score, {}, pooled=True)
    yield _row("macro", result.macro, {}, pooled=True)
    yield _row("normal", result.normal, {}, pooled=True)


def _row(
    title: str, score: Score | MacroScore, paper: dict[str, float], *, pooled: bool
) -> ForestRow:
    bars = []
    for name in FIGURES:
        low, high = getattr(score, f"{name}_interval") or (None, None)
        bars.append(Bar(name, getattr(score, name), low, high, paper.get(name)))
    if isinstance(score, MacroScore):
        basis = f"over {score.findings}"
    else:
        basis = f"{score.tp} / {score.fp} / {score.fn}"
    return ForestRow(title, pooled, basis, tuple(bars))
