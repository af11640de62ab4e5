"""The artifact store: whole or absent, and never a wrong answer."""

import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from flows.store import MANIFEST, Store, artifact_key

KEY = artifact_key("mine", {"reports": "1"}, {"rules": "2"})


def write(folder: Path) -> dict[str, int]:
    (folder / "mentions.parquet").write_bytes(b"mentions")
    (folder / "parts.parquet").mkdir()
    (folder / "parts.parquet" / "part-00000.parquet").write_bytes(b"part")
    return {"rows_in": 3}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


def test_what_was_put_is_found(store: Store) -> None:
    made = store.put("mine", KEY, write)
    found = store.find("mine", KEY)
    assert found is not None
    assert found.details == made.details == {"rows_in": 3}
    assert found.table("mentions").read_bytes() == b"mentions"
    assert (made.cached, found.cached) == (False, True)


def test_another_key_or_stage_is_a_miss(store: Store) -> None:
    store.put("mine", KEY, write)
    assert store.find("label", KEY) is None
    assert store.find("mine", artifact_key("mine", {"reports": "1"}, {"rules": "3"})) is None


@pytest.mark.parametrize(
    ("inputs", "fingerprint"),
    [({"reports": "9"}, {"rules": "2"}), ({"reports": "1"}, {"rules": "9"}), ({}, {"rules": "2"})],
    ids=["input changed", "rules changed", "input gone"],
)
def test_the_key_changes_with(inputs: dict[str, str], fingerprint: dict[str, str]) -> None:
    assert artifact_key("mine", inputs, fingerprint) != KEY


@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: (folder / "mentions.parquet").write_bytes(b"mentionz"),
        lambda folder: (folder / "mentions.parquet").write_bytes(b""),
        lambda folder: (folder / "mentions.parquet").unlink(),
        lambda folder: (folder / "parts.parquet" / "part-00000.parquet").write_bytes(b"p"),
        lambda folder: (folder / "parts.parquet" / "part-00001.parquet").write_bytes(b"p"),
        lambda folder: (folder / MANIFEST).unlink(),
        lambda folder: (folder / MANIFEST).write_text("{"),
        lambda folder: (folder / MANIFEST).write_text("[]"),
        lambda folder: (folder / MANIFEST).write_text(
            (folder / MANIFEST).read_text().replace('"rows_in": 3', '"rows_in": 4')
        ),
    ],
    ids=[
        "changed", "emptied", "removed", "part changed", "part added",
        "no manifest", "broken manifest", "other manifest", "changed counts",
    ],
)  # fmt: skip
def test_a_damaged_artifact_is_a_miss_and_is_replaced(store: Store, harm) -> None:  # type: ignore[no-untyped-def]
    folder = store.put("mine", KEY, write).folder
    harm(folder)
    assert store.find("mine", KEY) is None
    store.put("mine", KEY, write)
    found = store.find("mine", KEY)
    assert found is not None and found.table("mentions").read_bytes() == b"mentions"


def test_putting_the_same_bytes_leaves_the_files_where_they_are(store: Store) -> None:
    before = store.put("mine", KEY, write).table("mentions").stat().st_ino
    assert store.put("mine", KEY, write).table("mentions").stat().st_ino == before


def test_putting_other_bytes_replaces_the_artifact(store: Store) -> None:
    def other(folder: Path) -> dict[str, int]:
        (folder / "mentions.parquet").write_bytes(b"others")
        return {}

    store.put("mine", KEY, write)
    store.put("mine", KEY, other)
    found = store.find("mine", KEY)
    assert found is not None and set(found.files) == {"mentions.parquet"}


def test_a_stage_that_fails_leaves_nothing(store: Store) -> None:
    def fail(folder: Path) -> dict[str, int]:
        write(folder)
        raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        store.put("mine", KEY, fail)
    assert store.find("mine", KEY) is None
    assert list((store.root / "tmp").iterdir()) == []


def test_the_hash_of_a_table_covers_all_its_parts(store: Store) -> None:
    made = store.put("mine", KEY, write)

    def longer(folder: Path) -> dict[str, int]:
        details = write(folder)
        (folder / "parts.parquet" / "part-00001.parquet").write_bytes(b"more")
        return details

    more = store.put("mine", artifact_key("mine", {}, {}), longer)
    assert made.content_hash("parts") != more.content_hash("parts")
    assert made.content_hash("mentions") == more.content_hash("mentions")
    with pytest.raises(KeyError):
        made.content_hash("labels")


def test_folders_are_the_owners_only(store: Store) -> None:
    store.put("mine", KEY, write)
    for folder in (store.root, store.root / "artifacts", store.root / "tmp"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_cache_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    Store(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "artifacts").stat().st_mode) == 0o700


WRITER = """
    import sys, time
    from pathlib import Path
    from flows.store import Store

    def write(folder):
        (folder / "mentions.parquet").write_bytes(b"half")
        print("writing", flush=True)
        time.sleep(60)

    Store(Path(sys.argv[1])).put("mine", sys.argv[2], write)
"""


def start_writer(store: Store) -> subprocess.Popen[str]:
    writer = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(store.root), KEY],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.getcwd()},
    )  # fmt: skip
    assert writer.stdout is not None and writer.stdout.readline() == "writing\n"
    return writer


def test_what_a_killed_process_left_is_swept_and_nothing_is_found(store: Store) -> None:
    writer = start_writer(store)
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    assert list((store.root / "tmp").glob("mine-*/*/mentions.parquet"))
    again = Store(store.root)
    assert again.find("mine", KEY) is None
    assert list((store.root / "tmp").iterdir()) == []


def test_the_work_of_a_living_process_is_not_swept(store: Store) -> None:
    writer = start_writer(store)
    try:
        Store(store.root)
        assert list((store.root / "tmp").glob("mine-*/*/mentions.parquet"))
    finally:
        writer.kill()
        writer.wait()


def test_two_processes_may_put_the_same_artifact(store: Store) -> None:
    first = Store(store.root)

    def meanwhile(folder: Path) -> dict[str, int]:
        first.put("mine", KEY, write)  # the other one is ready before us
        return write(folder)

    made = store.put("mine", KEY, meanwhile)
    assert store.find("mine", KEY) is not None
    assert json.loads((made.folder / MANIFEST).read_text())["body"]["key"] == KEY
