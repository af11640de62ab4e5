"""Forgotten reports, and the sentences that only they used, are nowhere; all else is as it was."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from data_contracts import PARSES, read_provenance, read_table
from flows.cache_use import CacheInUse
from flows.cli.app import app
from flows.files import digest_tree
from flows.forget import Forgotten, forget, search
from flows.forget_search import Target, files_below
from flows.label import run_label
from flows.output import OutputRefused
from flows.road import Job
from mining.sampling.sheet import SheetRow, header_of, write_xlsx
from mining.sentence_store import SentenceStore
from mining.sentences import sentence_key
from mining.settings import MiningSettings
from tests.flows.test_cache_use import user_of

WriteReports = Callable[[Path, list[tuple[str, str]]], Path]
SHARED = "No pleural effusion."
OWN = "Nodule behind the third rib."
# Made up. F1 and F2 share a sentence with K1; one is theirs alone.
ROWS = [
    ("F1", f"FINDINGS: {SHARED} {OWN}"),
    ("F2", f"FINDINGS: {OWN}"),
    ("K1", f"FINDINGS: {SHARED} The heart is enlarged."),
    ("K2", "FINDINGS: Small pneumothorax."),
]
GONE = frozenset({"F1", "F2"})


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own."""
    monkeypatch.setenv("CXRMINE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def out(cache: Path, tmp_path: Path, write_reports: WriteReports) -> Path:
    """The folder of a run that has filled the cache."""
    source = write_reports(tmp_path / "reports.csv", ROWS)
    run_label(Job(str(source), MiningSettings()), tmp_path / "out")
    return tmp_path / "out"


def bytes_below(*places: Path) -> bytes:
    return b"".join(path.read_bytes() for path in files_below(places))


def ids_in(table: Path) -> list[str]:
    return list(pq.read_table(table)["report_id"].to_pylist())


def test_reports_and_their_own_sentences_are_gone(cache: Path, out: Path) -> None:
    keys = {text: sentence_key(text)[0] for text in (SHARED, OWN)}
    done = forget(cache, [out], GONE)
    assert keys[OWN] in done.target.sentences
    assert keys[SHARED] not in done.target.sentences
    assert done.left == ()
    assert done.artifacts > 0
    for name in ("reports", "mentions", "labels"):
        assert not GONE & set(ids_in(out / f"{name}.parquet"))
    assert ids_in(out / "labels.parquet") == ["K1", "K2"]


def test_no_word_of_them_is_left_in_any_file(cache: Path, out: Path) -> None:
    words = b"third rib"
    texts = pq.read_table(out / "reports.parquet")["text"].to_pylist()
    assert any(words.decode() in text for text in texts)
    forget(cache, [out], GONE)
    for path in files_below([cache, out]):
        if path.suffix == ".parquet":
            assert words.decode() not in str(pq.read_table(path).to_pylist()), path
        else:
            assert words not in path.read_bytes(), path


def test_what_stays_keeps_its_rows_and_its_provenance(cache: Path, out: Path) -> None:
    before = {p: (read_table(p), read_provenance(p)) for p in sorted(out.glob("*.parquet"))}
    forget(cache, [out], GONE)
    for path, (table, provenance) in before.items():
        assert read_provenance(path) == provenance
        if "report_id" in table.column_names:
            kept = pc.invert(pc.is_in(table["report_id"], value_set=pa.array(sorted(GONE))))
            assert read_table(path).equals(table.filter(kept))


def test_run_json_tells_of_it_and_its_checksums_hold(cache: Path, out: Path) -> None:
    forget(cache, [out], GONE)
    record = json.loads((out / "run.json").read_text())
    assert record["forgotten_reports"] == 2
    assert record["files"] == digest_tree(out, leave_out="run.json")


def test_the_next_run_without_them_is_as_if_they_had_never_been(
    cache: Path, out: Path, tmp_path: Path, write_reports: WriteReports
) -> None:
    forget(cache, [out], GONE)
    source = write_reports(tmp_path / "rest.csv", [row for row in ROWS if row[0] not in GONE])
    run_label(Job(str(source), MiningSettings()), tmp_path / "again")
    for name in ("mentions", "labels"):
        assert read_table(tmp_path / "again" / f"{name}.parquet").equals(
            read_table(out / f"{name}.parquet")
        )


def test_the_sentence_store_keeps_what_others_use(cache: Path, out: Path) -> None:
    layer = SentenceStore(cache / "sentences").parses(MiningSettings())
    for text in (SHARED, OWN):
        key = sentence_key(text)[0]
        if key not in layer.read(key[0])["sentence_id"].to_pylist():
            row = dict.fromkeys(PARSES.columns) | {
                "sentence_id": key, "parser_id": "p", "unparsed_reason": "made up",
            }  # fmt: skip
            layer.add(key[0], pa.Table.from_pylist([row], schema=PARSES.schema))
    done = forget(cache, [out], GONE)
    assert done.stored_sentences >= 1
    shared, own = (sentence_key(text)[0] for text in (SHARED, OWN))
    assert shared in layer.read(shared[0])["sentence_id"].to_pylist()
    assert own not in layer.read(own[0])["sentence_id"].to_pylist()


def test_a_bare_table_and_parts_are_cleared_too(cache: Path, out: Path, tmp_path: Path) -> None:
    table = pq.read_table(out / "labels.parquet")
    parts = tmp_path / "set" / "labels.parquet"
    parts.mkdir(parents=True)
    for n in range(2):
        pq.write_table(table.slice(2 * n, 2), parts / f"part-{n:05}.parquet")
    bare = tmp_path / "copy.parquet"
    pq.write_table(table, bare)
    done = forget(cache, [out, tmp_path / "set", bare], GONE)
    assert done.left == ()
    assert ids_in(bare) == ids_in(parts) == ["K1", "K2"]


def test_files_that_are_no_tables_are_told_of(cache: Path, out: Path, tmp_path: Path) -> None:
    (out / "cases.csv").write_text("report,why\nF1,seen\n")
    done = forget(cache, [out], GONE)
    assert [found.path.name for found in done.left] == ["cases.csv"]


@pytest.mark.parametrize("name", ["F10", "AF1", "F1-2"])
def test_a_longer_id_is_another_report(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.csv").write_text(f"report,why\n{name},seen\n")
    pq.write_table(pa.table({"report_id": [name]}), tmp_path / "a.parquet")
    assert search(tmp_path, [], Target(GONE)) == ()


@pytest.mark.parametrize("key", ["F1", "F1/2/final"])
def test_rejects_are_found_by_their_key(tmp_path: Path, key: str) -> None:
    row = {"stage": "ingest", "reason": "empty", "key": key}
    pq.write_table(pa.Table.from_pylist([row, row | {"key": "F9"}]), tmp_path / "r.parquet")
    assert [found.rows for found in search(tmp_path, [], Target(GONE))] == [1]


def test_a_damaged_table_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    assert len(search(tmp_path, [], Target(GONE))) == 1


def test_nothing_is_touched_while_a_run_uses_the_cache(cache: Path, out: Path) -> None:
    before = bytes_below(out, cache / "artifacts")
    with user_of(cache), pytest.raises(CacheInUse, match="1 running"):
        forget(cache, [out], GONE)
    assert bytes_below(out, cache / "artifacts") == before


def test_waiting_ends_with_the_run(cache: Path, out: Path) -> None:
    from threading import Timer

    with user_of(cache) as process:
        Timer(0.5, process.kill).start()
        assert isinstance(forget(cache, [out], GONE, wait=True), Forgotten)


def test_a_place_that_is_no_label_set_is_refused_before_any_work(
    cache: Path, out: Path, tmp_path: Path
) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("F1")
    with pytest.raises(OutputRefused):
        forget(cache, [out, other], GONE)
    assert "F1" in ids_in(out / "reports.parquet")


def test_command_forgets_checks_and_keeps_a_receipt(
    cache: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids, receipt = tmp_path / "ids.txt", tmp_path / "receipt.json"
    ids.write_text("F1\n\nF2\n")

    def command(*more: str) -> int:
        code = app(
            ["forget", "--ids", str(ids), "--receipt", str(receipt), *more, str(out)],
            standalone_mode=False,
        )
        return int(code or 0)

    assert app(["forget", "--ids", str(ids), "--check", str(out)], standalone_mode=False) == 3
    assert command() == 0
    assert "nothing is left" in capsys.readouterr().out
    assert command("--check") == 0
    assert sentence_key(OWN)[0] in json.loads(receipt.read_text())["sentences"]
    with pq.ParquetWriter(out / "new.parquet", pa.schema([("sentence_id", pa.string())])) as file:
        file.write_table(pa.table({"sentence_id": [sentence_key(OWN)[0]]}))
    assert command("--check") == 3
    assert "1 rows" in capsys.readouterr().out


def test_a_workbook_that_names_a_report_is_found(cache: Path, tmp_path: Path) -> None:
    rows = [SheetRow(1, "F1 & more", "x"), SheetRow(2, "K1", "y")]
    write_xlsx(tmp_path / "sheet.xlsx", rows, header_of(["Mass"]))
    cache.mkdir()
    for report, left in (("F1 & more", 1), ("K1", 1), ("K", 0), ("F2", 0)):
        assert len(search(cache, [tmp_path / "sheet.xlsx"], Target(frozenset({report})))) == left
