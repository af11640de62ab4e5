"""Nights of a source that is read by its watermark: what is new, once, and nothing lost."""

import json
import os
import sqlite3
import time
from datetime import UTC, datetime, timedelta

import pytest

from data_contracts import REJECTS, REPORTS, read_table
from mining.ingest import MappingError, SourceError
from mining.ingest.batches import ARRIVALS_FILE, read_batches_of
from mining.ingest.blocks import join_pieces, write_piece
from mining.ingest.journal import Journal, journals
from mining.ingest.marks import MarkError, Watermark, as_mark, is_ahead, order
from mining.ingest.passes import ingest_batches
from mining.ingest.pieces import journal_pieces

QUERY = "SELECT acc AS report_id, body AS text, state AS status, updated FROM reports"


class Ris:
    """A database of reports, and the nights in which it is read."""

    def __init__(self, folder):
        self.folder, self.database = folder, folder / "ris.db"
        self.toml = folder / "ris.toml"
        with sqlite3.connect(self.database) as connection:
            connection.execute("CREATE TABLE reports (acc TEXT, body TEXT, state TEXT, updated)")
        self.ask(f"{QUERY} WHERE updated >= :since")

    def ask(self, query, since="1900-01-01"):
        self.toml.write_text(f'[sql]\nurl = "sqlite:///{self.database}"\nquery = "{query}"\n'
                             f'since = "{since}"\n')  # fmt: skip

    def add(self, *rows):
        with sqlite3.connect(self.database) as connection:
            connection.executemany("INSERT INTO reports VALUES (?, ?, ?, ?)", rows)

    def change(self, acc, body, state, updated):
        with sqlite3.connect(self.database) as connection:
            connection.execute("DELETE FROM reports WHERE acc = ?", (acc,))
        self.add((acc, body, state, updated))

    def journal(self, overlap="", **more):
        mark = Watermark("updated", overlap, more.pop("from_start", False))
        return Journal(self.folder / "journals", str(self.toml), mark, **more)

    def night(self, overlap="", *, commit=True, **more):
        journal = self.journal(overlap, **more)
        with journal.held():
            taken = journal.take()
            if commit:
                journal.commit(taken)
        return taken


@pytest.fixture
def ris(tmp_path):
    return Ris(tmp_path)


def tables(taken, folder, block=2):
    """Reports by id, the accounts, and as well what a single pass makes of the same."""
    folders = []
    for number, piece in enumerate(journal_pieces(taken.batches, block)):
        folders.append(folder / str(number))
        folders[-1].mkdir(parents=True)
        write_piece(piece, folders[-1], block=block)
    (folder / "out").mkdir()
    counts = join_pieces(folders, folder / "out", name="ris", notes={})
    assert ingest_batches(read_batches_of(taken.batches), folder / "single") == counts
    found = read_table(folder / "out" / "reports.parquet", REPORTS)
    texts = dict(zip(found["report_id"].to_pylist(), found["text"].to_pylist(), strict=True))
    return texts, counts


def test_a_night_takes_what_is_new_and_the_label_set_is_the_whole(ris, tmp_path):
    ris.add(("A", "One.", "F", "2026-01-01 10:00:00"), ("B", "Two.", "F", "2026-01-01 11:00:00"))
    first = ris.night()
    assert (first.told["new_rows"], first.told["since"]) == (2, "the start")
    ris.add(("C", "Three.", "F", "2026-01-02 09:00:00"))
    second = ris.night()
    assert (second.told["since"], second.told["upto"]) == (
        "2026-01-01 11:00:00", "2026-01-02 09:00:00",
    )  # fmt: skip
    assert (second.told["new_rows"], second.told["read_again"]) == (1, 1)
    assert second.batches[0] == first.batches[0]
    texts, counts = tables(second, tmp_path / "t")
    assert texts == {"A": "One.", "B": "Two.", "C": "Three."}
    assert (counts.rows_in, counts.rows_out, counts.duplicates) == (3, 3, 0)


def test_a_night_without_news_changes_nothing(ris):
    ris.add(("A", "One.", "F", "2026-01-01"))
    first, second = ris.night(), ris.night()
    assert first.batches == second.batches
    assert first.digest == second.digest


def test_what_was_not_committed_is_read_again_once(ris, tmp_path):
    ris.add(("A", "One.", "F", "2026-01-01"))
    ris.night()
    ris.add(("B", "Two.", "F", "2026-01-02"))
    lost = ris.night(commit=False)
    ris.add(("C", "Three.", "F", "2026-01-03"))
    found = ris.night()
    assert lost.told["new_rows"] == 1
    assert (found.told["since"], found.told["new_rows"]) == ("2026-01-01", 2)
    assert tables(found, tmp_path / "t")[1].rows_in == 3
    assert len(list(ris.journal().folder.glob("batch-*"))) == 2


