"""Where the time goes from text to verdicts: CPU seconds by part, each distinct sentence read once.

    python -m benchmarks.parts [--repeat 3] [--source openi] [--markdown FILE]

Each repetition is a process of its own, so that nothing is remembered; the quickest counts.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.corpus import OPENI
from benchmarks.rivals.whole_reports import WARM_UP
from benchmarks.speed import read_verdicts
from benchmarks.view import Figures, print_figures, write_markdown
from mining.concepts.abbreviations import ReportAbbreviations, keyed_sentence
from mining.engine.judging import settle_memory
from mining.ingest import RawReport, read_source
from mining.parsing.lightness import leave_torch_out
from mining.reading import READ_BATCH
from mining.resources import load_resources, the_parser
from mining.sections import mined_sections
from mining.sentences import split_sentences
from mining.settings import MiningSettings

COMMAND = "python -m benchmarks.parts"
PARTS = {
    "sections": "finding the mined sections",
    "sentences": "cutting them into sentences",
    "keys": "each sentence's id and abbreviations",
    "mentions": "tokens, phrases and linker; who needs a parse",
    "parses": "trees of those that do",
    "judging": "rules",
}
Distinct = dict[str, tuple[str, tuple[str, ...]]]


class Clock:
    """CPU seconds of this process by part."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Counts what is done inside towards the part."""
        begun = time.process_time()
        yield
        self.seconds[name] += time.process_time() - begun


def measure(source: str) -> dict[str, float]:
    """CPU seconds by part, here and now, and the counts of reports, sentences and parses."""
    settings = MiningSettings()
    leave_torch_out(settings.parser)
    texts = [row.text for row in read_source(source) if isinstance(row, RawReport)]
    read_verdicts({"R": WARM_UP}, settings)
    settle_memory()  # as a worker of a run does
    clock = Clock()
    distinct = _distinct(texts, clock)
    parsed = _read(distinct, settings, clock)
    counts = {"reports": len(texts), "distinct": len(distinct), "parsed": parsed}
    return {**clock.seconds, **counts}


def _distinct(texts: Sequence[str], clock: Clock) -> Distinct:
    found: Distinct = {}
    for text in texts:
        defined = ReportAbbreviations()
        with clock.part("sections"):
            sections = mined_sections(text)
        with clock.part("sentences"):
            places = [p for s in sections for p in split_sentences(text, s.start, s.end)]
        with clock.part("keys"):
            for start, end in places:
                used = defined.used_in(text[start:end])
                key, plain = keyed_sentence(text[start:end], used)
                found.setdefault(key, (plain, used))
    return found


def _read(distinct: Distinct, settings: MiningSettings, clock: Clock) -> int:
    reader, parser = load_resources(settings).reader, the_parser(settings.parser)
    keys, parsed = list(distinct), 0
    for start in range(0, len(keys), READ_BATCH):
        batch = keys[start : start + READ_BATCH]
        with clock.part("mentions"):
            needed = [key for key in batch if reader.needs_parse(*distinct[key])]
        with clock.part("parses"):
            made = parser.parse([distinct[key][0] for key in needed])
            trees = dict(zip(needed, made, strict=True))
        parsed += len(needed)
        with clock.part("judging"):
            for key in batch:
                reader.read(distinct[key][0], trees.get(key), distinct[key][1])
    return parsed


def part_figures(measured: Sequence[dict[str, float]]) -> Figures:
    """The quickest of the repetitions."""
    best = min(measured, key=lambda one: sum(one[name] for name in PARTS))
    whole = sum(best[name] for name in PARTS)
    rows = [
        [name, f"{best[name]:.3f}", f"{best[name] / whole:.0%}", said]
        for name, said in PARTS.items()
    ]
    rows.append(["all", f"{whole:.3f}", "100%", ""])
    told = f"{best['reports']:,.0f} reports, {best['distinct']:,.0f} distinct sentences, "
    return Figures(
        "Text to verdicts by part", ["part", "CPU s", "share", "what"], rows,
        [told + f"{best['parsed']:,.0f} parsed; the clock's own cost is among it."],
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--source", default=OPENI)
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.measure:
        print(json.dumps(measure(options.source)))
        return
    command = [sys.executable, "-m", "benchmarks.parts", "--measure", "--source", options.source]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    said = [
        subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
        for _ in range(options.repeat)
    ]
    figures = [part_figures([json.loads(one) for one in said])]
    print_figures(figures)
    if options.markdown:
        write_markdown(options.markdown, "Speed by part", COMMAND, figures)


if __name__ == "__main__":
    main()
