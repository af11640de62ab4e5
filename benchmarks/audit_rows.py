"""The rows of the audit: each engine's labels beside the gold, and beside cxrmine's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.corpus import Corpus, JudgedSentences, cut_reports, find_mentions, labels_of, timed
from benchmarks.rivals.keyword import judge_by_keyword
from benchmarks.rivals.medspacy_context import HOW_TO_GET, VERSION, judge_by_context
from benchmarks.rivals.negex import judge_by_negex, load_negex
from benchmarks.road import (
    drop_rules,
    is_hedge,
    is_negation,
    judged_mentions,
    negated_by_negex,
    read_sentences,
    read_unparsed,
    read_words_only,
)
from data_contracts import CHESTXRAY14
from mining.assertion.rule_files import load_rules
from mining.assertion.rulebook import RuleBook
from mining.audit import AuditResult, audit, paired_difference
from mining.audit.paired import Difference
from mining.concepts.phrases import PhraseMatcher
from mining.parsing import Parser, load_parser
from mining.parsing.embedded import load_embedded
from mining.profiles import load_profile
from mining.reading import SentenceReader, read_all
from mining.resources import load_resources
from mining.settings import MiningSettings

# The gold released for OpenI never sets Hernia, although reports mention it.
WITHOUT_HERNIA = tuple(finding for finding in CHESTXRAY14 if finding != "Hernia")
PROFILE = "openi-mesh"
OURS = f"cxrmine, profile {PROFILE}"
ENGINES, ABLATIONS = "engines", "ablations"
_WARM_UP = "The heart is enlarged. No evidence of pleural effusion. Possible pneumonia."


@dataclass(frozen=True)
class Verdicts:
    """An engine's verdicts on the distinct sentences. `seconds`: CPU from text; None: not run."""

    name: str
    group: str
    judged: JudgedSentences | None = None
    seconds: float | None = None
    profile: str = PROFILE
    note: str = ""


@dataclass(frozen=True)
class Row:
    """A row of the table: figures against the gold, and F1 minus that of cxrmine (13 findings)."""

    name: str
    group: str
    result: AuditResult | None
    difference: Difference | None
    reports_per_second: float | None
    note: str

    def to_json(self) -> dict[str, Any]:
        """The row as JSON values."""
        figures = None if self.result is None else self.result.to_json()
        return {
            "name": self.name,
            "group": self.group,
            "note": self.note,
            "micro": figures and figures["micro"],
            "micro_subsets": figures and figures["micro_subsets"],
            "findings": figures and figures["findings"],
            "difference_without_hernia": self.difference and self.difference.to_json(),
            "reports_per_cpu_second": self.reports_per_second,
        }


