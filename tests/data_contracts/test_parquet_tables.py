"""Tables on disk: whole or not at all, equal rows as equal bytes, read under their contract."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts import (
    DISTINCT_SENTENCES,
    PARSES,
    REPORTS,
    ContractError,
    TableWriter,
    content_hash,
    iter_tables,
    part_paths,
    read_provenance,
    read_table,
    write_table,
)


def sentences(count, first=0):
    return pa.table(
        {
            "sentence_id": [f"{first + row:032x}" for row in range(count)],
            "text": [f"Sentence {first + row}." for row in range(count)],
            "count": [1] * count,
            "abbreviations": [None] * count,
        },
        schema=DISTINCT_SENTENCES.schema,
    )


@pytest.fixture
def path(tmp_path):
    write_table(tmp_path / "t.parquet", sentences(10), DISTINCT_SENTENCES, {"parser": "hand"})
    return tmp_path / "t.parquet"


def test_what_was_written_is_read(path):
    table = read_table(path, DISTINCT_SENTENCES)
    assert table.equals(sentences(10))
    assert table.schema.equals(DISTINCT_SENTENCES.schema, check_metadata=True)


def test_lists_keep_their_type(tmp_path):
    row = {"sentence_id": "0" * 32, "parser_id": "p", "unparsed_reason": "too long"}
    table = pa.Table.from_pylist([row], schema=PARSES.schema)
    write_table(tmp_path / "p.parquet", table, PARSES)
    assert read_table(tmp_path / "p.parquet", PARSES).equals(table)


def test_provenance_and_contract_are_in_the_file(path):
    assert read_provenance(path) == {
        "contract": "distinct_sentences",
        "contract_version": "1",
        "parser": "hand",
    }
    assert b"cxrmine.parser" in pq.read_schema(path).metadata


def test_only_the_asked_columns_are_read(path):
    assert read_table(path, DISTINCT_SENTENCES, ["count"]).column_names == ["count"]
    assert read_table(path, columns=["text"]).column_names == ["text"]


def test_columns_beyond_the_contract_are_left_out(tmp_path):
    pq.write_table(sentences(1).append_column("note", pa.array(["x"])), tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet", DISTINCT_SENTENCES)
    assert table.column_names == list(DISTINCT_SENTENCES.columns)


def test_parts_are_read_in_name_order(tmp_path):
    for part in (1, 0, 2):
        name = tmp_path / "t" / f"part-{part:05}.parquet"
        write_table(name, sentences(3, first=3 * part), DISTINCT_SENTENCES)
    (tmp_path / "t" / ".part-00009.parquet").write_bytes(b"half-written")
    assert [part.name[5:10] for part in part_paths(tmp_path / "t")] == ["00000", "00001", "00002"]
    assert read_table(tmp_path / "t").equals(sentences(9))
    assert pa.concat_tables(iter_tables(tmp_path / "t", rows=2)).equals(sentences(9))


def test_pieces_are_no_longer_than_asked(path):
    assert [piece.num_rows for piece in iter_tables(path, rows=4)] == [4, 4, 2]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 1500), max_size=6))
def test_the_bytes_do_not_depend_on_how_rows_arrive(tmp_path_factory, lengths):
    folder = tmp_path_factory.mktemp("bytes")
    table = sentences(sum(lengths))
    write_table(folder / "whole.parquet", table, DISTINCT_SENTENCES)
    with TableWriter(folder / "pieces.parquet", DISTINCT_SENTENCES) as writer:
        start = 0
        for length in lengths:
            writer.write(table.slice(start, length))
            start += length
    assert content_hash(folder / "whole.parquet") == content_hash(folder / "pieces.parquet")


def test_long_texts_make_smaller_row_groups(tmp_path):
    table = sentences(3000).set_column(1, "text", pa.array(["x" * 20_000] * 3000))
    write_table(tmp_path / "t.parquet", table, DISTINCT_SENTENCES)
    metadata = pq.read_metadata(tmp_path / "t.parquet")
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [
        1024,
        1024,
        952,
    ]


def test_groups_without_a_beginning_are_not_read(tmp_path):
    path = tmp_path / "t.parquet"
    with TableWriter(path, DISTINCT_SENTENCES) as writer:
        for first in (0, 16**31, 2 * 16**31):
            writer.write(sentences(3, first))
            writer.end_group()
        writer.end_group()  # an empty group is none
    assert pq.ParquetFile(path).num_row_groups == 3
    pieces = list(iter_tables(path, DISTINCT_SENTENCES, prefix=("sentence_id", "1")))
    assert pa.concat_tables(pieces).equals(sentences(3, 16**31))
    assert not list(iter_tables(path, DISTINCT_SENTENCES, prefix=("sentence_id", "f")))
    unordered = list(iter_tables(path, DISTINCT_SENTENCES, prefix=("text", "Sent")))
    assert sum(piece.num_rows for piece in unordered) == 9


def test_the_hash_of_a_folder_sees_names_and_bytes(tmp_path):
    write_table(tmp_path / "t" / "part-00000.parquet", sentences(1), DISTINCT_SENTENCES)
    before = content_hash(tmp_path / "t")
    (tmp_path / "t" / "part-00000.parquet").rename(tmp_path / "t" / "part-00001.parquet")
    assert content_hash(tmp_path / "t") != before


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_nothing_is_left_of_a_broken_write(tmp_path, error):
    with pytest.raises(error), TableWriter(tmp_path / "t.parquet", DISTINCT_SENTENCES) as writer:
        writer.write(sentences(5))
        raise error
    assert list(tmp_path.iterdir()) == []


def test_a_broken_write_leaves_the_old_table(path):
    before = content_hash(path)
    with pytest.raises(RuntimeError), TableWriter(path, DISTINCT_SENTENCES) as writer:
        writer.write(sentences(5))
        raise RuntimeError
    assert content_hash(path) == before


@pytest.mark.parametrize(
    ("table", "column"),
    [
        (sentences(2).drop(["count"]), "count"),
        (sentences(2).append_column("more", pa.array([1, 2])), "more"),
        (sentences(2).set_column(2, "count", pa.array([1, None])), "count"),
        (sentences(2).set_column(2, "count", pa.array([1.0, 2.0])), "count"),
    ],
    ids=["missing", "surplus", "null", "other type"],
)
def test_a_table_that_breaks_the_contract_is_not_written(tmp_path, table, column):
    with pytest.raises(ContractError, match=rf"t\.parquet: column {column}: found .* expected"):
        write_table(tmp_path / "t.parquet", table, DISTINCT_SENTENCES)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("table", "column", "found", "expected"),
    [
        (sentences(2).drop(["count"]), "count", "no such column", "int64 (How often"),
        (sentences(2).set_column(2, "count", pa.array(["1", "2"])), "count", "string", "int64"),
        (sentences(2).set_column(2, "count", pa.array([1, None])), "count", "1 nulls", "a value"),
    ],
    ids=["missing", "other type", "null"],
)
@pytest.mark.parametrize("read", [read_table, lambda *args: list(iter_tables(*args))])
def test_reading_says_which_column_broke_the_contract(
    tmp_path, read, table, column, found, expected
):
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(ContractError) as caught:
        read(tmp_path / "t.parquet", DISTINCT_SENTENCES)
    assert caught.value.where.endswith("t.parquet")
    assert caught.value.column == column
    assert caught.value.found == found
    assert caught.value.expected.startswith(expected)


def test_a_table_of_another_contract_is_refused(path):
    with pytest.raises(ContractError, match="distinct_sentences version 1, expected reports"):
        read_table(path, REPORTS)


def test_asking_for_an_unknown_column_is_refused(path):
    with pytest.raises(ContractError, match="column tokens"):
        read_table(path, DISTINCT_SENTENCES, ["tokens"])


@pytest.mark.parametrize("kept", [0, 3, 100, -1])
def test_a_truncated_file_is_told(path, kept):
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ContractError, match=r"damaged or truncated.*run the stage again"):
        read_table(path, DISTINCT_SENTENCES)


def test_a_damaged_page_is_told(path):
    raw = bytearray(path.read_bytes())
    raw[4:60] = b"\xff" * 56
    path.write_bytes(raw)
    with pytest.raises(ContractError, match="damaged or truncated"):
        list(iter_tables(path, DISTINCT_SENTENCES))


def test_a_table_that_is_not_there_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such table"):
        read_table(tmp_path / "none.parquet")


def test_an_empty_folder_is_no_table(tmp_path):
    with pytest.raises(ContractError, match="a folder without Parquet files"):
        read_table(tmp_path)


def test_an_empty_table_keeps_its_columns(tmp_path):
    write_table(tmp_path / "t.parquet", REPORTS.empty(), REPORTS)
    assert read_table(tmp_path / "t.parquet", REPORTS).schema == REPORTS.schema
    assert list(iter_tables(tmp_path / "t.parquet", REPORTS)) == []


def test_writing_outside_the_block_is_told(tmp_path):
    with pytest.raises(RuntimeError, match="with TableWriter"):
        TableWriter(tmp_path / "t.parquet", REPORTS).write(REPORTS.empty())
