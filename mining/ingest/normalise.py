"""Records of any source made into rows of the table of reports; what cannot be is a reject."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Protocol, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import REPORTS, ReportStatus
from mining.printable import utf8

from .rows import MAX_TEXT_BYTES, Batch, RawReject, Reason
from .times import parse_times

ARRIVAL = "arrival"  # no column of reports: when a row came, where the source tells
_LONGEST_ID = 128
# Controls, those of C1 too, and what turns the direction of a line: an id is shown in many places.
_NO_ID = r"[\x00-\x1f\x7f-\x{9f}\x{61c}\x{200e}\x{200f}\x{2028}-\x{202e}\x{2066}-\x{2069}]"
_VERSION = r"^[vV]?(\d{1,18})(?:\.0+)?$"

# HL7 version 2 (OBR-25), FHIR DiagnosticReport.status, and what exports write.
_STATUS_WORDS: dict[ReportStatus, tuple[str, ...]] = {
    ReportStatus.PRELIMINARY: ("p", "prelim", "preliminary", "draft", "partial", "registered"),
    ReportStatus.FINAL: ("f", "final", "finalized", "finalised", "signed", "verified", "complete"),
    ReportStatus.AMENDED: (
        *("a", "c", "amended", "corrected", "appended", "addendum", "addended", "revised"),
        *("final-amended", "final-corrected"),
    ),
    ReportStatus.CANCELLED: (
        *("x", "cancelled", "canceled", "deleted", "withdrawn", "retracted"),
        "entered-in-error",
    ),
}

Column: TypeAlias = pa.Array


@dataclass(frozen=True, slots=True)
class Normalised:
    """Rows under the schema of reports and the rejects, both in the order of the source.

    A cancelled report may come without text: it is there to withdraw others, never to be read.
    `arrivals` says when each came to us, where that is known; later ones are larger.
    """

    reports: pa.Table
    rejects: list[RawReject]
    arrivals: pa.Array | None = None


class Masker(Protocol):
    """Who takes identifiers out of texts; mining.deidentifying has one."""

    @property
    def id(self) -> str:
        """What its answers depend on."""

    def masked(self, batches: Iterable[Normalised], notes: Counter[str]) -> Iterator[Normalised]:
        """The batches with masked texts; `notes` counts the masks."""


def normalise(batch: Batch) -> Normalised:
    """The batch as rows of reports: ids and codes trimmed, times, versions and states read."""
    # Arrays, not chunks: pyarrow 25 crashes in indices_nonzero when there are no chunks at all.
    arrays = {name: batch.columns[name].combine_chunks() for name in batch.layout.needed}
    columns = {
        name: _joined(arrays, names) if len(names) > 1 else arrays[names[0]]
        for name, names in batch.layout.pairs
    }
    split = _Split(batch, columns)
    texts = {
        name: split.trimmed(name)
        for name in (
            *("study_id", "patient_id", "procedure_code", "modality", "body_part", "language"),
            "source",
        )
    }
    texts["source"] = pc.fill_null(texts["source"], utf8(batch.source))
    report_id = split.report_id()
    ready = {
        **texts,
        "report_id": report_id,
        "status": (status := split.status()),
        "version": split.version(),
        "received_at": split.received_at(),
        "text": split.text(pc.fill_null(pc.equal(status, ReportStatus.CANCELLED), False)),
    }
    kept, rejects = split.result(report_id)
    table = pa.table({name: column.filter(kept) for name, column in ready.items()})
    digests = [hashlib.sha256(raw).hexdigest() for raw in _raw(table["text"])]
    table = table.append_column("text_sha256", pa.array(digests, pa.string()))
    arrivals = columns[ARRIVAL].cast(pa.int64()).filter(kept) if ARRIVAL in columns else None
    return Normalised(table.select(REPORTS.columns).cast(REPORTS.schema), rejects, arrivals)


class _Split:
    """Reads one column after the other and remembers the first thing wrong with each row."""

    def __init__(self, batch: Batch, columns: dict[str, Column]) -> None:
        self._batch, self._columns = batch, columns
        self._wrong: dict[int, tuple[str, Reason]] = {}

    def trimmed(self, name: str) -> Column:
        """The column without outer whitespace; blank is null, and so is a column not there."""
        if name not in self._columns:
            return pa.nulls(self._batch.columns.num_rows, pa.string())
        texts = pc.utf8_trim_whitespace(self._columns[name])
        return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)

    def report_id(self) -> Column:
        ids = self.trimmed("report_id")
        self._mark("report_id", Reason.MISSING_ID, pc.is_null(ids))
        self._mark("report_id", Reason.BAD_ID, pc.greater(pc.utf8_length(ids), _LONGEST_ID))
        self._mark("report_id", Reason.BAD_ID, pc.match_substring_regex(ids, _NO_ID))
        return ids

    def status(self) -> Column:
        words = self.trimmed("status")
        plain = pc.replace_substring_regex(pc.utf8_lower(words), r"[\s_]+", "-")
        known, meant = _states()
        status = pc.take(meant, pc.index_in(plain, value_set=known))
        self._mark("status", Reason.BAD_STATUS, _lost(words, status))
        return status

    def version(self) -> Column:
        texts = self.trimmed("version")
        whole = pc.if_else(pc.match_substring_regex(texts, _VERSION), texts, None)
        numbers = pc.replace_substring_regex(whole, _VERSION, r"\1").cast(pa.int64())
        self._mark("version", Reason.BAD_VERSION, _lost(texts, numbers))
        return numbers

    def received_at(self) -> Column:
        texts = self.trimmed("received_at")
        times = parse_times(texts)
        self._mark("received_at", Reason.BAD_TIME, _lost(texts, times))
        return times

    def text(self, cancelled: Column) -> Column:
        texts = pc.fill_null(self._columns["text"], "")
        blank = pc.equal(pc.utf8_trim_whitespace(texts), "")
        self._mark("text", Reason.EMPTY, pc.and_(blank, pc.invert(cancelled)))
        self._mark("text", Reason.TOO_LONG, pc.greater(pc.binary_length(texts), MAX_TEXT_BYTES))
        self._mark("text", Reason.NUL_BYTES, pc.match_substring(texts, "\x00"))
        return texts

    def result(self, ids: Column) -> tuple[pa.Array, list[RawReject]]:
        """Which rows are kept, and the rejects: the reader's own first."""
        rejects = list(self._batch.rejects)
        kept = [True] * self._batch.columns.num_rows
        for row in sorted(self._wrong):
            column, reason = self._wrong[row]
            kept[row] = False
            usable = reason not in (Reason.MISSING_ID, Reason.BAD_ID)
            key = ids[row].as_py() if usable else self._batch.places[row]
            value = self._columns[column][row].as_py()
            rejects.append(RawReject.of(key, reason, column, value))
        return pa.array(kept, pa.bool_()), rejects

    def _mark(self, column: str, reason: Reason, wrong: Column) -> None:
        for row in pc.indices_nonzero(pc.fill_null(wrong, False)).to_pylist():
            self._wrong.setdefault(row, (column, reason))


