"""Damaged sources of every format: no crash, no hang, nothing lost.

Whatever bytes come, an ingestion ends with accounts that add up (IngestCounts checks that) or with
an error of one line that names the source.
"""

from __future__ import annotations

import functools
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_contracts import REJECTS, REPORTS, iter_tables
from mining.ingest import SourceError, ingest
from tests.fuzz.seeds import SEEDS

# The suite's own minute; CXRMINE_FUZZ_EXAMPLES=5000 gives it a night.
EXAMPLES = int(os.environ.get("CXRMINE_FUZZ_EXAMPLES", "25"))

# Bytes that mean something to one reader or another.
SPECIAL = [
    b"\x00", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b'"', b",", b"\n", b"\r", b"|", b"^", b"~",
    b"\\", b"<", b">", b"&", b"]]>", b"{", b"}", b"[", b"]", b":", b"MSH|", b"OBR|", b"\x0b",
    b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&b;", b"\x1f\x8b", b"\xed\xa0\x80", b"\\ud800", b"1e999",
    b"-1", b"99999999999999999999", b"null", b"\xe2\x80\xae", b"../../", b"=1+1",
]  # fmt: skip

damages = st.lists(
    st.one_of(
        st.tuples(st.just("cut"), st.floats(0, 1), st.just(b"")),
        st.tuples(st.just("drop"), st.floats(0, 1), st.just(b"")),
        st.tuples(st.just("insert"), st.floats(0, 1), st.sampled_from(SPECIAL)),
        st.tuples(st.just("overwrite"), st.floats(0, 1), st.sampled_from(SPECIAL)),
        st.tuples(st.just("overwrite"), st.floats(0, 1), st.binary(min_size=1, max_size=8)),
        st.tuples(st.just("repeat"), st.floats(0, 1), st.just(b"")),
    ),
    min_size=1,
    max_size=6,
)


def damaged(raw: bytes, changes: list[tuple[str, float, bytes]]) -> bytes:
    for kind, place, content in changes:
        at = int(place * len(raw))
        if kind == "cut":
            raw = raw[:at]
        elif kind == "drop":
            raw = raw[:at] + raw[at + 7 :]
        elif kind == "insert":
            raw = raw[:at] + content + raw[at:]
        elif kind == "overwrite":
            raw = raw[:at] + content + raw[at + len(content) :]
        else:
            raw = raw[:at] + raw[at : at + 200] * 3 + raw[at:]
    return raw


@functools.cache
def seed(name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return SEEDS[name](Path(folder))


def check(name: str, raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder, name), Path(folder, "out")
        source.write_bytes(raw)
        try:
            counts = ingest(source, out)
        except SourceError as error:
            assert "\n" not in str(error)
            assert name in str(error)
            assert not (out / "reports.parquet").exists()
            return
        reports = sum(table.num_rows for table in iter_tables(out / "reports.parquet", REPORTS))
        rejects = sum(table.num_rows for table in iter_tables(out / "rejects.parquet", REJECTS))
        assert (reports, rejects) == (counts.rows_out, counts.rejects)


@pytest.mark.parametrize("name", SEEDS)
def test_the_seeds_are_good(name):
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, name).write_bytes(seed(name))
        counts = ingest(Path(folder, name), Path(folder, "out"))
        assert counts.rows_out >= 1
        assert counts.rejects == 0


@pytest.mark.parametrize("name", SEEDS)
@settings(max_examples=EXAMPLES, deadline=5_000, suppress_health_check=[HealthCheck.too_slow])
@given(changes=damages)
def test_damage_is_a_reject_or_one_line(name, changes):
    check(name, damaged(seed(name), changes))


@pytest.mark.parametrize("name", SEEDS)
@settings(max_examples=max(EXAMPLES // 2, 1), deadline=5_000)
@given(raw=st.binary(max_size=400))
def test_noise_is_a_reject_or_one_line(name, raw):
    check(name, raw)