def test_amended_and_withdrawn_reports_replace_what_was_read(ris, tmp_path):
    ris.add(*((one, "Old.", "F", "2026-01-01") for one in "ABCD"))
    ris.night()
    ris.change("A", "New.", "C", "2026-01-02")
    ris.change("B", "", "X", "2026-01-02")
    ris.change("C", "New.", "F", "2026-01-02")  # changed in its place: nothing else orders it
    ris.night()
    ris.change("C", "Old.", "F", "2026-01-03")  # and back again
    texts, counts = tables(ris.night(), tmp_path / "t")
    assert texts == {"A": "New.", "C": "Old.", "D": "Old."}
    assert (counts.superseded, counts.filtered, counts.rejects) == (4, 1, 0)


def test_what_came_late_is_found_in_the_overlap(ris, tmp_path):
    ris.add(("A", "One.", "F", "2026-01-02 10:00:00"))
    ris.night("2h")
    ris.add(("B", "Late.", "F", "2026-01-02 08:30:00"), ("C", "Later.", "F", "2026-01-02 07:30:00"))
    found = ris.night("2h")
    assert (found.told["since"], found.told["new_rows"]) == ("2026-01-02 08:00:00", 1)
    assert set(tables(found, tmp_path / "t")[0]) == {"A", "B"}


@pytest.mark.parametrize("again", [0, 1])
def test_rejects_are_counted_once(ris, tmp_path, again):
    ris.add(("A", "", "F", "2026-01-01"), ("B", "x" * 1_000_001, "F", "2026-01-01"))
    found = ris.night()
    for _ in range(again):
        found = ris.night()
    counts = tables(found, tmp_path / "t")[1]
    assert (counts.rows_in, counts.rejects) == (2, 2)
    assert read_table(tmp_path / "t" / "out" / "rejects.parquet", REJECTS).num_rows == 2


def test_numbers_are_marks_as_well(ris):
    ris.ask(f"{QUERY} WHERE updated > CAST(:since AS INTEGER)", since="0")
    ris.add(("A", "One.", "F", 7), ("B", "Two.", "F", 9))
    assert ris.night("1").told["upto"] == "9"
    ris.add(("C", "Three.", "F", 10))
    found = ris.night("1")
    assert (found.told["since"], found.told["upto"], found.told["new_rows"]) == ("8", "10", 1)


def test_from_start_begins_a_journal_of_its_own(ris, tmp_path):
    ris.add(("A", "One.", "F", "2026-01-01"))
    ris.night()
    with sqlite3.connect(ris.database) as connection:
        connection.execute("DELETE FROM reports")
    ris.add(("B", "Two.", "F", "2026-01-01"))
    assert len(ris.night(from_start=True, commit=False).batches) == 1
    assert len(ris.night().batches) == 2  # the one that was not committed has changed nothing
    found = ris.night(from_start=True)
    assert tables(found, tmp_path / "t")[0] == {"B": "Two."}
    assert len(list(ris.journal().folder.glob("batch-*"))) == 1


def test_another_query_begins_another_journal(ris):
    ris.add(("A", "One.", "F", "2026-01-01"))
    ris.night()
    ris.ask(f"{QUERY} WHERE state = 'F' AND updated >= :since")
    assert ris.night().told["since"] == "the start"
    assert len(list(journals(ris.folder / "journals"))) == 2


def test_a_slip_into_the_future_does_not_hide_what_comes_after_it(ris):
    ris.add(("A", "One.", "F", "2026-01-01"), ("B", "Two.", "F", "2999-01-01"))
    found = ris.night()
    assert (found.told["upto"], found.told["new_rows"]) == ("2026-01-01", 2)
    assert sum(found.notes.values()) == 1
    ris.add(("C", "Three.", "F", "2026-01-02"))
    assert ris.night().told["new_rows"] == 1


def test_a_changed_batch_is_an_error_that_says_what_to_do(ris):
    ris.add(("A", "One.", "F", "2026-01-01"))
    found = ris.night()
    path = ris.journal().folder / "batch-000001" / ARRIVALS_FILE
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(SourceError, match="--from-start"):
        list(found.batches[0].read())


def test_a_damaged_record_is_an_error(ris):
    ris.night()
    (ris.journal().folder / "about.json").write_text("{")
    with pytest.raises(SourceError, match="no journal"):
        ris.night()


def test_one_run_at_a_time(ris, tmp_path):
    import subprocess
    import sys

    journal = ris.journal()
    code = (
        "import fcntl, os, sys\n"
        "handle = os.open(sys.argv[1], os.O_RDWR)\n"
        "fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)"
    )
    lock = str(journal.folder / ".lock")
    with journal.held():
        assert subprocess.run([sys.executable, "-c", code, lock], capture_output=True).returncode
    assert subprocess.run([sys.executable, "-c", code, lock]).returncode == 0


@pytest.mark.parametrize(
    ("query", "column", "said"),
    [
        (QUERY, "updated", ":since"),
        (f"{QUERY} WHERE updated >= :since", "changed", "no column 'changed'"),
        (f"{QUERY} WHERE updated >= :since", "text", "whole numbers or times"),
    ],
)
def test_a_watermark_that_cannot_be_is_told(ris, query, column, said):
    ris.add(("A", "The secret text.", "F", "2026-01-01"))
    ris.ask(query)
    journal = Journal(ris.folder / "journals", str(ris.toml), Watermark(column))
    with journal.held(), pytest.raises((SourceError, MappingError), match=said) as caught:
        journal.take()
    assert "secret" not in str(caught.value)


