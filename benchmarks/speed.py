"""Reports per CPU second, cold, from text to verdicts: beside negspacy and medspaCy, in one run.

    python -m benchmarks.speed [--repeat 3] [--medspacy-python PATH] [--markdown FILE] [--json FILE]

All are given the same reports and the phrases of the same vocabulary, and each runs in a process of
its own: loading apart, CPU seconds of the process, the best of several. Only times and counts leave
those processes. Rivals run as their users run them, over whole reports; how they judge when given
our sections, sentences and mentions, each distinct sentence once, is in benchmarks.audit_openi.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.corpus import OPENI
from benchmarks.rivals.medspacy_context import HOW_TO_GET, medspacy_python
from benchmarks.rivals.whole_reports import WARM_UP
from benchmarks.view import Figures, print_figures, write_markdown
from mining.engine.judging import settle_memory
from mining.ingest import RawReport, read_source
from mining.parsing.lightness import leave_torch_out
from mining.reading import OTHER
from mining.resources import Resources, load_resources, the_findings, the_parser
from mining.settings import MiningSettings

COMMAND = "python -m benchmarks.speed"
_ROOT = Path(__file__).parents[1]
_MOST = 2000  # spellings of one phrase; those few with more are left out, in the rivals' favour
OURS, PHRASES = "cxrmine", "cxrmine, linker off"
# name -> what is measured: our finder of mentions, or whose pipeline
SUBJECTS = {OURS: "both", PHRASES: "phrases", "negspacy": "negspacy", "medspacy": "medspacy"}
Measured = Mapping[str, float | str]


def literal_phrases() -> dict[str, list[str]]:
    """The findings' phrases written out, for matchers of literal text; those with gaps left out.

    >>> "pleural effusion" in literal_phrases()["Effusion"]
    True
    """
    found: dict[str, list[str]] = {}
    for entry in the_findings("chestxray14").vocabulary.entries:
        own: set[str] = set()
        for phrase in entry.phrases:
            for pattern in phrase.patterns if not phrase.needs_rule else ():
                items = [[*sorted(i.words), *[""] * i.optional] for i in pattern.items]
                if not any(i.gap for i in pattern.items) and prod(map(len, items)) <= _MOST:
                    own |= {" ".join(filter(None, words)) for words in product(*items)}
        if entry.name != OTHER:
            found[entry.name] = sorted(own)
    return found


def read_verdicts(reports: Mapping[str, str], settings: MiningSettings) -> int:
    """How many verdicts there are on the mentions of these reports, all of them made in memory."""
    from mining.concepts.abbreviations import ReportAbbreviations, keyed_sentence
    from mining.sections import mined_sections
    from mining.sentences import split_sentences

    abbreviated = settings.concepts != "phrases"
    distinct: dict[str, tuple[str, tuple[str, ...]]] = {}
    keys_of: dict[str, list[str]] = {}
    for report_id, text in reports.items():
        defined, keys = ReportAbbreviations(), []
        for section in mined_sections(text):
            for start, end in split_sentences(text, section.start, section.end):
                used = defined.used_in(text[start:end]) if abbreviated else ()
                key, normal = keyed_sentence(text[start:end], used)
                distinct.setdefault(key, (normal, used))
                keys.append(key)
        keys_of[report_id] = keys
    verdicts = dict(_judged(distinct, load_resources(settings), settings))
    return sum(len([v for key in keys for v in verdicts[key]]) for keys in keys_of.values())


def _judged(
    distinct: Mapping[str, tuple[str, tuple[str, ...]]],
    resources: Resources,
    settings: MiningSettings,
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    from mining.reading import READ_BATCH

    reader, parser = resources.reader, the_parser(settings.parser)
    keys = list(distinct)
    for start in range(0, len(keys), READ_BATCH):
        batch = keys[start : start + READ_BATCH]
        needed = [key for key in batch if reader.needs_parse(*distinct[key])]
        parses = dict(zip(needed, parser.parse([distinct[k][0] for k in needed]), strict=True))
        for key in batch:
            read = reader.read(distinct[key][0], parses.get(key), distinct[key][1])
            yield key, [(m.found.finding, m.ruling.verdict.value) for m in read]


def measure_ours(concepts: str, request: Path, tables: Sequence[str]) -> Measured:
    """What loading and reading took, here and now."""
    settings = MiningSettings(concepts=concepts)
    leave_torch_out(settings.parser)
    texts = json.loads(request.read_text(encoding="utf-8"))["texts"]
    begun = time.process_time()
    read_verdicts({"R": WARM_UP}, settings)
    if tables:
        _warm_up_tables(settings)
    settle_memory()  # as a worker of a run does
    loaded = time.process_time()
    if tables:
        _mine_tables(settings, *tables)
        return {"start": loaded - begun, "seconds": time.process_time() - loaded}
    count = read_verdicts({str(n): text for n, text in enumerate(texts)}, settings)
    seconds = time.process_time() - loaded
    return {"start": loaded - begun, "seconds": seconds, "mentions": float(count)}


def _warm_up_tables(settings: MiningSettings) -> None:
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "reports.parquet"
        pq.write_table(pa.table({"report_id": ["R"], "text": [WARM_UP]}), source)
        _mine_tables(settings, str(source), str(Path(name) / "out"))


def _mine_tables(settings: MiningSettings, source: str, out: str) -> None:
    from flows.mine import mine_reports
    from flows.road import Job
    from mining.engine import Engine

    mine_reports(Job(source, settings), Path(out), engine=Engine(workers=1), allow_drift=True)


def measure(name: str, folder: Path, python: str, *, tables: bool, turn: int) -> Measured:
    """What one subject took, in a process of its own."""
    what = SUBJECTS[name]
    ours = name in (OURS, PHRASES)
    module = "benchmarks.speed" if ours else "benchmarks.rivals.whole_reports"
    own = f"{what}-{turn}"
    places = [str(folder / "reports.parquet"), str(folder / f"out-{own}")] if tables else []
    command = [python, "-m", module, *(["--measure"] if ours else []), what]
    environment = {**os.environ, "PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": "1",
                   "CXRMINE_CACHE": str(folder / f"cache-{own}")}  # fmt: skip
    done = subprocess.run(
        [*command, str(folder / "request.json"), *places],
        env=environment, cwd=_ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{name}: exit code {done.returncode}, {done.stderr.strip()[-300:]!r}")
    answer: Measured = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def best(name: str, folder: Path, python: str, repeat: int, *, tables: bool = False) -> Measured:
    """The quickest of several measurements."""
    turns = [measure(name, folder, python, tables=tables, turn=n) for n in range(repeat)]
    return min(turns, key=lambda turn: float(turn["seconds"]))


def speed_figures(title: str, reports: int, found: Mapping[str, Measured]) -> Figures:
    """The rates, and how many times each rival's ours are."""
    ours = float(found[OURS]["seconds"])
    rows = []
    for name, one in found.items():
        seconds = float(one["seconds"])
        shown = f"{name} {one.get('version', '')}".strip()
        rows.append([shown, f"{float(one['start']):.1f}", f"{seconds:.2f}",
                     f"{reports / seconds:,.0f}", f"{seconds / ours:.2f}"])  # fmt: skip
    header = ["", "loading, CPU s", "reading, CPU s", "reports per CPU s", "cxrmine is … times"]
    return Figures(title, header, rows, [f"{reports:,} reports; loading is not in the rates."])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write what was asked for."""
    options = _options(arguments)
    if options.measure:
        concepts, request, *tables = options.measure
        print(json.dumps(measure_ours(concepts, Path(request), tables)))
        return
    pythons = dict.fromkeys(SUBJECTS, sys.executable)
    pythons["medspacy"] = medspacy_python(options.medspacy_python) or ""
    with tempfile.TemporaryDirectory(prefix="cxrmine-speed-") as name:
        folder = Path(name)
        reports = _write_request(folder, options.source)
        able = [n for n in SUBJECTS if pythons[n]]
        memory = {n: best(n, folder, pythons[n], options.repeat) for n in able}
        by_tables = {
            n: best(n, folder, pythons[n], options.repeat, tables=True)
            for n in able if n != "medspacy"
        }  # fmt: skip
    figures = [
        speed_figures("Text to verdicts in memory, as shipped", reports, memory),
        speed_figures("The same with tables read and written", reports, by_tables),
    ]
    if not pythons["medspacy"]:
        print(f"medspacy: {HOW_TO_GET}", file=sys.stderr)
    print_figures(figures)
    if options.markdown:
        write_markdown(options.markdown, "Speed", COMMAND, figures)
    if options.json:
        content = {"reports": reports, "memory": memory, "tables": by_tables}
        options.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _write_request(folder: Path, source: str) -> int:
    rows = [r for r in read_source(source) if isinstance(r, RawReport) and r.text.strip()]
    asked = {"phrases": literal_phrases(), "texts": [row.text for row in rows]}
    (folder / "request.json").write_text(json.dumps(asked), encoding="utf-8")
    table = {"report_id": [row.report_id for row in rows], "text": asked["texts"]}
    pq.write_table(pa.table(table), folder / "reports.parquet", compression="zstd")
    return len(rows)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=COMMAND, description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--source", default=OPENI)
    parser.add_argument("--repeat", type=int, default=3, help="measurements; the best one counts")
    parser.add_argument("--medspacy-python", metavar="PATH")
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
