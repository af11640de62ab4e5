"""The same against a server of S3's: lists, buckets and single puts instead of folders."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.remote.address import open_place
from flows.remote.places import readable
from flows.remote.sets import newest_set
from tests.flows.desk_case import exit_code as cxrmine
from tests.flows.engine_case import digests, write_files

WHY = "needs a server of S3's: pip install s3fs 'moto[server]'"
s3fs = pytest.importorskip("s3fs", reason=WHY)
moto = pytest.importorskip("moto.server", reason=WHY)


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an empty bucket on a server of our own."""
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("CXRMINE_CACHE", str(tmp_path / "cache"))
    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem().makedirs("hospital", exist_ok=True)
    yield "s3://hospital"
    server.stop()


def mine(source: object, out: object) -> int:
    return cxrmine("mine", source, "--out", out, "--workers", "1")


def test_from_bucket_to_bucket_with_the_bytes_of_a_local_run(bucket: str, tmp_path: Path) -> None:
    source = write_files(tmp_path / "reports", 2, 4)
    assert mine(source, tmp_path / "out") == 0
    fs = s3fs.S3FileSystem()
    fs.put(str(source), "hospital/in/reports", recursive=True)
    fs.pipe("hospital/in/reports/", b"")  # as consoles mark a folder
    out = f"{bucket}/out/labels"
    fs.pipe("hospital/out/labels/", b"")
    for _ in range(3):
        assert mine(f"{bucket}/in/reports", out) == 0
    assert digests(readable(out)) == digests(tmp_path / "out")
    newest = newest_set(open_place(out))
    assert newest is not None
    fs.invalidate_cache()
    assert len(fs.ls("hospital/out/labels/sets")) == 2
    fs.rm(f"hospital/out/labels/sets/{newest.name}/run.json")
    before = newest_set(open_place(out))
    assert before is not None
    assert before.name.startswith("v000002-")


def test_a_bucket_that_is_not_there_is_told_before_any_work_and_not_made(
    bucket: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = write_files(tmp_path / "reports", 1, 1)
    assert mine(source, "s3://nobody/labels") == 2
    assert "s3://nobody/labels: nothing is there" in capfd.readouterr().err
    assert s3fs.S3FileSystem().ls("") == ["hospital"]
