"""The sentences of one bucket: looked up in the store, parsed where needed, judged, stored."""

from __future__ import annotations

import gc
import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import DISTINCT_SENTENCES, JUDGEMENTS, PARSES, iter_tables
from mining.joining import judgement_rows, trees
from mining.parsing.lightness import leave_torch_out
from mining.reading import READ_BATCH, SentenceReader, cut
from mining.resources import load_resources, the_parser
from mining.sentence_store import BUCKETS, Kin, Layer, SentenceStore, by_sentence
from mining.settings import MiningSettings
from mining.stages import DISTINCT_COLUMNS, parse_rows

ANEW = ("nothing", "judgements", "parses")


@dataclass(frozen=True)
class BucketJob:
    """The sentences of these tables whose id begins with this digit.

    `anew`: "judgements" are made though they are stored, "parses" are too. `kin` are judgements
    by other rules, taken over where no rule that differs could fire.
    """

    bucket: str
    distinct: tuple[Path, ...]
    parses: Layer
    judgements: Layer
    settings: MiningSettings
    anew: str = "nothing"
    kin: Kin | None = None


@dataclass(frozen=True)
class BucketCounts:
    """Distinct sentences of a bucket: all, judged now, parsed now, those without a tree, and those
    whose judgement was taken over from other rules."""

    sentences: int
    judged: int
    parsed: int
    unparsed: int
    taken_over: int = 0


def bucket_jobs(
    distinct: Sequence[Path], store: SentenceStore, settings: MiningSettings, anew: str = "nothing"
) -> list[BucketJob]:
    """The jobs that judge all sentences of these tables, each sentence in one of them."""
    parses, judgements = store.parses(settings), store.judgements(settings)
    kin = store.kin(judgements) if anew == "nothing" else None
    tables = tuple(distinct)
    return [BucketJob(b, tables, parses, judgements, settings, anew, kin) for b in BUCKETS]


def judge_bucket(job: BucketJob) -> BucketCounts:
    """The counts, after every sentence of the bucket has a judgement in the store.

    Errors: those of reading the tables; OSError when the disk is full.
    """
    leave_torch_out(job.settings.parser)
    sentences = _sentences(job)
    new = sentences
    if job.anew == "nothing":
        new = _without(sentences, job.judgements.ids(job.bucket))
    held, rest = JUDGEMENTS.empty(), new
    if job.kin:
        held, rest = _taken_over(new, job.kin, job.bucket)
    parses, judged = _judged(rest, job) if rest.num_rows else (PARSES.empty(), JUDGEMENTS.empty())
    for layer, rows in ((job.parses, parses), (job.judgements, pa.concat_tables([held, judged]))):
        if not rows.num_rows:
            continue
        if job.anew != "nothing":
            layer.remove(rows.column("sentence_id").unique().to_pylist(), (job.bucket,))
        layer.add(job.bucket, rows)
        layer.compact(job.bucket)
    unparsed = pc.sum(pc.is_valid(parses.column("unparsed_reason"))).as_py() or 0
    return BucketCounts(
        sentences.num_rows, rest.num_rows, parses.num_rows, unparsed, new.num_rows - rest.num_rows
    )


def _taken_over(sentences: pa.Table, kin: Kin, bucket: str) -> tuple[pa.Table, pa.Table]:
    """The judgements that hold by these rules too, and the sentences that are left to judge."""
    ids, texts = sentences.column("sentence_id"), sentences.column("text")
    known = pc.is_in(ids, value_set=kin.layer.ids(bucket))
    if not pc.any(known).as_py():  # new reports seldom hold what only other rules have judged
        return JUDGEMENTS.empty(), sentences
    # What an abbreviation means is judged by rules as well, and stands in another sentence.
    plain = pc.equal(pc.fill_null(pc.list_value_length(sentences.column("abbreviations")), 0), 0)
    fit, reached = pc.and_(known, plain), kin.reach.may_hold(texts)
    asked = sentences.filter(pc.and_(fit, reached))
    pairs = zip(*(asked.column(name).to_pylist() for name in ("sentence_id", "text")), strict=True)
    spared = [key for key, text in pairs if not kin.reach.holds(cut(text).words)]
    same = ids.filter(pc.and_(fit, pc.invert(reached))).combine_chunks()
    theirs = kin.layer.read(bucket)
    held = theirs.column("sentence_id").combine_chunks()
    # Another run may have pruned some of them since.
    kept = pa.concat_arrays([same, pa.array(spared, pa.string())])
    kept = kept.filter(pc.is_in(kept, value_set=held))
    rows = theirs.filter(pc.is_in(held, value_set=kept))
    return rows, sentences.filter(pc.invert(pc.is_in(ids, value_set=kept)))


