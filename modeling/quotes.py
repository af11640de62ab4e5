"""Sentences of reports, each with the mention of a finding in it: what a label rests on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import MENTIONS, REPORTS, has_text, iter_tables

# (report, start, end of a mention) -> (start, end) of its sentence, which only mining can tell.
SentenceOf = Callable[[str, int, int], tuple[int, int]]

_COLUMNS = (
    "report_id", "sentence_id", "start", "end", "finding", "verdict", "temporality",
    "experiencer", "rule_id",
)  # fmt: skip


@dataclass(frozen=True)
class Quote:
    """A sentence as written; the mention of `finding` in it is `text[start:end]`."""

    report_id: str
    finding: str
    text: str
    start: int
    end: int
    verdict: str
    rule_id: str | None
    temporality: str = "current"
    experiencer: str = "patient"
    count: int = 1  # reports with this very sentence, where they were counted

    def parts(self) -> tuple[str, str, str]:
        """What stands before the mention, the mention, what follows."""
        return self.text[: self.start], self.text[self.start : self.end], self.text[self.end :]


def line_of(text: str, start: int, end: int) -> tuple[int, int]:
    """The line around a mention: for whoever has no splitter of sentences at hand.

    >>> "FINDINGS:\\nNo mass.\\nClear."[slice(*line_of("FINDINGS:\\nNo mass.\\nClear.", 13, 17))]
    'No mass.'
    """
    after = text.find("\n", end)
    return text.rfind("\n", 0, start) + 1, len(text) if after < 0 else after


def read_mentions(path: str | Path, keep: pc.Expression) -> pa.Table:
    """The mentions that `keep` lets through, with the columns a quote needs."""
    pieces = [piece.filter(keep) for piece in iter_tables(path, MENTIONS, columns=list(_COLUMNS))]
    empty = MENTIONS.empty().select(list(_COLUMNS))
    return pa.concat_tables([empty, *pieces])


def quote_mentions(
    mentions: Iterable[dict[str, Any]], reports: str | Path, sentence_of: SentenceOf = line_of
) -> list[Quote]:
    """The quotes of these mentions (rows of `read_mentions`), in their order.

    A mention whose report is not in the table of reports, or ends before it, is left out; all are
    where the table has no texts.
    """
    rows = list(mentions)
    if not has_text(reports):
        return []
    texts = read_texts(reports, {row["report_id"] for row in rows})
    return [
        _quote(row, texts[row["report_id"]], sentence_of)
        for row in rows
        if row["end"] <= len(texts.get(row["report_id"], ""))
    ]


def read_texts(reports: str | Path, report_ids: Collection[str]) -> dict[str, str]:
    """The texts of these reports, by id."""
    wanted = pa.array(sorted(report_ids), pa.string())
    found: dict[str, str] = {}
    for piece in iter_tables(reports, REPORTS, columns=["report_id", "text"]):
        piece = piece.filter(pc.is_in(piece["report_id"], value_set=wanted))
        found.update(zip(*(column.to_pylist() for column in piece.columns), strict=True))
    return found


def _quote(row: dict[str, Any], text: str, sentence_of: SentenceOf) -> Quote:
    begin, stop = sentence_of(text, row["start"], row["end"])
    begin, stop = min(begin, row["start"]), max(stop, row["end"])
    return Quote(
        report_id=row["report_id"],
        finding=row["finding"],
        text=text[begin:stop],
        start=row["start"] - begin,
        end=row["end"] - begin,
        verdict=row["verdict"],
        rule_id=row["rule_id"],
        temporality=row["temporality"],
        experiencer=row["experiencer"],
        count=row.get("count", 1),
    )
