"""Joining judged sentences back to the reports: one judgement, as many rows as occurrences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import JUDGEMENTS, MENTIONS
from mining.parsing import Parse, Unparsed
from mining.reading import ReadMention, SentenceReader

_Ints = npt.NDArray[np.int64]
# Offsets into the sentence until they are joined; the report's offset is added then.
_COLUMNS = tuple(name for name in JUDGEMENTS.columns if name != "sentence_id")
_NO_MENTION = (None,) * len(_COLUMNS)


class NotJudgedError(LookupError):
    """A sentence that nobody has judged: `sentence_id`."""

    def __init__(self, sentence_id: str) -> None:
        self.sentence_id = sentence_id
        super().__init__(
            f"sentence {sentence_id}: no judgement, expected one for every sentence; the sentence "
            "store was changed while the run read it: run again"
        )


class JudgedSentences:
    """The mentions of distinct sentences, laid out so that a join is a take."""

    def __init__(self, judgements: pa.Table) -> None:
        """`judgements` are rows under that contract; those of a sentence follow each other."""
        ids = judgements.column("sentence_id").combine_chunks()
        new = np.ones(len(ids), dtype=bool)
        if len(ids):
            new[1:] = pc.not_equal(ids[1:], ids[:-1]).to_numpy(zero_copy_only=False)
        self._first = np.flatnonzero(new).astype(np.int64)
        self._ids = ids.take(pa.array(self._first))
        self._counts = np.diff(np.append(self._first, len(ids)))
        nothing = judgements.column("finding").take(pa.array(self._first)).is_null()
        self._counts[nothing.to_numpy()] = 0
        self._rows = judgements

    @property
    def mentions(self) -> int:
        """How many mentions the sentences hold."""
        return int(self._counts.sum())

    def mentions_of(self, sentences: pa.Table) -> pa.Table:
        """The mentions of these occurrences, in their order, with offsets into the report.

        Errors: NotJudgedError.
        """
        numbers = self._numbers(sentences.column("sentence_id").combine_chunks())
        counts = self._counts[numbers]
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
            **{name: rows.column(name) for name in _COLUMNS},
        }
        for name in ("start", "end"):
            columns[name] = pc.add(columns[name], offset)
        for name in ("cue_starts", "cue_ends"):
            columns[name] = _shifted(columns[name], offset)
        return pa.table(columns).select(MENTIONS.columns).cast(MENTIONS.schema)

    def _numbers(self, wanted: pa.Array) -> _Ints:
        found = pc.index_in(wanted, value_set=self._ids)
        if found.null_count:
            raise NotJudgedError(wanted.filter(found.is_null())[0].as_py())
        numbers: _Ints = found.to_numpy().astype(np.int64)
        return numbers


def _shifted(lists: pa.ChunkedArray, offset: pa.Array) -> pa.Array:
    """Each list with its row's offset added to every member."""
    array = lists.combine_chunks()
    lengths = pc.list_value_length(array).to_numpy(zero_copy_only=False)
    values = array.flatten().to_numpy() + np.repeat(offset.to_numpy(), lengths)
    bounds = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(bounds), pa.array(values.astype(np.int32)))


def judgement_rows(
    distinct: Iterable[pa.Table], parses: Mapping[str, Parse | Unparsed], reader: SentenceReader
) -> pa.Table:
    """The judgements of distinct sentences (id, text, abbreviations), in their order.

    `parses` holds those that `reader.needs_parse`.
    """
    ids: list[str] = []
    rows: dict[str, list[object]] = {name: [] for name in _COLUMNS}
    for table in distinct:
        columns = (table.column(n).to_pylist() for n in ("sentence_id", "text", "abbreviations"))
        for key, text, used in zip(*columns, strict=True):
            read = reader.read(text, parses.get(key), used)
            for values in [_row(text, mention) for mention in read] or [_NO_MENTION]:
                ids.append(key)
                for column, value in zip(rows.values(), values, strict=True):
                    column.append(value)
    return pa.table({"sentence_id": ids, **rows}, schema=JUDGEMENTS.schema)


def trees(parses: pa.Table) -> dict[str, Parse | Unparsed]:
    """The parses of a table by their sentence's id."""
    columns = (
        parses.column(name).to_pylist()
        for name in ("sentence_id", "starts", "ends", "heads", "labels", "unparsed_reason")
    )
    return {
        key: Unparsed(reason)
        if reason is not None
        else Parse(tuple(starts), tuple(ends), tuple(heads), tuple(labels))
        for key, starts, ends, heads, labels, reason in zip(*columns, strict=True)
    }


def _row(text: str, mention: ReadMention) -> tuple[object, ...]:
    found, ruling = mention.found, mention.ruling
    return (
        mention.start, mention.end, text[mention.start : mention.end], found.finding, found.cui,
        found.form, found.source, found.similarity, ruling.verdict, ruling.certainty,
        ruling.temporality, ruling.experiencer, ruling.rule_id,
        [start for start, _ in mention.cues], [end for _, end in mention.cues],
    )  # fmt: skip