@cache
def _states() -> tuple[pa.Array, pa.Array]:
    """The words for states, and what they mean. (A first array loads pandas: not at import.)"""
    pairs = [(word, status.value) for status, words in _STATUS_WORDS.items() for word in words]
    return pa.array([word for word, _ in pairs]), pa.array([status for _, status in pairs])


def _lost(before: Column, after: Column) -> Column:
    """True where there was a value that could not be read."""
    return pc.and_(pc.is_valid(before), pc.is_null(after))


def _raw(texts: pa.ChunkedArray) -> list[bytes]:
    raw: list[bytes] = texts.cast(pa.binary()).to_pylist()
    return raw


def _joined(arrays: Mapping[str, Column], names: tuple[str, ...]) -> Column:
    """One text from several columns: each that is not blank as "NAME: value", a line each."""
    joined: Column | None = None
    for name in names:
        values = arrays[name]
        blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(values), ""), True)
        line = pc.binary_join_element_wise(f"{name.upper()}:", values, " ")
        line = pc.if_else(blank, pa.scalar(None, pa.string()), line)
        # The join of a line and a null is null: then there is only one of them, or none.
        both = line if joined is None else pc.binary_join_element_wise(joined, line, "\n")
        joined = pc.coalesce(both, joined, line) if joined is not None else both
    return joined
