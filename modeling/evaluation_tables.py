"""Evaluations as tables: the layout of ChestX-ray8's Table 3 and v5's Table 17, beside the papers.

Table 3 has a finding per column and a network per row, for the eight findings; Table 17 a finding
per row, for fourteen.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from data_contracts import CHESTXRAY8
from modeling.auc import Interval, macro, short
from modeling.evaluation import Evaluation

_SHORT = {
    "Atelectasis": "Atel", "Cardiomegaly": "Card", "Effusion": "Eff", "Infiltration": "Infi",
    "Nodule": "Nod", "Pneumonia": "Pna", "Pneumothorax": "Ptx", "Consolidation": "Cons",
    "Emphysema": "Emph", "Fibrosis": "Fibr", "Pleural_Thickening": "PlTh",
}  # fmt: skip
MEAN = "mean"
AucRow = tuple[Mapping[str, Interval], Interval]  # AUC per finding, and their mean


@dataclass(frozen=True)
class Published:
    """A published row: AUC per finding where the paper gives them, and the mean."""

    name: str
    table: str
    source: str
    auc: Mapping[str, float] = field(default_factory=dict)
    mean: float | None = None


@dataclass(frozen=True)
class Grid:
    """A table of texts, ready to be printed or written as Markdown."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def markdown(self) -> str:
        """The table in Markdown, title and notes with it."""
        lines = [" | ".join(row) for row in (self.header, ["---"] * len(self.header), *self.rows)]
        body = "\n".join(f"| {line} |" for line in lines)
        return "\n\n".join([f"**{self.title}**", body, *self.notes]) + "\n"

    def print(self, console: Console) -> None:
        """Prints the table; on a narrow screen its lines run on, no figure is cut."""
        table = Table(title=self.title, box=SIMPLE_HEAD, title_justify="left", title_style="bold")
        for n, name in enumerate(self.header):
            table.add_column(name, justify="left" if n == 0 else "right", no_wrap=True)
        for row in self.rows:
            table.add_row(*row)
        wide = console.options.update(max_width=1000)
        table.width = Measurement.get(console, wide, table).maximum
        console.print(table, soft_wrap=True)
        for note in self.notes:
            console.print(note, style="dim", soft_wrap=True)


@cache
def published(table: str) -> tuple[Published, ...]:
    """The rows of reference_auc.toml for "table3" or "table17"."""
    text = resources.files("modeling").joinpath("reference_auc.toml").read_text("utf-8")
    rows = []
    for row in tomllib.loads(text)["row"]:
        auc = row.get("auc", {})
        mean = row.get("macro", macro(list(auc.values())))
        rows.append(Published(row["name"], row["table"], row["source"], auc, mean))
    return tuple(row for row in rows if row.table == table)


def table_3(results: Mapping[str, Evaluation], beside: bool = True) -> Grid:
    """The AUC of several networks by name, a row each, the papers' rows above them."""
    rows = {
        name: ({f: found.auc for f, found in result.findings.items()}, result.macro)
        for name, result in results.items()
    }
    return auc_table(rows, beside)


def auc_table(rows: Mapping[str, AucRow], beside: bool = True) -> Grid:
    """The layout of Table 3 from each row's AUC per finding and their mean."""
    findings = list(dict.fromkeys(finding for auc, _ in rows.values() for finding in auc))
    header = ("network", *(_SHORT.get(name, name) for name in findings), MEAN)
    lines = []
    if beside and set(findings) <= set(CHESTXRAY8):
        for row in published("table3"):
            figures = [short(row.auc.get(name)) for name in findings]
            mean = macro([row.auc.get(name) for name in findings])
            lines.append((f"{row.name} (paper)", *figures, short(mean)))
    for name, (auc, mean_auc) in rows.items():
        intervals = [*(auc.get(finding) for finding in findings), mean_auc]
        lines.append((name, *(short(item.value) if item else "–" for item in intervals)))
        lines.append(("  95 %", *(_range(item) for item in intervals)))
    notes = (published("table3")[0].source,) if beside else ()
    return Grid("AUC, as Table 3", header, tuple(lines), notes)


