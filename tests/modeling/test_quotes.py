"""Quotes: the sentence around a mention, cut from the report as it was received."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from data_contracts import MENTIONS, REPORTS, write_table
from modeling.quotes import line_of, quote_mentions, read_mentions, read_texts

TEXT = "FINDINGS:\nNo effusion. A mass is seen.\nThe heart is large."


def mention(report_id: str, start: int, end: int, finding: str = "Mass") -> dict[str, object]:
    return {
        "report_id": report_id, "section": "findings", "sentence_index": 0,
        "sentence_id": f"{start:032x}", "start": start, "end": end, "text": TEXT[start:end],
        "finding": finding, "concept_source": "phrase", "verdict": "present",
        "temporality": "current", "experiencer": "patient", "rule_id": "default.present",
        "cue_starts": [], "cue_ends": [],
    }  # fmt: skip


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path]:
    at = TEXT.index("mass")
    rows = [mention("R1", at, at + 4), mention("R2", at, at + 4), mention("R1", 13, 21, "Effusion")]
    mentions, reports = tmp_path / "mentions.parquet", tmp_path / "reports.parquet"
    write_table(mentions, pa.Table.from_pylist(rows, schema=MENTIONS.schema), MENTIONS)
    texts = [{"report_id": "R1", "text": TEXT}, {"report_id": "R2", "text": "Short."}]
    write_table(reports, pa.Table.from_pylist(texts, schema=REPORTS.schema), REPORTS)
    return mentions, reports


def test_a_quote_is_the_line_with_its_mention_marked(tables: tuple[Path, Path]) -> None:
    mentions, reports = tables
    keep = (pc.field("finding") == "Mass") & (pc.field("report_id") == "R1")
    (quote,) = quote_mentions(read_mentions(mentions, keep).to_pylist(), reports)
    assert quote.parts() == ("No effusion. A ", "mass", " is seen.")
    assert (quote.report_id, quote.verdict, quote.rule_id) == ("R1", "present", "default.present")


def test_another_cutter_of_sentences_is_heard(tables: tuple[Path, Path]) -> None:
    mentions, reports = tables
    rows = read_mentions(mentions, pc.field("report_id") == "R1").to_pylist()
    quotes = quote_mentions(rows, reports, lambda text, start, end: (start - 2, end))
    assert quotes[0].text == "A mass"


def test_a_cutter_that_cuts_too_short_loses_no_mention(tables: tuple[Path, Path]) -> None:
    mentions, reports = tables
    rows = read_mentions(mentions, pc.field("report_id") == "R1").to_pylist()
    quotes = quote_mentions(rows, reports, lambda text, start, end: (end, start))
    assert [quote.parts() for quote in quotes] == [("", "mass", ""), ("", "effusion", "")]


def test_a_mention_beyond_its_report_is_left_out(tables: tuple[Path, Path]) -> None:
    mentions, reports = tables
    rows = read_mentions(mentions, pc.field("finding") == "Mass").to_pylist()
    assert [quote.report_id for quote in quote_mentions(rows, reports)] == ["R1"]


def test_only_wanted_texts_are_read(tables: tuple[Path, Path]) -> None:
    assert read_texts(tables[1], {"R2", "R9"}) == {"R2": "Short."}


@pytest.mark.parametrize(
    ("at", "line"),
    [(0, "FINDINGS:"), (10, "No effusion. A mass is seen."), (40, "The heart is large.")],
)
def test_the_line_around(at: int, line: str) -> None:
    assert TEXT[slice(*line_of(TEXT, at, at + 2))] == line
