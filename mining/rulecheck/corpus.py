"""The corpus that rules are checked on: each distinct sentence once, and where it occurs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from data_contracts import REPORTS, iter_tables
from mining.audit.holdout import select_ids
from mining.parsing import Parse, Parser, Unparsed
from mining.reading import SentenceReader, cut, parse_by_number
from mining.sections import mined_sections
from mining.sentences import sentence_key, split_sentences
from mining.settings import MiningSettings
from mining.stages import ingest


@dataclass(frozen=True)
class Corpus:
    """Distinct sentences and the reports they occur in (a report once per occurrence).

    `left_out` counts the reports of OpenI's published test split, which no rule is tuned on.
    """

    texts: tuple[str, ...]
    reports: tuple[tuple[str, ...], ...]
    report_count: int
    left_out: int

    @property
    def words(self) -> frozenset[str]:
        """All words of the sentences, lower-cased."""
        return frozenset(word for text in self.texts for word in cut(text).words)

    def parses(self, reader: SentenceReader, parser: Parser) -> dict[int, Parse | Unparsed]:
        """The trees of the sentences that judging can need one of, by the sentence's number."""
        needed = [i for i, text in enumerate(self.texts) if reader.needs_parse(text)]
        return dict(parse_by_number(needed, self.texts, parser))


def read_corpus(source: str) -> Corpus:
    """The mined sentences of a source's current reports, without OpenI's published test split.

    Raises:
        mining.ingest.SourceError: the source can't be read.
    """
    with tempfile.TemporaryDirectory(prefix="cxrmine-rules-") as folder:
        ingest(source, Path(folder), settings=MiningSettings())
        rows: list[tuple[str, str]] = []
        for table in iter_tables(
            Path(folder) / "reports.parquet", REPORTS, columns=["report_id", "text"]
        ):
            rows.extend(zip(*(c.to_pylist() for c in table.columns), strict=True))
    return corpus_of(rows)


def corpus_of(reports: Iterable[tuple[str, str]]) -> Corpus:
    """The corpus of reports given as (report id, text)."""
    texts = dict(reports)
    selection = select_ids(texts)
    found: dict[str, str] = {}
    places: dict[str, list[str]] = {}
    for report_id in selection.kept:
        text = texts[report_id]
        for section in mined_sections(text):
            for start, end in split_sentences(text, section.start, section.end):
                key, normal = sentence_key(text[start:end])
                found.setdefault(key, normal)
                places.setdefault(key, []).append(report_id)
    return Corpus(
        tuple(found.values()),
        tuple(tuple(places[key]) for key in found),
        len(selection.kept),
        selection.left_out_counts["test_split"],
    )