def table_17(result: Evaluation, beside: bool = True) -> Grid:
    """The AUC and what goes with it, a finding per row, the published means below."""
    header: tuple[str, ...] = (
        "finding", "positive", "negative", "AUC [95 %]", "AP [95 %]", "Brier", "ECE",
    )  # fmt: skip
    if beside:
        header = (*header, "Table 3 W-CEL")
        paper = next(row for row in published("table3") if row.name == "ResNet-50 W-CEL")
    rows: list[tuple[str, ...]] = []
    for name, found in result.findings.items():
        fit = found.calibration
        row = (
            name.replace("_", " "), f"{found.positives:,}", f"{found.negatives:,}",
            found.auc.text(), found.average_precision.text(),
            short(fit.brier if fit else None), short(fit.ece if fit else None),
        )  # fmt: skip
        rows.append((*row, short(paper.auc.get(name))) if beside else row)
    blank = ("",) * (len(header) - 4)
    rows.append((MEAN, "", "", result.macro.text(), *blank))
    if beside:
        rows += [(f"{row.name}", "", "", short(row.mean), *blank) for row in published("table17")]
    notes = tuple(f"{row.name}: {row.source}" for row in published("table17")) if beside else ()
    return Grid("AUC per finding, as Table 17 of v5", header, tuple(rows), notes)


def group_table(result: Evaluation) -> Grid:
    """Macro AUC and each finding's share of positives and AUC, by view, sex and age band."""
    findings = list(result.findings)
    header = ("group", "images", "mean AUC [95 %]", *(_SHORT.get(n, n) for n in findings))
    rows = []
    for fact, groups in result.groups.items():
        for name, group in groups.items():
            cells = [f"{_share(group.rate[f])} {short(group.auc[f].value)}" for f in findings]
            mean = group.auc["macro"].text()
            rows.append((f"{fact} {name}", f"{group.images:,}", mean, *cells))
    note = "Per finding: share of positives among the known, and AUC."
    return Grid("By view, sex and age", header, tuple(rows), (note,))


def baseline_table(result: Evaluation) -> Grid:
    """The network beside a baseline that is told view, age and sex, and within one view."""
    header = ("finding", "network", "view, age, sex only", "gain", "within one view")
    rows = []
    if result.baseline is not None:
        found = result.baseline
        for name in (*result.findings, "macro"):
            own = result.macro if name == "macro" else result.findings[name].auc
            cells = (own, found.auc[name], found.gain[name], found.within_view[name])
            rows.append((MEAN if name == "macro" else name, *(item.text() for item in cells)))
    note = (
        "The baseline is a logistic regression cross-validated by patient; the gain is paired, on "
        "the same draws of patients. An interval of the gain around 0 means: no image was needed."
    )
    return Grid("What knowing no image gives", header, tuple(rows), (note,))


def print_evaluation(result: Evaluation, *, console: Console | None = None) -> None:
    """Prints all tables of an evaluation."""
    console = console or Console(highlight=False)
    console.print(f"{result.images:,} images of {result.patients:,} patients")
    for grid in evaluation_grids(result):
        grid.print(console)


def evaluation_grids(result: Evaluation) -> list[Grid]:
    """All tables of an evaluation: Table 17's layout, Table 3's, groups, baseline."""
    grids = [table_17(result), table_3({"ours": result})]
    if result.groups:
        grids.append(group_table(result))
    if result.baseline is not None:
        grids.append(baseline_table(result))
    return grids


def _range(item: Interval | None) -> str:
    if item is None or item.low is None or item.high is None:
        return ""
    return f"{short(item.low, 2)}–{short(item.high, 2)}"


def _share(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:.0%}"
