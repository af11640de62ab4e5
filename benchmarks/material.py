"""What made-up reports are made of: the layouts and sentences of real ones, test split left out."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.corpus import OPENI
from mining.audit import select_ids
from mining.ingest import RawReport, read_source
from mining.sections import find_sections, mined_sections
from mining.sentences import sentence_key, split_sentences

GROWTH = 0.83  # of distinct sentences with reports


@dataclass(frozen=True)
class Layout:
    """The sections of a report: name, and how many sentences stand there, or the text as it is."""

    sections: tuple[tuple[str, int, str], ...]


@dataclass(frozen=True)
class Material:
    """What reports are made of: layouts, sentences by section with repeats, sentences once each."""

    report_ids: tuple[str, ...]
    layouts: tuple[Layout, ...]
    by_section: dict[str, tuple[str, ...]]
    distinct: tuple[str, ...]
    frequency: npt.NDArray[np.float64]  # of each distinct sentence, sums to 1

    @property
    def reports(self) -> int:
        """The number of reports that it comes from."""
        return len(self.layouts)

    @property
    def sentences_per_report(self) -> float:
        """How many sentences a report has in the sections that are mined, on average."""
        return sum(count for x in self.layouts for _, count, _ in x.sections) / self.reports

    def expected(self, reports: int) -> float:
        """How many of the distinct sentences so many reports are expected to show."""
        drawn = self.sentences_per_report * reports
        unseen: npt.NDArray[np.float64] = (1 - self.frequency) ** drawn
        return len(self.distinct) - float(unseen.sum())

    def law(self, reports: int) -> float:
        """The distinct sentences of so many reports: from what there is, as n^0.83."""
        return len(self.distinct) * math.pow(reports / self.reports, GROWTH)


def read_material(source: str = OPENI) -> Material:
    """The material in a source's reports, the test split left out."""
    rows = [row for row in read_source(source) if isinstance(row, RawReport)]
    kept = frozenset(select_ids([row.report_id for row in rows]).kept)
    layouts = []
    by_section: dict[str, list[str]] = {}
    for row in rows:
        if row.report_id in kept:
            layouts.append(_layout(row.text, by_section))
    counts = Counter(text for texts in by_section.values() for text in texts)
    return Material(
        tuple(row.report_id for row in rows if row.report_id in kept),
        tuple(layouts),
        {name: tuple(texts) for name, texts in by_section.items()},
        tuple(counts),
        np.array(list(counts.values())) / counts.total(),
    )


def _layout(text: str, by_section: dict[str, list[str]]) -> Layout:
    mined = {(s.start, s.end) for s in mined_sections(text)}
    sections = []
    for section in find_sections(text) or mined_sections(text):
        if (section.start, section.end) not in mined:
            sections.append((section.name, 0, text[section.start : section.end].strip()))
            continue
        spans = split_sentences(text, section.start, section.end)
        found = [_ended(sentence_key(text[a:b])[1]) for a, b in spans]
        by_section.setdefault(section.name, []).extend(found)
        sections.append((section.name, len(found), ""))
    return Layout(tuple(sections))


def _ended(sentence: str) -> str:
    """The sentence with a stop at its end, so that the next one begins behind it."""
    return sentence if sentence.endswith((".", "!", "?")) else sentence + "."
