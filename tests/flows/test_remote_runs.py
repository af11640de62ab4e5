"""Runs that read and write at addresses: the bytes of local runs, and never half a set."""

import http.server
import json
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import fsspec
import pyarrow.parquet as pq
import pytest

from flows.cli.configured import choose
from flows.configuration import ConfigurationError, read_configuration
from flows.environment import cache_root
from flows.nightly import job_of, read_for_nights
from flows.output import RUN_FILE
from flows.remote.address import open_place
from flows.remote.places import output_at, readable
from flows.remote.sets import newest_set, put_set
from flows.store import Store
from tests.flows.desk_case import exit_code as cxrmine
from tests.flows.engine_case import digests, write_files
from tests.flows.remote_case import FlakyFileSystem, into_memory, register

NEW = {"report_id": "N1", "text": "FINDINGS: Large hiatal hernia."}


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of this file's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXRMINE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two files of reports."""
    return write_files(tmp_path_factory.mktemp("in") / "reports", 2, 4)


@pytest.fixture(scope="module")
def local(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The checksums of the tables of a local run of them."""
    out = tmp_path_factory.mktemp("local") / "out"
    assert mine(source, out) == 0
    return digests(out)


@pytest.fixture(autouse=True)
def flaky() -> Iterator[None]:
    """A file system at flaky:// that fails when it is told to, and an empty memory://."""
    register()
    FlakyFileSystem.steady()
    yield
    FlakyFileSystem.steady()
    fsspec.filesystem("memory").store.clear()


def mine(source: object, out: object, *more: str) -> int:
    return cxrmine("mine", source, "--out", out, "--workers", "1", *more)


def sets_of(out: Path) -> list[str]:
    return sorted(path.name.partition("-")[0] for path in (out / "sets").iterdir())


@pytest.mark.parametrize("protocol", ["file", "memory", "flaky", "dir"])
def test_a_source_at_an_address_gives_the_bytes_of_a_local_one(
    protocol: str, source: Path, local: dict[str, str], tmp_path: Path
) -> None:
    into_memory(source, "/in/reports")
    address = {
        "memory": "memory://in/reports",
        "dir": f"dir://reports::file://{source.parent}",  # a chain
    }.get(protocol, f"{protocol}://{source}")
    assert mine(address, tmp_path / "out") == 0
    told = json.loads((tmp_path / "out" / RUN_FILE).read_text())["input"]["source"]
    assert told == (str(source) if protocol == "file" else address)
    assert digests(tmp_path / "out") == local


@pytest.mark.parametrize("protocol", ["file", "memory", "flaky"])
def test_tables_at_an_address_have_the_bytes_of_local_ones(
    protocol: str, source: Path, local: dict[str, str], tmp_path: Path
) -> None:
    address = f"{protocol}://{tmp_path}/labels"
    assert mine(source, address) == 0
    assert digests(readable(address)) == local


def test_a_night_at_addresses_fetches_and_mines_what_is_new(
    source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    here = shutil.copytree(source, tmp_path / "reports")
    address, out = f"flaky://{here}", tmp_path / "out"
    assert mine(address, out) == 0
    assert len(FlakyFileSystem.fetched) == 2
    assert mine(address, out) == 0
    (here / "reports-002.jsonl").write_text(json.dumps(NEW) + "\n")
    assert mine(address, out) == 0
    assert FlakyFileSystem.fetched[2:] == ["reports-002.jsonl"]
    assert mine(here, tmp_path / "other") == 0
    assert digests(out) == digests(tmp_path / "other")
    assert cxrmine("cache", "explain", out) == 0
    assert "3 of 3 pieces stored" in capfd.readouterr().out


@pytest.mark.parametrize("left", [0, 1, 3])
def test_an_upload_that_breaks_off_leaves_the_set_before(
    left: int, source: Path, local: dict[str, str], tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    out = tmp_path / "labels"
    assert mine(source, f"flaky://{out}") == 0
    first = newest_set(open_place(f"flaky://{out}"))
    FlakyFileSystem.puts_left = left
    assert mine(source, f"flaky://{out}", "--profile", "chexpert") == 2
    said = capfd.readouterr().err
    assert f"cxrmine: flaky://{out}: failed (Input/output error)" in said
    assert "secret words" not in said
    FlakyFileSystem.steady()
    assert newest_set(open_place(f"flaky://{out}")) == first
    assert digests(readable(f"flaky://{out}")) == local
    assert mine(source, f"flaky://{out}", "--profile", "chexpert") == 0
    run = json.loads((readable(f"flaky://{out}") / RUN_FILE).read_text())
    assert run["settings"]["profile"] == "chexpert"


def test_a_pointer_that_breaks_off_leaves_two_whole_sets(
    source: Path, local: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "labels"
    assert mine(source, f"flaky://{out}") == 0
    first = json.loads((out / "latest.json").read_text())
    FlakyFileSystem.puts_left = len(first["files"]) + 1  # and run.json
    assert mine(source, f"flaky://{out}") == 2
    newest = newest_set(open_place(f"flaky://{out}"))
    assert newest is not None
    assert newest.name.startswith("v000002-")
    assert digests(out / first["set"]) == digests(out / "sets" / newest.name) == local


def test_two_uploads_at_once_both_end_and_one_is_the_newest(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second begins and ends while the first one puts its files."""
    assert mine(source, tmp_path / "out") == 0
    place = open_place(f"flaky://{tmp_path}/labels")
    own, others = FlakyFileSystem.put_file, []

    def meanwhile(self: FlakyFileSystem, lpath: str, rpath: str, **kwargs: object) -> None:
        own(self, lpath, rpath, **kwargs)
        monkeypatch.setattr(FlakyFileSystem, "put_file", own)
        others.append(put_set(place, tmp_path / "out"))

    monkeypatch.setattr(FlakyFileSystem, "put_file", meanwhile)
    first = put_set(place, tmp_path / "out")
    newest = newest_set(place)
    assert newest is not None
    assert newest.name == others[0].name
    assert digests(tmp_path / "labels" / "sets" / first.name) == digests(tmp_path / "out")


@pytest.mark.parametrize("lost", ["run.json", "labels.parquet/part-00001.parquet"])
def test_half_a_set_is_none(lost: str, source: Path, tmp_path: Path) -> None:
    """As a process leaves it that was killed: nothing was cleared up."""
    out = tmp_path / "labels"
    address = f"flaky://{out}"
    assert mine(source, address) == 0
    first = newest_set(open_place(address))
    assert first is not None
    half = shutil.copytree(out / "sets" / first.name, out / "sets" / "v000002-00000000")
    (half / lost).unlink()
    assert newest_set(open_place(address)) == first
    (half / "run.json").write_text('{"tool": "cxrm')
    assert newest_set(open_place(address)) == first
    assert mine(source, address) == 0
    assert sets_of(out) == ["v000001", "v000002", "v000003"]
    assert mine(source, address) == 0
    assert sets_of(out) == ["v000003", "v000004"]  # what was half went with the older one


def test_the_set_before_stays_and_the_pointer_names_the_newest(
    source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "labels"
    for _ in range(3):
        assert mine(source, f"flaky://{out}") == 0
    assert sets_of(out) == ["v000002", "v000003"]
    latest = json.loads((out / "latest.json").read_text())
    assert latest["set"].startswith("sets/v000003-")
    assert set(latest["files"]) == {
        p.relative_to(out / latest["set"]).as_posix()
        for p in (out / latest["set"]).rglob("*")
        if p.is_file() and p.name != RUN_FILE
    }


def test_a_changed_file_of_a_set_is_told(
    source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "labels"
    assert mine(source, f"flaky://{out}") == 0
    (next((out / "sets").iterdir()) / "rejects.parquet").write_bytes(b"PAR1 no more")
    assert cxrmine("stats", f"flaky://{out}") == 2
    assert "rejects.parquet is not as it was written" in capfd.readouterr().err


def test_a_place_with_something_else_is_refused(
    source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "thesis.txt").write_text("mine")
    assert mine(source, f"flaky://{tmp_path}/labels") == 2
    assert "found 'thesis.txt', expected nothing or what cxrmine has written" in (
        capfd.readouterr().err
    )
    assert [path.name for path in (tmp_path / "labels").iterdir()] == ["thesis.txt"]


def test_verbs_read_label_sets_at_addresses(
    source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    address = f"flaky://{tmp_path}/labels"
    assert mine(source, address) == 0
    gold = tmp_path / "gold.csv"
    gold.write_text("report_id,Cardiomegaly\nR000000,1\nR000001,0\n")
    for words in (
        ("stats", address),
        ("audit", address, f"flaky://{gold}"),
        ("diff", address, address),
        ("report", address, "--before", address),
        ("export", address, "--to", "nih", "--out", tmp_path / "nih.csv"),
        ("explain", "R000003", "--labels", address),
        ("sample", address, "--out", tmp_path / "sample", "--size", "8"),
    ):
        assert cxrmine(*words) == 0, words
    table = next((tmp_path / "labels" / "sets").iterdir()) / "labels.parquet"
    assert cxrmine("stats", f"flaky://{table}") == 0
    assert len((tmp_path / "nih.csv").read_text().splitlines()) == 9


@pytest.mark.parametrize(
    "words",
    [
        ("train", "--labels", "s3://me:pw@b/x", "--images", "i", "--out", "o"),
        ("stats", "labels", "--json", "s3://me:pw@b/x"),
        ("forget", "--ids", "ids", "s3://me:pw@b/x"),
        ("labels", "list", "s3://me:pw@b/x"),
        ("run", "r.csv", "--out", "s3://me:pw@b/x", "--images", "i"),
    ],
    ids=lambda words: words[0],
)
def test_verbs_that_take_local_paths_refuse_addresses(
    words: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    assert cxrmine(*words) == 2
    said = capfd.readouterr().err
    assert "s3://b/x: " in said
    assert "an address" in said
    assert "local path" in said
    assert "pw" not in said


def test_a_missing_package_is_one_line(
    source: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)  # as if it were not installed
    assert mine("gs://bucket/reports", "out") == 2
    assert capfd.readouterr().err == (
        "cxrmine: gs://bucket/reports: needs a package that is not installed. "
        "Run: pip install gcsfs\n"
    )


def test_a_query_at_an_address_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "query.toml").write_text('[sql]\nurl = "sqlite://"\nquery = "SELECT 1"\n')
    assert mine(f"flaky://{tmp_path}/query.toml", tmp_path / "out") == 2
    assert "read from local files only" in capfd.readouterr().err


def test_a_configuration_names_addresses(tmp_path: Path, source: Path) -> None:
    into_memory(source, "/in/reports")
    path = tmp_path / "hospital.toml"
    text = '[source]\npath = "memory://in/reports"\n[output]\nfolder = "memory://out/labels"\n'
    path.write_text(text)
    chosen = choose(path, None, None, None, None, None)
    assert (chosen.source, chosen.out) == ("memory://in/reports", "memory://out/labels")
    assert job_of(read_for_nights(path)).origin == "memory://in/reports"
    path.write_text(text + '[gate]\npublished = "s3://bucket/sets"\n')
    with pytest.raises(ConfigurationError, match="expected a local folder"):
        _ = read_configuration(path).publishing


def test_the_output_of_a_run_leaves_nothing_here(source: Path, tmp_path: Path) -> None:
    assert mine(source, f"flaky://{tmp_path}/labels") == 0
    assert not list((cache_root() / "tmp").iterdir())


def test_an_earlier_set_is_found_for_the_report_of_a_night(source: Path, tmp_path: Path) -> None:
    address = f"flaky://{tmp_path}/labels"
    with output_at(address) as output:
        assert output.earlier() is None
    assert mine(source, address) == 0
    with output_at(address) as output:
        earlier = output.earlier()
        assert earlier is not None
        assert pq.read_table(earlier / "labels.parquet").num_rows == 8
        output.folder.mkdir()
        (output.folder / "night.md").write_text("# Run")
        told = output.deliver_report(output.folder / "night.md")
    assert told == f"flaky://{tmp_path}/labels/reports/night.md"
    assert (tmp_path / "labels" / "reports" / "night.md").read_text() == "# Run"
    assert mine(source, address) == 0  # what lies there is ours


def test_forgetting_removes_copies_and_names_what_it_does_not_reach(
    source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXRMINE_CACHE", str(tmp_path / "cache"))
    assert mine(f"flaky://{source}", f"flaky://{tmp_path}/labels") == 0
    assert [p for stage, p in Store(cache_root()).artifacts() if stage == "copies"]
    (tmp_path / "ids").write_text("R000001\n")
    cxrmine("forget", "--ids", tmp_path / "ids", "--check")
    assert "not looked at in every format: 1 copies" in capfd.readouterr().out
    assert cxrmine("forget", "--ids", tmp_path / "ids") == 0
    said = capfd.readouterr().out
    assert "copies of what lies at addresses removed: 1" in said
    assert "not looked at in every format" not in said
    assert f"not looked at: flaky://{tmp_path}/labels" in said
    assert not [p for stage, p in Store(cache_root()).artifacts() if stage == "copies"]


class _Export(http.server.BaseHTTPRequestHandler):
    """One file of reports behind a token; nothing is logged."""

    body = b"report_id,text\nH1,FINDINGS: Large effusion.\n"
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.command)
        found = self.path == "/export/reports.csv?token=sesame"
        self.send_response(200 if found else 403)
        self.send_header("Content-Length", str(len(self.body) if found else 0))
        self.send_header("ETag", '"1"')
        self.end_headers()
        if found and self.command == "GET":
            self.wfile.write(self.body)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def test_a_source_behind_a_token_is_fetched_once_and_the_token_is_kept_nowhere(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("aiohttp")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Export) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/export/reports.csv"
        assert mine(f"{address}?token=sesame", tmp_path / "out") == 0
        assert mine(f"{address}?token=sesame", tmp_path / "out") == 0
        assert _Export.asked.count("GET") == 1
        assert mine(f"{address}?token=simsim", tmp_path / "no") == 2
        assert cxrmine("audit", tmp_path / "out", f"{address}?token=simsim") == 2
        assert mine(f"{address}?token=sesame", f"{address}?token=simsim") == 2
        server.shutdown()
    run = (tmp_path / "out" / RUN_FILE).read_text()
    assert json.loads(run)["input"]["source"] == address
    said = capfd.readouterr()
    kept = b"".join(p.read_bytes() for p in cache_root().rglob("*.json") if p.is_file())
    for text in (run, said.out, said.err, kept.decode()):
        assert "sesame" not in text
        assert "simsim" not in text
    assert f"cxrmine: {address}: " in said.err
