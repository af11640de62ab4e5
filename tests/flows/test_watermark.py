"""Nights of runs over a source with a watermark: it moves on when the tables are published."""

import json
import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from data_contracts import REPORTS, read_table
from flows.output import read_run
from flows.reading import JOURNALS
from mining.ingest.journal import journals
from tests.flows.desk_case import exit_code as cxrmine

WATCH = ("--watermark", "updated", "--overlap", "1h", "--workers", "1")
# A run that ends at this place as a killed process does.
KILLED = """
import os, signal, sys
import flows.mine, flows.reading, mining.ingest.journal
def kill(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
{place} = kill
from flows.cli.app import main
main()
"""


class Nights:
    """A database, and a folder for the runs over it."""

    def __init__(self, folder):
        self.out, self.source = folder / "out", folder / "ris.toml"
        self.database, self.cache = folder / "ris.db", folder / "cache"
        with sqlite3.connect(self.database) as connection:
            connection.execute("CREATE TABLE reports (id TEXT, text TEXT, status TEXT, updated)")
        self.source.write_text(
            f'[sql]\nurl = "sqlite:///{self.database}"\nsince = "1900-01-01"\n'
            'query = "SELECT * FROM reports WHERE updated >= :since"\n'
        )

    def add(self, *rows):
        with sqlite3.connect(self.database) as connection:
            connection.executemany("INSERT INTO reports VALUES (?, ?, ?, ?)", rows)

    def run(self, *more):
        return cxrmine("mine", self.source, "--out", self.out, *WATCH, *more)

    def killed(self, place):
        command = [sys.executable, "-c", KILLED.format(place=place), "mine", str(self.source),
                   "--out", str(self.out), *WATCH]  # fmt: skip
        return subprocess.run(command, capture_output=True).returncode

    @property
    def reports(self):
        table = read_table(self.out / "reports.parquet", REPORTS)
        return dict(zip(table["report_id"].to_pylist(), table["text"].to_pylist(), strict=True))

    @property
    def told(self):
        return read_run(self.out)["input"]["watermark"]

    @property
    def upto(self):
        ((_, about),) = journals(self.cache / JOURNALS)
        return about["upto"]["value"]


@pytest.fixture
def nights(tmp_path, monkeypatch):
    monkeypatch.setenv("CXRMINE_CACHE", str(tmp_path / "cache"))
    return Nights(tmp_path)


def report(number, text="FINDINGS: Large effusion.", status="F", day=1):
    return f"R{number}", text, status, f"2026-01-{day:02} 10:00:00"


def test_nights_add_up_to_one_label_set(nights, capsys):
    nights.add(report(1), report(2))
    assert nights.run() == 0
    nights.add(report(3, day=2), report(1, "FINDINGS: No effusion.", "C", day=2))
    assert nights.run() == 0
    assert nights.reports == {
        "R1": "FINDINGS: No effusion.",
        "R2": "FINDINGS: Large effusion.",
        "R3": "FINDINGS: Large effusion.",
    }
    assert (nights.told["since"], nights.told["upto"]) == (
        "2026-01-01 09:00:00", "2026-01-02 10:00:00",
    )  # fmt: skip
    assert (nights.told["new_rows"], nights.told["read_again"], nights.told["rows"]) == (2, 2, 4)
    capsys.readouterr()
    assert cxrmine("report", nights.out) == 0
    line = "read by updated from 2026-01-01 09:00:00 up to 2026-01-02 10:00:00: 2 new rows"
    assert line in capsys.readouterr().out
    assert cxrmine("cache", "explain", nights.out) == 0
    said = capsys.readouterr().out
    assert "watermark updated: read up to 2026-01-02 10:00:00, 4 rows of 2 nights" in said
    assert "source: 1 of 1 pieces stored" in said
    assert cxrmine("cache", "explain", nights.source, *WATCH[:4]) == 0
    assert "read up to 2026-01-02 10:00:00" in capsys.readouterr().out


def test_a_night_without_news_makes_nothing_anew(nights):
    nights.add(report(1))
    nights.run()
    nights.run()
    stages = read_run(nights.out)["stages"].values()
    assert all(stage["cached"] for stage in stages)


@pytest.mark.parametrize("place", ["flows.mine.publish", "mining.ingest.journal.Journal.commit"])
def test_a_killed_run_loses_nothing_and_doubles_nothing(nights, place):
    nights.add(report(1))
    nights.run()
    nights.add(report(2, day=2))
    assert nights.killed(place) == -signal.SIGKILL
    assert nights.upto == "2026-01-01 10:00:00"
    nights.add(report(3, day=3))
    assert nights.run() == 0
    assert sorted(nights.reports) == ["R1", "R2", "R3"]
    assert read_run(nights.out)["stages"]["ingest"]["rows_in"] == 3
    assert nights.upto == "2026-01-03 10:00:00"


