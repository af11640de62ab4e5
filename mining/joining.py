"""Joining judged sentences back to the reports: one judgement, as many rows as occurrences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import MENTIONS
from mining.parsing import Parse, Unparsed
from mining.reading import ReadMention, SentenceReader

_Ints = npt.NDArray[np.int64]
# Offsets into the sentence until they are joined; the report's offset is added then.
_SENTENCE_COLUMNS = (
    "start", "end", "text", "finding", "cui", "concept_form", "concept_source", "similarity",
    "verdict", "certainty", "temporality", "experiencer", "rule_id", "cue_starts", "cue_ends",
)  # fmt: skip


class JudgedSentences:
    """The mentions of all distinct sentences, laid out so that a join is a take."""

    def __init__(
        self, ids: Mapping[str, int], first: _Ints, rows: pa.Table, counts: Mapping[str, int]
    ) -> None:
        self._ids = ids
        self._first = first
        self._rows = rows
        self.counts = counts

    def mentions_of(self, sentences: pa.Table) -> pa.Table:
        """The mentions of these occurrences, in their order, with offsets into the report."""
        ids = self._ids
        numbers = np.fromiter(
            (ids[key] for key in sentences.column("sentence_id").to_pylist()),
            dtype=np.int64,
            count=sentences.num_rows,
        )
        counts = self._first[numbers + 1] - self._first[numbers]
        occurrence = np.repeat(np.arange(len(numbers)), counts)
        within = np.arange(len(occurrence)) - np.repeat(np.cumsum(counts) - counts, counts)
        rows = self._rows.take(pa.array(np.repeat(self._first[numbers], counts) + within))
        places = sentences.take(pa.array(occurrence))
        offset = places.column("start").combine_chunks()
        columns = {
            "report_id": places.column("report_id"),
            "section": places.column("section"),
            "sentence_index": places.column("sentence_index"),
            "sentence_id": places.column("sentence_id"),
            **{name: rows.column(name) for name in _SENTENCE_COLUMNS},
        }
        for name in ("start", "end"):
            columns[name] = pc.add(columns[name], offset)
        for name in ("cue_starts", "cue_ends"):
            columns[name] = _shifted(columns[name], offset)
        return pa.table(columns).select(MENTIONS.columns).cast(MENTIONS.schema)


def _shifted(lists: pa.ChunkedArray, offset: pa.Array) -> pa.Array:
    """Each list with its row's offset added to every member."""
    array = lists.combine_chunks()
    lengths = pc.list_value_length(array).to_numpy(zero_copy_only=False)
    values = array.flatten().to_numpy() + np.repeat(offset.to_numpy(), lengths)
    bounds = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(bounds), pa.array(values.astype(np.int32)))


def judged_sentences(
    distinct: Iterable[pa.Table], parses: pa.Table, reader: SentenceReader
) -> JudgedSentences:
    """The judged mentions of the distinct sentences, given the parses that judging can need."""
    by_id = {key: row for row, key in enumerate(parses.column("sentence_id").to_pylist())}
    trees = _trees(parses)
    ids: dict[str, int] = {}
    first = [0]
    rows: dict[str, list[object]] = {name: [] for name in _SENTENCE_COLUMNS}
    unparsed = 0
    for table in distinct:
        keys, texts, abbreviations = (c.to_pylist() for c in table.columns)
        for key, text, used in zip(keys, texts, abbreviations, strict=True):
            ids[key] = len(ids)
            row = by_id.get(key)
            for mention in reader.read(text, None if row is None else trees[row], used):
                _append(rows, text, mention)
                unparsed += mention.ruling.verdict == "unparsed"
            first.append(len(rows["start"]))
    schema = pa.schema([MENTIONS.schema.field(name) for name in _SENTENCE_COLUMNS])
    return JudgedSentences(
        ids,
        np.asarray(first, dtype=np.int64),
        pa.table(rows, schema=schema),
        {"distinct_mentions": len(rows["start"]), "unparsed_distinct_mentions": unparsed},
    )


def _trees(parses: pa.Table) -> list[Parse | Unparsed]:
    columns = (
        parses.column(name).to_pylist()
        for name in ("starts", "ends", "heads", "labels", "unparsed_reason")
    )
    return [
        Unparsed(reason)
        if reason is not None
        else Parse(tuple(starts), tuple(ends), tuple(heads), tuple(labels))
        for starts, ends, heads, labels, reason in zip(*columns, strict=True)
    ]


def _append(rows: dict[str, list[object]], text: str, mention: ReadMention) -> None:
    found, ruling = mention.found, mention.ruling
    row = (
        mention.start, mention.end, text[mention.start : mention.end], found.finding, found.cui,
        found.form, found.source, found.similarity, ruling.verdict, ruling.certainty,
        ruling.temporality, ruling.experiencer, ruling.rule_id,
        [start for start, _ in mention.cues], [end for _, end in mention.cues],
    )  # fmt: skip
    for column, value in zip(rows.values(), row, strict=True):
        column.append(value)
