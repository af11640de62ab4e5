"""The stages of a mining run: tables in, tables out. `cxrmine mine` and the flow call these.

Each stage writes into the empty folder that it is given and accounts for every row.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from data_contracts import (
    DISTINCT_SENTENCES,
    MENTIONS,
    PARSES,
    REPORTS,
    SENTENCES,
    TableWriter,
    iter_tables,
    labels_contract,
    part_paths,
    read_table,
    write_table,
)
from mining.concepts.abbreviations import ReportAbbreviations, keyed_sentence
from mining.deidentifying import the_deidentifier
from mining.fingerprints import ingest_fingerprint, stage_fingerprint
from mining.ingest import IngestCounts
from mining.ingest import ingest as ingest_source
from mining.ingest.batches import Batch, read_batches_of
from mining.ingest.exams import EVERY_EXAM, ExamFilter
from mining.ingest.passes import ingest_batches
from mining.joining import JudgedSentences, judgement_rows, trees
from mining.labels import label_table
from mining.parsing import Parse, Unparsed
from mining.privacy import OPEN, Privacy
from mining.resources import load_resources, the_findings, the_parser, the_profile
from mining.sections import mined_sections
from mining.sentence_store import BUCKETS
from mining.sentences import split_sentences
from mining.settings import MiningSettings

_PARSE_BATCH = 4096
FILTERED_BY = "filtered, "  # begins the names of details that say why
DISTINCT_COLUMNS = ["sentence_id", "text", "abbreviations"]


class RowsLostError(RuntimeError):
    """A stage whose rows do not add up: rows are never lost silently."""


@dataclass(frozen=True)
class StageReport:
    """The accounts of a stage. What a row is differs: reports, sentences, distinct sentences."""

    stage: str
    rows_in: int
    rows_out: int
    rejects: int = 0
    superseded: int = 0
    duplicates: int = 0
    filtered: int = 0
    details: Mapping[str, int] = field(default_factory=dict)

    def check(self) -> None:
        """Raises RowsLostError unless rows in = rows out + rejects + everything counted apart."""
        passed = self.rows_out + self.rejects + self.superseded + self.duplicates + self.filtered
        if passed != self.rows_in:
            raise RowsLostError(
                f"stage {self.stage}: {self.rows_in} rows in, {passed} accounted for "
                f"({self.rows_out} out, {self.rejects} rejects, {self.superseded} superseded, "
                f"{self.duplicates} duplicates, {self.filtered} filtered); please report this"
            )


def ingest(
    source: str,
    out: Path,
    *,
    settings: MiningSettings,
    mapping: Mapping[str, str] | None = None,
    format: str | None = None,
    exams: ExamFilter = EVERY_EXAM,
    privacy: Privacy = OPEN,
    batches: Sequence[Batch] | None = None,
) -> StageReport:
    """reports.parquet, rejects.parquet and filtered.parquet from a source, in a single pass.

    With `batches` what nights have read of the source stands for it.
    """
    provenance = ingest_fingerprint(settings, exams, privacy)
    shards = max(1, settings.shards)
    if batches is not None:
        rows = read_batches_of(batches)
        counts = ingest_batches(rows, out, exams=exams, shards=shards, provenance=provenance)
    else:
        counts = ingest_source(
            source, out, mapping=mapping, format=format, exams=exams, shards=shards,
            deidentifier=the_deidentifier(privacy), provenance=provenance,
        )  # fmt: skip
    return ingest_report(counts)


def ingest_report(counts: IngestCounts) -> StageReport:
    """The accounts of an ingestion as those of a stage; its details say why rows were filtered."""
    return StageReport(
        "ingest", counts.rows_in, counts.rows_out, counts.rejects,
        counts.superseded, counts.duplicates, counts.filtered,
        details={f"{FILTERED_BY}{reason}": n for reason, n in counts.filtered_by.items()},
    )  # fmt: skip


def sentences(reports: Path, out: Path, *, settings: MiningSettings) -> StageReport:
    """sentences.parquet (where each sentence stands) and distinct.parquet (each text once)."""
    provenance = stage_fingerprint("sentences", settings)
    texts: dict[str, tuple[str, tuple[str, ...]]] = {}
    counts: Counter[str] = Counter()
    abbreviated = settings.concepts != "phrases"
    rows_in = without = 0
    for shard, path in _shards(reports, out / "sentences.parquet"):
        parts = []
        for table in iter_tables(path, REPORTS, columns=["report_id", "text"]):
            rows: dict[str, list[object]] = {name: [] for name in SENTENCES.columns}
            for report_id, text in zip(*(c.to_pylist() for c in table.columns), strict=True):
                rows_in += 1
                found = _cut_report(report_id, text, rows, texts, counts, abbreviated)
                without += found == 0
            parts.append(pa.table(rows, schema=SENTENCES.schema))
        write_table(shard, _concat(parts, SENTENCES.schema), SENTENCES, provenance)
    keys = sorted(texts)
    distinct = pa.table(
        {
            "sentence_id": keys,
            "text": [texts[key][0] for key in keys],
            "count": [counts[key] for key in keys],
            "abbreviations": [list(texts[key][1]) or None for key in keys],
        },
        schema=DISTINCT_SENTENCES.schema,
    )
    with TableWriter(out / "distinct.parquet", DISTINCT_SENTENCES, provenance) as writer:
        # A row group for each bucket: whoever judges one reads no others.
        at = 0
        for bucket in BUCKETS:
            end = bisect_left(keys, f"{bucket}g")  # "g" comes after every hex digit
            writer.write(distinct.slice(at, end - at))
            writer.end_group()
            at = end
    return StageReport(
        "sentences", rows_in, rows_in - without, filtered=without,
        details={"sentences": counts.total(), "distinct_sentences": len(texts)},
    )  # fmt: skip


def _cut_report(
    report_id: str,
    text: str,
    rows: dict[str, list[object]],
    texts: dict[str, tuple[str, tuple[str, ...]]],
    counts: Counter[str],
    abbreviated: bool,
) -> int:
    """The number of sentences in the mined sections of a report, appended to the rows."""
    index = 0
    defined = ReportAbbreviations()
    for section in mined_sections(text):
        for start, end in split_sentences(text, section.start, section.end):
            used = defined.used_in(text[start:end]) if abbreviated else ()
            key, normal = keyed_sentence(text[start:end], used)
            texts.setdefault(key, (normal, used))
            counts[key] += 1
            row = (report_id, section.name, index, start, end, key)
            for column, value in zip(rows.values(), row, strict=True):
                column.append(value)
            index += 1
    return index


def parse(distinct: Path, out: Path, *, settings: MiningSettings) -> StageReport:
    """parses.parquet: the trees of the distinct sentences whose judging can depend on one."""
    reader = load_resources(settings).reader
    rows_in = rows_out = unparsed = 0
    parts = []
    parser_id = the_parser(settings.parser).id
    for table in iter_tables(distinct, DISTINCT_SENTENCES, columns=DISTINCT_COLUMNS):
        rows_in += table.num_rows
        keys, texts, abbreviations = (c.to_pylist() for c in table.columns)
        chosen = [i for i, t in enumerate(texts) if reader.needs_parse(t, abbreviations[i])]
        for at in range(0, len(chosen), _PARSE_BATCH):
            batch = chosen[at : at + _PARSE_BATCH]
            parses = the_parser(settings.parser).parse([texts[i] for i in batch])
            unparsed += sum(isinstance(p, Unparsed) for p in parses)
            parts.append(parse_rows([keys[i] for i in batch], parses, parser_id))
            rows_out += len(batch)
    write_table(
        out / "parses.parquet",
        _concat(parts, PARSES.schema),
        PARSES,
        stage_fingerprint("parse", settings),
    )
    return StageReport(
        "parse", rows_in, rows_out, filtered=rows_in - rows_out, details={"unparsed": unparsed}
    )


def parse_rows(keys: list[str], parses: list[Parse | Unparsed], parser_id: str) -> pa.Table:
    """The table of these parses."""
    trees = [p if isinstance(p, Parse) else None for p in parses]
    return pa.table(
        {
            "sentence_id": keys,
            "starts": [t and t.starts for t in trees],
            "ends": [t and t.ends for t in trees],
            "heads": [t and t.heads for t in trees],
            "labels": [t and t.labels for t in trees],
            "parser_id": [parser_id] * len(keys),
            "unparsed_reason": [p.reason if isinstance(p, Unparsed) else None for p in parses],
        },
        schema=PARSES.schema,
    )


def mine(
    sentences: Path, distinct: Path, parses: Path, out: Path, *, settings: MiningSettings
) -> StageReport:
    """mentions.parquet: the judged mentions of every distinct sentence, joined to the reports."""
    judgements = judgement_rows(
        iter_tables(distinct, DISTINCT_SENTENCES, columns=DISTINCT_COLUMNS),
        trees(read_table(parses, PARSES)),
        load_resources(settings).reader,
    )
    return join(sentences, judgements, out, settings=settings)


def join(
    sentences: Path, judgements: pa.Table, out: Path, *, settings: MiningSettings
) -> StageReport:
    """mentions.parquet: the mentions of the sentences, given rows that judge each of them."""
    judged = JudgedSentences(judgements)
    provenance = stage_fingerprint("mine", settings)
    rows = mentions = 0
    for shard, path in _shards(sentences, out / "mentions.parquet"):
        parts = []
        for table in iter_tables(path, SENTENCES):
            rows += table.num_rows
            parts.append(judged.mentions_of(table))
            mentions += parts[-1].num_rows
        write_table(shard, _concat(parts, MENTIONS.schema), MENTIONS, provenance)
    unparsed = judgements.column("verdict").to_numpy(zero_copy_only=False) == "unparsed"
    return StageReport(
        "mine", rows, rows,
        details={
            "mentions": mentions,
            "distinct_mentions": judged.mentions,
            "unparsed_distinct_mentions": int(unparsed.sum()),
        },
    )  # fmt: skip


def label(reports: Path, mentions: Path, out: Path, *, settings: MiningSettings) -> StageReport:
    """labels.parquet: one row per report, by the settings' profile."""
    findings = the_findings(settings.findings).findings
    contract = labels_contract(findings)
    profile = the_profile(settings.profile)
    rows = normal = 0
    mention_shards = part_paths(mentions)
    for number, (shard, path) in enumerate(_shards(reports, out / "labels.parquet")):
        ids = read_table(path, REPORTS, columns=["report_id"]).column("report_id")
        found = read_table(mention_shards[number], MENTIONS, columns=_LABEL_COLUMNS)
        table = label_table(ids, found, profile, findings)
        rows += table.num_rows
        normal += table.column("no_finding").to_pylist().count(True)
        write_table(shard, table, contract, stage_fingerprint("label", settings))
    return StageReport("label", rows, rows, details={"no_finding": normal})


_LABEL_COLUMNS = [
    "report_id", "finding", "concept_form", "verdict", "temporality", "experiencer", "rule_id",
]  # fmt: skip


def _shards(source: Path, target: Path) -> Iterator[tuple[Path, Path]]:
    """The part to write for each part to read; a folder of parts gives a folder of parts."""
    parts = part_paths(source)
    if source.is_dir():
        target.mkdir()
    for part in parts:
        yield (target / part.name if source.is_dir() else target), part


def _concat(parts: list[pa.Table], schema: pa.Schema) -> pa.Table:
    return pa.concat_tables(parts) if parts else schema.empty_table()