class Engines:
    """All engines over one vocabulary, loaded and warmed up, so that start-up is in no figure."""

    def __init__(self, *, medspacy: str | None = None, parser: Path | None = None) -> None:
        vocabulary = load_resources(MiningSettings(profile=PROFILE)).vocabulary
        self._matcher = PhraseMatcher(vocabulary)
        self._book = load_rules()
        self._parser = load_parser()
        self._negex = load_negex()
        self._medspacy = medspacy
        self._other_parser = None if parser is None else load_embedded(parser)
        self._warm_up()

    def _warm_up(self) -> None:
        corpus = cut_reports({"made up": _WARM_UP})
        self._negex(find_mentions(corpus.texts, self._matcher))
        for parser in filter(None, (self._parser, self._other_parser)):
            read_all(corpus.texts, self._reader(self._book), parser)

    def _reader(self, book: RuleBook) -> SentenceReader:
        return SentenceReader(self._matcher, book)

    @property
    def parser_id(self) -> str:
        """Which weights rows 4 to 8 were parsed with."""
        return self._parser.id

    def judge(self, corpus: Corpus) -> Iterator[Verdicts]:
        """The verdicts of every engine, rivals first, then cxrmine, then its ablations."""
        yield from self._rivals(corpus)
        yield from self._ours(corpus)
        yield from self._ablations(corpus)

    def _rivals(self, corpus: Corpus) -> Iterator[Verdicts]:
        sentences, found = timed(lambda: find_mentions(corpus.texts, self._matcher))
        before = corpus.seconds + found
        judged, seconds = timed(lambda: judge_by_keyword(sentences))
        yield Verdicts("keyword search", ENGINES, judged, before + seconds)
        judged, seconds = timed(lambda: judge_by_negex(sentences, self._negex(sentences)))
        yield Verdicts(f"negspacy {version('negspacy')}", ENGINES, judged, before + seconds)
        name = f"medspacy {VERSION}"
        if self._medspacy is None:
            yield Verdicts(name, ENGINES, note=HOW_TO_GET)
            return
        judged, seconds = judge_by_context(sentences, self._medspacy)
        yield Verdicts(name, ENGINES, judged, before + seconds)

    def _ours(self, corpus: Corpus) -> Iterator[Verdicts]:
        judged, seconds = self._read(corpus, self._book, self._parser)
        yield Verdicts(OURS, ENGINES, judged, seconds)
        yield Verdicts("cxrmine, profile clinical", ENGINES, judged, seconds, profile="clinical")

    def _ablations(self, corpus: Corpus) -> Iterator[Verdicts]:
        book = drop_rules(self._book, is_hedge)
        judged, seconds = self._read(corpus, book, self._parser)
        yield Verdicts("without uncertainty rules", ABLATIONS, judged, seconds)
        yield self._negation_by_negex(corpus)
        reader = self._reader(self._book)
        reading, seconds = read_words_only(corpus.texts, reader)
        seconds += corpus.seconds
        judged = judged_mentions(reading)
        yield Verdicts("without the graph, words only", ABLATIONS, judged, seconds)
        reading, seconds = read_unparsed(corpus.texts, reader)
        judged = judged_mentions(reading)
        yield Verdicts("every parse failed", ABLATIONS, judged, corpus.seconds + seconds)
        if self._other_parser is not None:
            judged, seconds = self._read(corpus, self._book, self._other_parser)
            name = f"parser {self._other_parser.id}"
            yield Verdicts(name, ABLATIONS, judged, seconds)

    def _read(
        self, corpus: Corpus, book: RuleBook, parser: Parser
    ) -> tuple[JudgedSentences, float]:
        reading, seconds = read_sentences(corpus.texts, self._reader(book), parser)
        return judged_mentions(reading), corpus.seconds + seconds

    def _negation_by_negex(self, corpus: Corpus) -> Verdicts:
        book = drop_rules(self._book, is_negation)
        reading, read = read_sentences(corpus.texts, self._reader(book), self._parser)
        sentences = find_mentions(corpus.texts, self._matcher)
        negations, negated = timed(lambda: self._negex(sentences))
        judged = negated_by_negex(reading, sentences, negations)
        seconds = corpus.seconds + read + negated
        return Verdicts("negation by NegEx, the rest ours", ABLATIONS, judged, seconds)


def audit_rows(
    corpus: Corpus, gold: pa.Table, verdicts: Iterator[Verdicts], *, bootstrap: int = 1000
) -> list[Row]:
    """The rows in the order of the verdicts, each with its difference to cxrmine's own row."""
    every = list(verdicts)
    labels = {
        v.name: labels_of(corpus, v.judged, load_profile(v.profile))
        for v in every
        if v.judged is not None
    }
    return [_row(v, labels, gold, len(corpus.report_ids), bootstrap) for v in every]


def _row(
    verdicts: Verdicts, labels: dict[str, pa.Table], gold: pa.Table, reports: int, bootstrap: int
) -> Row:
    own = labels.get(verdicts.name)
    if own is None:
        return Row(verdicts.name, verdicts.group, None, None, None, verdicts.note)
    difference = None
    if verdicts.name != OURS:
        difference = paired_difference(
            own, labels[OURS], gold, findings=WITHOUT_HERNIA, bootstrap=bootstrap
        ).micro
    return Row(
        verdicts.name,
        verdicts.group,
        audit(own, gold, bootstrap=bootstrap),
        difference,
        reports / verdicts.seconds if verdicts.seconds else None,
        verdicts.note,
    )
