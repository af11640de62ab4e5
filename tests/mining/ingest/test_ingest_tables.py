"""The tables that ingestion leaves, and its accounts."""

import json
import subprocess
import sys

import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts import (
    REJECTS,
    REPORTS,
    check_rows,
    content_hash,
    part_paths,
    read_provenance,
    read_table,
)
from mining.ingest import AccountsError, IngestCounts, SourceError, ingest
from tests.mining.ingest.ingest_sources import write_jsonl

VERSIONED = [
    {"id": "A", "text": "Old.", "version": 1},
    {"id": "B", "text": "Only.", "version": 1},
    {"id": "A", "text": "New.", "version": 2},
    {"id": "C", "text": "This.", "version": 1},
    {"id": "C", "text": "That.", "version": 1},
    {"id": "D", "text": "Twice.", "version": 1},
    {"id": "D", "text": "Twice.", "version": 1},
    {"id": "E", "text": "Withdrawn.", "version": 1},
    {"id": "E", "text": "", "version": 2, "status": "X"},
    {"id": "F", "text": " ", "version": 1},
]


def ids_and_texts(path):
    table = read_table(path, REPORTS)
    return list(zip(table["report_id"].to_pylist(), table["text"].to_pylist(), strict=True))


@pytest.fixture
def source(tmp_path):
    return write_jsonl(tmp_path / "r.jsonl", VERSIONED)


def test_every_row_is_accounted_for(tmp_path, source):
    counts = ingest(source, tmp_path / "out")
    assert counts == IngestCounts(
        rows_in=10,
        rows_out=3,
        rejects=3,
        superseded=2,
        duplicates=1,
        filtered=1,
        filtered_by={"cancelled": 1},
    )
    assert ids_and_texts(tmp_path / "out" / "reports.parquet") == [
        ("B", "Only."),
        ("A", "New."),
        ("D", "Twice."),
    ]
    rejects = read_table(tmp_path / "out" / "rejects.parquet", REJECTS).to_pylist()
    assert [(row["key"], row["reason"]) for row in rejects] == [
        ("F", "empty"),
        ("C", "conflicting_versions"),
        ("C", "conflicting_versions"),
    ]
    assert {row["stage"] for row in rejects} == {"ingest"}


def test_only_the_tables_are_left(tmp_path, source):
    ingest(source, tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["filtered.parquet", "rejects.parquet", "reports.parquet"]


def test_nothing_is_left_of_a_source_that_cannot_be_read(tmp_path):
    (tmp_path / "r.parquet").write_bytes(b"PAR1")
    with pytest.raises(SourceError):
        ingest(tmp_path / "r.parquet", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_no_text_of_a_report_is_among_the_rejects(tmp_path, source):
    ingest(source, tmp_path / "out")
    dump = json.dumps(read_table(tmp_path / "out" / "rejects.parquet").to_pylist())
    assert "This." not in dump
    assert "That." not in dump


@pytest.mark.parametrize("rows", [VERSIONED, VERSIONED[1:2], []], ids=["versions", "one", "none"])
@pytest.mark.parametrize("shards", [2, 3, 7])
def test_parts_are_contiguous_and_as_many_as_asked(tmp_path, rows, shards):
    source = write_jsonl(tmp_path / "r.jsonl", rows)
    whole = ingest(source, tmp_path / "whole")
    parted = ingest(source, tmp_path / "parts", shards=shards)
    assert parted == whole
    parts = part_paths(tmp_path / "parts" / "reports.parquet")
    sizes = [read_table(part).num_rows for part in parts]
    assert len(sizes) == shards
    assert max(sizes) - min(sizes) <= 1
    assert ids_and_texts(tmp_path / "parts" / "reports.parquet") == ids_and_texts(
        tmp_path / "whole" / "reports.parquet"
    )
    assert content_hash(tmp_path / "parts" / "rejects.parquet") == content_hash(
        tmp_path / "whole" / "rejects.parquet"
    )


def test_no_shards_at_all_is_refused(tmp_path, source):
    with pytest.raises(ValueError, match="expected 1 or more"):
        ingest(source, tmp_path / "out", shards=0)


@pytest.mark.parametrize("order", [(1, 3), (3, 1), (2, 3)])
def test_a_second_run_replaces_the_first(tmp_path, source, order):
    for shards in order:
        ingest(source, tmp_path / "out", shards=shards)
    parts = part_paths(tmp_path / "out" / "reports.parquet")
    assert len(parts) == order[-1]
    assert sum(read_table(part).num_rows for part in parts) == 3


@pytest.mark.parametrize("shards", [1, 3])
def test_the_same_source_gives_the_same_bytes(tmp_path, source, shards):
    for out in ("one", "two"):
        ingest(source, tmp_path / out, shards=shards, provenance={"source": "made up"})
    for table in ("reports.parquet", "rejects.parquet"):
        assert content_hash(tmp_path / "one" / table) == content_hash(tmp_path / "two" / table)
        assert read_provenance(tmp_path / "one" / table)["source"] == "made up"


def test_versions_far_apart_find_each_other(tmp_path):
    rows = [{"id": str(n % 12_000), "text": f"Number {n}.", "version": n} for n in range(20_000)]
    counts = ingest(write_jsonl(tmp_path / "r.jsonl", rows), tmp_path / "out")
    assert (counts.rows_out, counts.superseded) == (12_000, 8_000)
    newest = [(str(n % 12_000), f"Number {n}.") for n in range(8_000, 20_000)]
    assert ids_and_texts(tmp_path / "out" / "reports.parquet") == newest


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.sampled_from(["A", "B", "C", "", None]),
            "text": st.sampled_from(["One.", "Two.", " ", "x\x00", None]),
            "version": st.sampled_from([None, 1, 2, "?"]),
            "status": st.sampled_from([None, "P", "F", "A", "X", "?"]),
        }
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.integers(1, 3))
def test_no_row_is_lost(tmp_path_factory, rows, shards):
    folder = tmp_path_factory.mktemp("rows")
    counts = ingest(write_jsonl(folder / "r.jsonl", rows), folder / "out", shards=shards)
    reports = read_table(folder / "out" / "reports.parquet", REPORTS)
    rejects = read_table(folder / "out" / "rejects.parquet", REJECTS)
    assert counts.rows_in == len(rows)
    assert (counts.rows_out, counts.rejects) == (reports.num_rows, rejects.num_rows)
    assert check_rows(reports, REPORTS, stage="test").rejects.num_rows == 0
    assert not pc.any(pc.equal(reports["status"], "cancelled")).as_py()


def test_accounts_that_do_not_add_up_are_a_defect():
    with pytest.raises(AccountsError, match="found 3 rows in"):
        IngestCounts(rows_in=3, rows_out=1, rejects=1)


_PEAK = """
import resource, sys
from mining.ingest import ingest
ingest(sys.argv[1], sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)
"""


def test_memory_does_not_grow_with_the_number_of_reports(tmp_path):
    text = "The quiet film shows nothing of note. " * 1_000  # 38 kB

    def peak(rows):
        path = tmp_path / f"{rows}.csv"
        with path.open("w") as file:
            file.write("id,version,text\n")
            file.writelines(f"{row // 2},{row},{row} {text}\n" for row in range(rows))
        command = [sys.executable, "-c", _PEAK, str(path), str(tmp_path / f"out-{rows}")]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        return int(result.stdout)

    # 4,000 rows more are 152 MB more of text.
    assert peak(6_000) - peak(2_000) < 75