def put(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def files_night(tmp_path, source, **more):
    journal = Journal(tmp_path / "journals", str(source), Watermark("modified", **more))
    with journal.held():
        taken = journal.take()
        journal.commit(taken)
    return taken


def test_of_files_those_are_read_that_are_new(tmp_path):
    source = tmp_path / "files"
    put(source, "p10/p10000032/s50414267.txt", "FINDINGS: Clear.")
    first = files_night(tmp_path, source)
    time.sleep(0.02)
    put(source, "p11/p11000001/s50000001.txt", "FINDINGS: Effusion.")
    second = files_night(tmp_path, source)
    assert [first.told["new_rows"], second.told["new_rows"]] == [1, 1]
    texts, counts = tables(second, tmp_path / "t")
    assert set(texts) == {"s50414267", "s50000001"}
    found = read_table(tmp_path / "t" / "out" / "reports.parquet", REPORTS).to_pylist()
    assert {one["patient_id"] for one in found} == {"p10000032", "p11000001"}
    assert counts.rows_in == 2


def test_a_file_that_grew_gives_its_new_rows(tmp_path):
    source = tmp_path / "in"
    path = put(source, "a.csv", "id,text\nA,One.\nB,Two.\n")
    files_night(tmp_path, source)
    time.sleep(0.02)
    path.write_text("id,text\nA,One.\nB,Changed.\nC,Three.\n")
    found = files_night(tmp_path, source)
    assert (found.told["new_rows"], found.told["read_again"]) == (2, 1)
    assert tables(found, tmp_path / "t")[0] == {"A": "One.", "B": "Changed.", "C": "Three."}


def test_an_old_file_that_came_today_is_new(tmp_path):
    source = tmp_path / "in"
    put(source, "a.csv", "id,text\nA,One.\n")
    files_night(tmp_path, source)
    time.sleep(0.02)
    path = put(source, "old.csv", "id,text\nB,Two.\n")
    os.utime(path, (0, 0))
    assert files_night(tmp_path, source).told["new_rows"] == 1


def test_files_have_one_watermark(tmp_path):
    source = put(tmp_path, "in/a.csv", "id,text\nA,One.\n").parent
    journal = Journal(tmp_path / "journals", str(source), Watermark("updated"))
    with journal.held(), pytest.raises(SourceError, match="'modified'"):
        journal.take()


@pytest.mark.parametrize(
    ("mark", "overlap", "since"),
    [
        (100, "30", 70),
        ("2026-01-02T00:30:00.250", "1h", "2026-01-01T23:30:00.250"),
        ("20260102003000", "1h", "20260101233000"),
        ("2026-01-02", "1h", "2026-01-01"),
        ("2026-01-02T00:30:00Z", "1h", "2026-01-01T23:30:00Z"),
        (datetime(2026, 1, 2, tzinfo=UTC), "1w", datetime(2025, 12, 26, tzinfo=UTC)),
        (datetime(2026, 1, 2).date(), "1h", datetime(2026, 1, 1).date()),
        (None, "1h", None),
        ("2026-01-02", "", "2026-01-02"),
    ],
)
def test_an_overlap_keeps_the_form_of_the_mark(mark, overlap, since):
    assert Watermark("x", overlap).since(mark) == since


@pytest.mark.parametrize(
    ("mark", "overlap"), [(5, "2h"), ("2026-01-02", "5"), ("2026-W01-1", "1d")]
)
def test_an_overlap_of_another_kind_is_refused(mark, overlap):
    with pytest.raises(MarkError):
        Watermark("x", overlap).since(mark)


@pytest.mark.parametrize("given", [("x", "soon"), ("x", "-1h"), ("", "1h")])
def test_a_watermark_that_cannot_be_meant_is_refused(given):
    with pytest.raises(MarkError):
        Watermark(*given)


@pytest.mark.parametrize("value", ["A123", "Clear lungs.", 1.5, True, b"x", "12", "x" * 50])
def test_only_numbers_and_times_are_marks(value):
    with pytest.raises(MarkError):
        as_mark(value)


def test_marks_have_an_order():
    now = datetime.now(UTC)
    times = [now - timedelta(days=1), now, now.isoformat(), now + timedelta(seconds=1)]
    assert sorted(map(order, times)) == [order(one) for one in times]
    assert [is_ahead(one, now) for one in (now, now + timedelta(days=2), 10**15)] == [
        False, True, False,
    ]  # fmt: skip


def test_a_journal_is_its_owners(ris):
    ris.night()
    assert ris.journal().folder.stat().st_mode & 0o077 == 0
    about = json.loads((ris.journal().folder / "about.json").read_text())
    assert about["source"] == str(ris.toml)
