"""Sources made to do harm: long beyond all bounds, strangely named, or lying about themselves."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks.hostile import SOURCES, read
from mining.fingerprints import source_fingerprint
from mining.ingest import SourceError, ingest
from mining.ingest.blocks import write_piece
from mining.ingest.pieces import source_pieces
from mining.ingest.repeats import KEY, fates_of
from tests.mining.ingest.ingest_sources import openi_xml

TEXT = b"FINDINGS: No effusion."
NAMES = [
    b"two\nlines", b"\x1b[31mred\x1b]0;title\x07", "\u202etxt.exe".encode(), b"-rf", b"--help",
    b"x" * 250, b"bad\xff\xfe", b" lead", b"=cmd|calc!A0", b"$(id)`id`", b"a%00b", b"\xc2\x9b2J",
]  # fmt: skip


# These take seconds, or stand below; `python -m benchmarks.hostile` has them all, by the GB.
ELSEWHERE = (
    "tags of BioC",
    "an attribute of BioC",
    "a bundle of empty lists",
    "BioC of empty lists",
)


# A line is read in pieces of 16 MB: here are three of them.
@pytest.mark.parametrize("name", [name for name in SOURCES if name not in ELSEWHERE])
def test_a_source_without_end_is_a_reject_or_one_line(name, tmp_path):
    found = read(name, tmp_path, 40 << 20)
    expected = SOURCES[name].comes_to
    assert expected in found if isinstance(expected, str) else found == expected


def test_a_bundle_that_would_fill_the_memory_is_refused_before_it_is_parsed(tmp_path):
    assert "fill the memory" in read("a bundle of empty lists", tmp_path, 64 << 20)


def test_what_follows_a_line_too_long_is_no_report(tmp_path):
    source = tmp_path / "a.csv"
    source.write_bytes(
        b"report_id,text\n1,Clear.\n2," + b"x" * 16_000_000 + b"EVIL,Mass.\n3,Clear.\n"
    )
    ingest(source, tmp_path / "out")
    assert _ids(tmp_path / "out") == ["1", "3"]


def test_a_folder_of_hostile_names_is_read(tmp_path):
    folder = tmp_path / "reports"
    folder.mkdir()
    for name in NAMES:
        with open(os.path.join(os.fsencode(folder), name + b".txt"), "wb") as file:
            file.write(TEXT)
    source_fingerprint(str(folder))
    counts = ingest(folder, tmp_path / "out")
    assert counts.rows_in == counts.rows_out + counts.rejects == len(NAMES)
    ids = _ids(tmp_path / "out")
    assert {"-rf", "--help", "$(id)`id`", "bad\\udcff\\udcfe"} <= set(ids)
    assert all(one.isprintable() for one in ids)


@pytest.mark.parametrize(
    "report_id", ["a\x1b[2J", "a\x9b2J", "a\u202eb", "a\u2066b", "a\nb", "a\u2028b", "x" * 129]
)
def test_an_id_that_commands_a_terminal_is_a_reject(report_id, tmp_path):
    source = tmp_path / "a.jsonl"
    source.write_text(f'{{"report_id": {json.dumps(report_id)}, "text": "Clear."}}\n')
    counts = ingest(source, tmp_path / "out")
    assert (counts.rows_out, counts.rejects) == (0, 1)


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl"])
def test_a_first_line_that_is_a_report_is_not_told(ending, tmp_path):
    source = tmp_path / f"a.{ending}"
    source.write_text("R1,There is a quuxical nodule in the left lung.\nR2,Clear.\n")
    with pytest.raises(SourceError) as told:
        ingest(source, tmp_path / "out")
    assert "quuxical" not in str(told.value)


def test_hashes_that_collide_keep_reports_apart(tmp_path):
    source = tmp_path / "a.csv"
    source.write_text("report_id,text\nA,Clear.\nB,Mass.\nA,Clear.\nC,Nodule.\n")
    (piece,) = source_pieces(str(source), mapping=None, format=None, block=100, digest=str)
    (tmp_path / "out").mkdir()
    write_piece(piece, tmp_path / "out", block=100)
    part = tmp_path / "out" / "reports.parquet" / "part-00000.parquet"
    same = np.zeros(4, dtype=KEY)  # as if the hash of every id were 0
    assert list(fates_of(same, [part], [4])) == [2]


def _ids(out: Path) -> list[str]:
    ids: list[str] = pq.read_table(out / "reports.parquet")["report_id"].to_pylist()
    return ids


# A pipe that nobody writes to, a device without end, memory that cannot be read, a lost link.
@pytest.mark.parametrize(
    ("ending", "whole"),
    [(".txt", b"Clear."), (".xml", openi_xml("R1")), (".json", None), (".ndjson", None),
     (".hl7", None), (".csv", None), (".jsonl", None)],
)  # fmt: skip
@pytest.mark.parametrize("target", ["pipe", "/dev/zero", "/proc/self/mem", "/nowhere"])
def test_what_is_no_file_never_hangs(ending, whole, target, tmp_path):
    folder = tmp_path / "reports"
    folder.mkdir()
    if target == "pipe":
        os.mkfifo(folder / f"a{ending}")
    else:
        (folder / f"a{ending}").symlink_to(target)
    if whole is None:
        with pytest.raises(SourceError):
            ingest(folder / f"a{ending}", tmp_path / "out")
        return
    (folder / f"b{ending}").write_bytes(whole)
    counts = ingest(folder, tmp_path / "out")
    assert (counts.rows_out, counts.rejects) == (1, 1)


@pytest.mark.parametrize(
    ("name", "head"),
    [("r.xml", "eCitation"), ("c.xml", "collection"), ("r.xml", "report"), ("c.xml", "report")],
)
@pytest.mark.parametrize("where", ["file", "parameter", "dtd"])
def test_external_entities_are_never_read(name, head, where, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("quuxsecret")
    types = {
        "file": f'[<!ENTITY x SYSTEM "{secret.as_uri()}">]',
        "parameter": f'[<!ENTITY % x SYSTEM "{secret.as_uri()}"> %x;]',
        "dtd": f'SYSTEM "{secret.as_uri()}"',
    }
    body = (
        '<uId id="R1"/><document><id>R1</id><passage><text>No mass. &x;</text></passage></document>'
    )
    text = f"<AbstractText>No mass. {'&x;' if where == 'file' else ''}</AbstractText>"
    body = body if where == "file" else body.replace("&x;", "")
    source = tmp_path / name
    source.write_text(f"<!DOCTYPE a {types[where]}><{head}>{text}{body}</{head}>")
    form = "bioc" if name == "c.xml" else "openi"
    try:
        ingest(source, tmp_path / "out", format=form)
    except SourceError as error:
        assert "quuxsecret" not in str(error)
        return
    table = pq.read_table(tmp_path / "out" / "reports.parquet")
    assert "quuxsecret" not in str(table.to_pylist())
