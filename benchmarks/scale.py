"""Hospital scale: a first run, a night, a changed rule and an unchanged rerun, by size of corpus.

    python -m benchmarks.scale --reports 10000 100000 [--workers 2] [--markdown FILE] [--json FILE]

The corpus is made of OpenI's sentences (benchmarks.recombination) in a temporary folder that goes
away at the end. Every run is the command `cxrmine mine` in processes of its own, watched from
outside. Rules are changed in a copy of the package: one hedge ("may"), then all, less certain.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.corpus import OPENI, cut_reports, read_corpus
from benchmarks.material import Material, read_material
from benchmarks.recombination import (
    curve_figures,
    growth_curve,
    plan,
    share_figures,
    write_corpus,
)
from benchmarks.view import Figures, print_figures, write_markdown
from benchmarks.watching import Watched, watch

COMMAND = "python -m benchmarks.scale"
ROOT = Path(__file__).parents[1]
PACKAGES = ("data_contracts", "flows", "mining", "modeling")
RUNS = ("first", "unchanged", "nightly", "one rule", "all hedges")
# The targets: reports per second on two cores, bytes, shares of the first run, seconds.
RATE, MEMORY, NIGHTLY, CHANGED, RERUN = 5_000, 1_500_000_000, 0.03, 0.15, 10.0


@dataclass(frozen=True)
class Size:
    """One size of corpus: its reports, and what each run took."""

    reports: int
    runs: dict[str, Watched]

    def share(self, run: str) -> float:
        """The CPU seconds of a run in those of the first."""
        return self.runs[run].cpu_seconds / self.runs["first"].cpu_seconds


def measure(
    material: Material, reports: int, folder: Path, *, workers: int
) -> tuple[Size, list[Figures]]:
    """What the four runs take on a corpus of so many reports, made in `folder`; what it is like."""
    corpus = folder / "reports"
    hashes, counts = write_corpus(material, corpus, plan(reports), seed=0, processes=workers)
    curve = curve_figures(material, growth_curve(material, hashes, counts), 0.0)
    last = pq.read_table(corpus / f"reports-{plan(reports)[-1].number:05}.parquet").to_pydict()
    made = cut_reports(dict(zip(last["report_id"], last["text"], strict=True)))
    shares = share_figures(read_corpus(material.report_ids, OPENI), made)
    tables = [Figures(curve.title, curve.header, curve.rows, curve.notes[:1]), shares]
    print_figures(tables)

    def run(packages: Path = ROOT) -> Watched:
        return mine(corpus, folder, packages, workers)

    runs = {"first": run(), "unchanged": run()}
    night = plan(reports // 100, first=reports)
    write_corpus(material, corpus, night, seed=0, processes=1)
    runs["nightly"] = run()
    runs["one rule"] = run(edited_package(folder / "edited", rule="unc.may"))
    runs["all hedges"] = run(edited_package(folder / "hedges"))
    return Size(reports, runs), tables


def mine(corpus: Path, folder: Path, packages: Path, workers: int) -> Watched:
    """What `cxrmine mine` took on the corpus, with these packages and the cache in `folder`."""
    environment = {**os.environ, "PYTHONPATH": str(packages), "OMP_NUM_THREADS": "1",
                   "CXRMINE_CACHE": str(folder / "cache")}  # fmt: skip
    command = [sys.executable, "-m", "flows.cli", "mine", str(corpus), "--out",
               str(folder / "out"), "--workers", str(workers), "--allow-drift"]  # fmt: skip
    watched = watch(command, environment, packages)
    print(f"{packages.name:<8} {watched.seconds:8.1f} s  {watched.cpu_seconds:8.1f} CPU s  "
          f"{watched.peak_bytes / 1e6:6.0f} MB", file=sys.stderr)  # fmt: skip
    print(watched.said, file=sys.stderr)
    return watched


def edited_package(folder: Path, rule: str | None = None) -> Path:
    """A copy of our packages in which one hedge, or every one, is a tenth as certain."""
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    [file] = (folder / "mining" / "rules").glob("30_*.toml")
    rules = file.read_text(encoding="utf-8").split("[[rule]]")
    for number, text in enumerate(rules):
        if rule is None or f'id = "{rule}"' in text:
            rules[number] = text.replace("certainty = 0.", "certainty = 0.0", 1)
    file.write_text("[[rule]]".join(rules), encoding="utf-8")
    compileall.compile_dir(folder, quiet=1)  # as the package itself is by now
    return folder


def size_figures(sizes: Sequence[Size], workers: int) -> Figures:
    """The runs of every size, each beside its target."""
    rows = []
    for size in sizes:
        first = size.runs["first"]
        peak = max(run.peak_bytes for run in size.runs.values())
        rows.append([
            f"{size.reports:,}",
            f"{first.seconds:.0f}",
            f"{first.cpu_seconds:.0f}",
            f"{size.reports / first.seconds:,.0f}",
            f"{2 * size.reports / first.cpu_seconds:,.0f}",
            f"{2 * size.reports / first.cpu_seconds / RATE:.2f}",
            f"{peak / 1e6:,.0f}",
            f"{peak / MEMORY:.2f}",
            f"{size.share('nightly'):.1%}",
            f"{size.share('one rule'):.1%}",
            f"{size.share('all hedges'):.1%}",
            f"{size.runs['unchanged'].seconds:.1f}",
        ])  # fmt: skip
    header = ["reports", "first run, s", "CPU s", "reports/s", "per 2 CPU s", "of 5,000",
              "peak MB", "of 1,500", "night +1 %", "one rule",
              "all hedges", "unchanged, s"]  # fmt: skip
    notes = [
        f"`cxrmine mine --workers {workers}`, text to published tables, start-up included. "
        "reports/s by the clock; per 2 CPU s: what two cores that nobody else uses would do.",
        "peak MB: the largest process of any of the runs. Night, one rule and all hedges changed: "
        f"CPU seconds in those of the first run; targets {NIGHTLY:.0%} for a night and "
        f"{CHANGED:.0%} for a changed rule at 1,000,000 reports. "
        f"Unchanged rerun: target {RERUN:.0f} s.",
        f"Load of this machine at the end of the measurement: {os.getloadavg()[0]:.1f} on "
        f"{os.cpu_count()} cores; with more than the workers on it the clock says little.",
    ]
    return Figures("Runs by size of corpus", header, rows, notes)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write what was asked for."""
    options = _options(arguments)
    material = read_material(options.source)
    sizes: list[Size] = []
    corpus: list[Figures] = []
    for reports in options.reports:
        with tempfile.TemporaryDirectory(prefix="cxrmine-scale-", dir=options.folder) as folder:
            size, corpus = measure(material, reports, Path(folder), workers=options.workers)
            sizes.append(size)
    figures = size_figures(sizes, options.workers)
    print_figures([figures])
    if options.markdown:
        write_markdown(options.markdown, "Hospital scale", _said(options), [figures, *corpus])
    if options.json:
        content = [{"reports": size.reports, **_plain(size)} for size in sizes]
        options.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _plain(size: Size) -> dict[str, dict[str, float]]:
    runs = {name: asdict(run) for name, run in size.runs.items()}
    return {name: {k: v for k, v in run.items() if k != "said"} for name, run in runs.items()}


def _said(options: argparse.Namespace) -> str:
    return f"{COMMAND} --reports {' '.join(map(str, options.reports))}"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=COMMAND, description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--reports", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--source", default=OPENI, help="whose sentences the corpus is made of")
    parser.add_argument("--folder", type=Path, help="where the temporary folder goes")
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