def _judged(sentences: pa.Table, job: BucketJob) -> tuple[pa.Table, pa.Table]:
    """The parses that were made for these sentences, and the judgements of all of them."""
    known = PARSES.empty() if job.anew == "parses" else _known_parses(sentences, job)
    reader = load_resources(job.settings).reader
    _settle()
    made: list[pa.Table] = []
    judged: list[pa.Table] = []
    for batch in _batches(sentences):
        made.append(_parsed(batch, known, reader, job.settings))
        found = trees(pa.concat_tables([_of(batch, known), made[-1]]))
        judged.append(judgement_rows([batch], found, reader))
    return pa.concat_tables(made), pa.concat_tables(judged)


def _known_parses(sentences: pa.Table, job: BucketJob) -> pa.Table:
    # New sentences seldom have parses: then only the ids are read.
    held = pc.is_in(sentences.column("sentence_id"), value_set=job.parses.ids(job.bucket))
    return job.parses.read(job.bucket) if pc.any(held).as_py() else PARSES.empty()


@cache
def _settle() -> None:
    if multiprocessing.parent_process() is not None:
        settle_memory()


def settle_memory() -> None:
    """Takes what a worker has loaded out of the garbage collector's rounds, and makes those rarer.

    What was loaded stays for good; what a batch makes lives until the batch is written.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _sentences(job: BucketJob) -> pa.Table:
    """The sentences of the bucket, each once, sorted."""
    found = [DISTINCT_SENTENCES.empty().select(DISTINCT_COLUMNS)]
    seen = pa.array([], pa.string())
    for path in job.distinct:
        for table in iter_tables(
            path, DISTINCT_SENTENCES, DISTINCT_COLUMNS, prefix=("sentence_id", job.bucket)
        ):
            ids = table.column("sentence_id")
            own = pc.equal(pc.utf8_slice_codeunits(ids, 0, 1), job.bucket)
            table = table.filter(pc.and_(own, pc.invert(pc.is_in(ids, value_set=seen))))
            if table.num_rows:
                found.append(table)
                seen = pa.concat_arrays([seen, table.column("sentence_id").combine_chunks()])
    return by_sentence(pa.concat_tables(found))


def _without(sentences: pa.Table, known: pa.Array) -> pa.Table:
    held = pc.is_in(sentences.column("sentence_id"), value_set=known)
    return sentences.filter(pc.invert(held))


def _of(batch: pa.Table, known: pa.Table) -> pa.Table:
    ids = batch.column("sentence_id").combine_chunks()
    return known.filter(pc.is_in(known.column("sentence_id"), value_set=ids))


def _batches(table: pa.Table) -> Iterator[pa.Table]:
    for start in range(0, table.num_rows, READ_BATCH):
        yield table.slice(start, READ_BATCH)


def _parsed(
    batch: pa.Table, known: pa.Table, reader: SentenceReader, settings: MiningSettings
) -> pa.Table:
    """The parses of those sentences that need one and have none."""
    have = set(_of(batch, known).column("sentence_id").to_pylist())
    columns = (batch.column(name).to_pylist() for name in DISTINCT_COLUMNS)
    chosen = [
        (key, text)
        for key, text, used in zip(*columns, strict=True)
        if reader.needs_parse(text, used) and key not in have
    ]
    if not chosen:
        return PARSES.empty()
    parser = the_parser(settings.parser)
    parses = parser.parse([text for _, text in chosen])
    return parse_rows([key for key, _ in chosen], parses, parser.id)