def test_a_run_that_fails_leaves_the_watermark(nights):
    nights.add(report(1))
    nights.run()
    nights.add(report(2, "", day=2))
    assert nights.run() == 3  # half of the rows are rejects
    assert nights.upto == "2026-01-01 10:00:00"
    assert nights.run("--max-reject-rate", "0.5") == 0
    assert nights.upto == "2026-01-02 10:00:00"


@pytest.mark.slow
def test_the_gate_that_refuses_leaves_the_watermark(nights, tmp_path):
    config = tmp_path / "nightly.toml"
    config.write_text(
        f'[source]\npath = "{nights.source}"\nwatermark = "updated"\n'
        f'[output]\nfolder = "{nights.out}"\n[engine]\nworkers = 1\n'
        f'[gate]\npublished = "{tmp_path / "sets"}"\nmax_flipped = 0.0\n'
    )
    nights.add(report(1))
    assert cxrmine("run", "--config", config) == 0
    nights.add(report(1, "FINDINGS: No effusion.", "C", day=2))
    assert cxrmine("run", "--config", config) == 4
    assert nights.upto == "2026-01-01 10:00:00"


def test_from_start_reads_the_source_anew(nights):
    nights.add(report(1), report(2))
    nights.run()
    with sqlite3.connect(nights.database) as connection:
        connection.execute("DELETE FROM reports WHERE id = 'R2'")
    nights.run()
    assert len(nights.reports) == 2
    assert nights.run("--from-start") == 0
    assert list(nights.reports) == ["R1"]


def test_shards_asked_for_hold_the_same_reports(nights):
    nights.add(*(report(number, day=number) for number in range(1, 5)))
    nights.run()
    whole = nights.reports
    assert nights.run("--shards", "2") == 0
    assert nights.reports == whole
    assert nights.told["new_rows"] == 0


def test_what_is_forgotten_is_forgotten_in_the_journal(nights, tmp_path):
    nights.add(report(1, "FINDINGS: A zebra in the lung."), report(2))
    nights.run()
    with sqlite3.connect(nights.database) as connection:
        connection.execute("DELETE FROM reports WHERE id = 'R1'")
    ids = tmp_path / "ids.txt"
    ids.write_text("R1\n")
    assert cxrmine("forget", "--ids", ids, nights.out) == 0
    assert nights.run() == 0
    assert list(nights.reports) == ["R2"]
    for path in (nights.cache / JOURNALS).rglob("*.parquet"):
        assert "zebra" not in json.dumps(read_table(path).to_pylist(), default=str)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--watermark", "updated", "--overlap", "soon"), "expected a time"),
        (("--overlap", "2h"), "expected a column to watch"),
        (("--watermark", "modified"), "no column 'modified'"),
    ],
)
def test_a_mistake_is_one_line(nights, capsys, options, said):
    nights.add(report(1))
    assert cxrmine("mine", nights.source, "--out", nights.out, *options) == 2
    assert said in capsys.readouterr().err


def test_openi_has_no_watermark(nights, capsys):
    assert cxrmine("mine", "openi", "--out", nights.out, "--watermark", "modified") == 2
    assert "has no watermark" in capsys.readouterr().err


def test_journals_are_pruned_when_told(nights, capsys):
    nights.add(report(1))
    nights.run()
    ((folder, _),) = journals(nights.cache / JOURNALS)
    assert cxrmine("cache", "show") == 0
    assert "read by updated up to 2026-01-01 10:00:00" in capsys.readouterr().out
    os.utime(folder / "about.json", (0, 0))
    for asked, there in ((["--older-than", "9999w"], True), (["--older-than", "30d"], True),
                         (["--older-than", "30d", "--journals", "--dry-run"], True),
                         (["--max-size", "0B", "--journals"], True),
                         (["--older-than", "30d", "--journals"], False)):  # fmt: skip
        cxrmine("cache", "prune", *asked)
        assert folder.exists() == there
    assert nights.run() == 0
    assert nights.told["since"] == "the start"


def test_a_source_without_rows_is_a_label_set_without_rows(nights):
    assert nights.run() == 0
    assert nights.reports == {}


def test_all_that_is_kept_is_its_owners(nights):
    nights.add(report(1))
    nights.run()
    folders = [nights.cache, *(path for path in nights.cache.rglob("*") if path.is_dir())]
    journal = [path for path in folders if JOURNALS in path.parts]
    assert journal
    assert [path for path in [nights.cache, *journal[:2]] if path.stat().st_mode & 0o077] == []
