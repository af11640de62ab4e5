"""Reports read once for every engine: distinct sentences, where they stand, and their mentions."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pyarrow as pa

from data_contracts import CHESTXRAY14, Verdict
from mining.audit import mark_unindexed, mesh_gold, read_gold, select_ids
from mining.concepts.phrases import Found, PhraseMatcher
from mining.ingest import RawReport, read_source
from mining.labels import label_table
from mining.profiles import Profile
from mining.reading import OTHER, Sentence, cut
from mining.sections import mined_sections
from mining.sentences import sentence_key, split_sentences

OPENI = "openi"
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Corpus:
    """Reports as numbers of their distinct sentences. `seconds`: CPU time from text to here."""

    report_ids: tuple[str, ...]
    texts: tuple[str, ...]
    sentences_of: tuple[tuple[int, ...], ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class MentionedSentence:
    """A distinct sentence with the mentions of the findings in it; organs and the like left out."""

    sentence: Sentence
    found: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """What an engine says of a mention, in the words of the table of mentions."""

    finding: str
    form: str
    verdict: Verdict
    rule_id: str
    temporality: str = "current"
    experiencer: str = "patient"


JudgedSentences = Sequence[Sequence[Judged]]


def audited_gold(path: str | None = None, source: str = OPENI) -> pa.Table:
    """The judged rows of a gold CSV (default: the indexers' headings) outside the test split."""
    gold = mesh_gold(source) if path is None else mark_unindexed(read_gold(path), source)
    kept = frozenset(select_ids(gold["report_id"].to_pylist()).kept)
    rows = zip(gold["report_id"].to_pylist(), gold["judged"].to_pylist(), strict=True)
    return gold.filter(pa.array([judged and report_id in kept for report_id, judged in rows]))


def read_corpus(report_ids: Iterable[str], source: str = OPENI) -> Corpus:
    """The corpus of these reports of a source; no other report's text is looked at."""
    wanted = frozenset(report_ids)
    rows = (row for row in read_source(source) if isinstance(row, RawReport))
    return cut_reports({row.report_id: row.text for row in rows if row.report_id in wanted})


def cut_reports(reports: dict[str, str]) -> Corpus:
    """The corpus of these texts by report id."""
    (texts, sentences_of), seconds = timed(lambda: _distinct(reports.values()))
    return Corpus(tuple(reports), texts, sentences_of, seconds)


def _distinct(reports: Iterable[str]) -> tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]:
    numbers: dict[str, int] = {}
    texts: list[str] = []
    sentences_of = []
    for report in reports:
        own = []
        for section in mined_sections(report):
            for start, end in split_sentences(report, section.start, section.end):
                key, text = sentence_key(report[start:end])
                if key not in numbers:
                    numbers[key] = len(texts)
                    texts.append(text)
                own.append(numbers[key])
        sentences_of.append(tuple(own))
    return tuple(texts), tuple(sentences_of)


def find_mentions(texts: Iterable[str], matcher: PhraseMatcher) -> list[MentionedSentence]:
    """Each sentence with the mentions of findings that any engine is asked about.

    Words for an organ ("heart size") are mentions by grace of a rule only, and other
    abnormalities bear on no finding: no engine has to judge them.
    """
    found = []
    for text in texts:
        sentence = cut(text)
        mentions = matcher.find(sentence.words)
        kept = tuple(m for m in mentions if m.finding != OTHER and not m.needs_rule)
        found.append(MentionedSentence(sentence, kept))
    return found


def labels_of(corpus: Corpus, judged: JudgedSentences, profile: Profile) -> pa.Table:
    """The label table that the profile makes of an engine's verdicts on the distinct sentences."""
    rows = [
        (report_id, mention)
        for report_id, sentences in zip(corpus.report_ids, corpus.sentences_of, strict=True)
        for number in sentences
        for mention in judged[number]
    ]
    mentions = pa.table(
        {
            "report_id": pa.array([report_id for report_id, _ in rows], pa.string()),
            "finding": pa.array([m.finding for _, m in rows], pa.string()),
            "concept_form": pa.array([m.form for _, m in rows], pa.string()),
            "verdict": pa.array([m.verdict.value for _, m in rows], pa.string()),
            "rule_id": pa.array([m.rule_id for _, m in rows], pa.string()),
            "temporality": pa.array([m.temporality for _, m in rows], pa.string()),
            "experiencer": pa.array([m.experiencer for _, m in rows], pa.string()),
        }
    )
    ids = pa.chunked_array([pa.array(corpus.report_ids, pa.string())])
    return label_table(ids, mentions, profile, CHESTXRAY14)


def timed(work: Callable[[], _Result]) -> tuple[_Result, float]:
    """What the work returns, and the CPU seconds that it took this process."""
    gc.collect()
    start = time.process_time()
    result = work()
    return result, time.process_time() - start
