"""Addresses: how they are told and shown, what is listed and fetched, and what goes wrong."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from flows.remote.address import (
    Place,
    RemoteError,
    is_address,
    local_path,
    open_place,
    reaching,
    shown,
)
from flows.remote.copies import COPY, fetch
from flows.remote.listing import list_files, mark_of
from flows.store import Store
from tests.flows.remote_case import FlakyFileSystem, register
from tests.flows.test_cache_use import user_of

SECRETS = ("AKIAKEY", "se/cret", "token=1")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Three files at flaky://, one of them in a folder."""
    register()
    FlakyFileSystem.steady()
    folder = tmp_path / "reports"
    (folder / "p10").mkdir(parents=True)
    for name in ("a.txt", "b.txt", "p10/c.txt"):
        (folder / name).write_text(f"No effusion in {name}.")
    yield folder
    FlakyFileSystem.steady()


@pytest.mark.parametrize(
    "name", ["reports", "a/b.csv", "C:\\x", "openi", "s3:/bucket", "a::b", "../x://y"]
)
def test_paths_are_no_addresses(name: str) -> None:
    assert not is_address(name)
    assert local_path(name) == name


@pytest.mark.parametrize(
    ("address", "seen"),
    [
        ("s3://AKIAKEY:se/cret@bucket/reports", "s3://bucket/reports"),
        ("s3://bucket/a@b/reports.csv?versionId=7&token=1", "s3://bucket/a@b/reports.csv"),
        ("https://host:8080/r@1.csv?token=1", "https://host:8080/r@1.csv"),
        ("sftp://me@host/reports", "sftp://host/reports"),
        ("simplecache::s3://AKIAKEY:se/cret@b/r?token=1", "simplecache::s3://b/r"),
        ("zip://in.csv::https://me:se/cret@h/x.zip?token=1", "zip://in.csv::https://h/x.zip"),
    ],
)
def test_no_secret_is_shown(address: str, seen: str) -> None:
    assert shown(address) == seen


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError("AKIAKEY"), "nothing is there"),
        (PermissionError("AKIAKEY"), "access refused"),
        (ConnectionError("token=1"), "cannot be reached"),
        (type("NoCredentialsError", (Exception,), {})("AKIAKEY"), "no credentials"),
        (OSError(errno.EIO, "se/cret"), os.strerror(errno.EIO)),
        (RuntimeError("se/cret"), "RuntimeError"),
        (ImportError("se/cret"), "pip install s3fs"),
    ],
)
def test_errors_tell_their_kind_and_no_secret(error: Exception, said: str) -> None:
    with pytest.raises(RemoteError) as caught, reaching("s3://AKIAKEY:se/cret@b/r?token=1"):
        raise error
    assert said in str(caught.value)
    assert str(caught.value).startswith("s3://b/r: ")
    assert not any(secret in repr(caught.value) for secret in SECRETS)
    assert caught.value.__suppress_context__


def test_a_full_disk_here_stays_what_it_is() -> None:
    with pytest.raises(OSError, match="No space"), reaching("s3://b/r"):
        raise OSError(errno.ENOSPC, "No space left on device", "/cache")


def test_an_unknown_protocol_is_one_line() -> None:
    with pytest.raises(RemoteError, match="protocol 'nowhere' is unknown"):
        open_place("nowhere://x/reports")


def test_a_file_without_a_mark_has_none() -> None:
    assert mark_of({"name": "a", "size": 3, "type": "file"}) == ""
    assert mark_of({"size": 3, "ETag": "x"}) != mark_of({"size": 3, "ETag": "y"})
    assert mark_of({"size": 3, "ETag": "x"}) != mark_of({"size": 4, "ETag": "x"})


def test_a_copy_has_the_names_and_bytes_and_is_private(folder: Path, store: Store) -> None:
    copy = fetch(open_place(f"flaky://{folder}"), store)
    files = {p.relative_to(copy.path).as_posix(): p for p in copy.path.rglob("*") if p.is_file()}
    assert copy.path.name == folder.name
    assert {name: p.read_bytes() for name, p in files.items()} == {
        name: (folder / name).read_bytes() for name in ("a.txt", "b.txt", "p10/c.txt")
    }
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}
    assert set(copy.files) == set(files)


def test_only_what_changed_is_fetched(folder: Path, store: Store) -> None:
    place = open_place(f"flaky://{folder}")
    first = fetch(place, store)
    assert FlakyFileSystem.fetched == ["a.txt", "b.txt", "c.txt"]
    assert fetch(place, store).path == first.path
    assert FlakyFileSystem.fetched == ["a.txt", "b.txt", "c.txt"]
    (folder / "b.txt").write_text("Large effusion.")
    (folder / "a.txt").unlink()
    second = fetch(place, store)
    assert FlakyFileSystem.fetched[3:] == ["b.txt"]
    assert sorted(p.name for p in second.path.rglob("*.txt")) == ["b.txt", "c.txt"]
    assert (second.path / "b.txt").read_text() == "Large effusion."
    # Bounded: one copy of an address, and nothing of what it was made from.
    assert [path for _, path in store.artifacts()] == [second.path.parents[1]]


def test_a_copy_that_another_process_may_read_stays(folder: Path, store: Store) -> None:
    place = open_place(f"flaky://{folder}")
    with user_of(store.root):
        first = fetch(place, store)
        (folder / "a.txt").write_text("Large effusion.")
        second = fetch(place, store)
        assert (first.path / "a.txt").read_text() == "No effusion in a.txt."
        assert (second.path / "a.txt").read_text() == "Large effusion."
    (folder / "a.txt").write_text("Small effusion.")
    third = fetch(place, store)
    assert [path for _, path in store.artifacts()] == [third.path.parents[1]]


def test_a_file_of_another_set_is_not_taken_for_this_one(folder: Path, store: Store) -> None:
    """Two sets at one address, whose files have the same names, lengths and times."""
    fs = open_place(f"flaky://{folder}").fs
    (folder / "one").mkdir()
    (folder / "two").mkdir()
    for name in ("one", "two"):
        (folder / name / "labels.txt").write_text(name)
        os.utime(folder / name / "labels.txt", (1, 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("flows.remote.listing._MARKS", ("mtime",))
        for name in ("one", "two"):
            copy = fetch(Place(fs, str(folder / name), "sftp://host/labels"), store)
            assert (copy.path / "labels.txt").read_text() == name


def test_another_password_is_the_same_place(folder: Path, store: Store) -> None:
    def at(address: str) -> Place:
        return Place(open_place(f"flaky://{folder}").fs, str(folder), address)

    fetch(at("sftp://me:old@host/reports"), store)
    fetch(at("sftp://me:new@host/reports"), store)
    assert FlakyFileSystem.fetched == ["a.txt", "b.txt", "c.txt"]


def test_a_fetch_that_broke_off_goes_on_where_it_was(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.remote.copies._FILES", 1)
    FlakyFileSystem.gets_left = 2
    with pytest.raises(RemoteError, match=r"flaky://.*reports: "):
        fetch(open_place(f"flaky://{folder}"), store)
    FlakyFileSystem.gets_left = None
    copy = fetch(open_place(f"flaky://{folder}"), store)
    assert FlakyFileSystem.fetched == ["a.txt", "b.txt", "c.txt"]
    assert len(list(copy.path.rglob("*.txt"))) == 3


def test_a_damaged_copy_is_fetched_again(folder: Path, store: Store) -> None:
    copy = fetch(open_place(f"flaky://{folder}"), store)
    (copy.path / "a.txt").write_text("Something else.")
    again = fetch(open_place(f"flaky://{folder}"), store)
    assert (again.path / "a.txt").read_text() == "No effusion in a.txt."


def test_a_file_without_a_mark_is_always_fetched(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.remote.listing._MARKS", ())
    place = open_place(f"flaky://{folder / 'a.txt'}")
    fetch(place, store)
    (folder / "a.txt").write_text("No effusion in b.txt.")  # of the same length
    copy = fetch(place, store)
    assert copy.path.read_text() == "No effusion in b.txt."
    assert len(list(store.artifacts())) == 1


def test_a_source_that_is_written_to_all_the_time_is_told(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = FlakyFileSystem.get_file

    def busy(self: FlakyFileSystem, rpath: str, lpath: str, **kwargs: object) -> None:
        own(self, rpath, lpath, **kwargs)
        with open(rpath, "a") as file:
            file.write(" More.")

    monkeypatch.setattr(FlakyFileSystem, "get_file", busy)
    with pytest.raises(RemoteError, match="change while they are read"):
        fetch(open_place(f"flaky://{folder}"), store)
    assert not [stage for stage, _ in store.artifacts() if stage == COPY]


@pytest.mark.parametrize("name", ["../out.txt", "a//b.txt", "a/./b.txt", "x" * 300])
def test_a_name_that_leads_elsewhere_is_refused(name: str, store: Store) -> None:
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    memory.store[f"/odd/{name}"] = memory.open("/plain.txt", "wb")
    with pytest.raises(RemoteError, match="a file with the name"):
        list_files(open_place("memory://odd"))
    memory.store.clear()


def test_a_file_beside_a_folder_of_its_name_is_refused() -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/both/a/b", b"x")
    memory.store["/both/a"] = memory.store["/both/a/b"]  # as object stores have it
    with pytest.raises(RemoteError, match="one of its folders"):
        list_files(open_place("memory://both"))


def test_nothing_there_is_one_line() -> None:
    with pytest.raises(RemoteError, match="memory://nobody/here: nothing is there"):
        list_files(open_place("memory://nobody/here"))


def test_a_file_inside_an_archive_is_read_through_a_chain(tmp_path: Path, store: Store) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.writestr("reports/a.csv", "report_id,text\nA,No effusion.\n")
    copy = fetch(open_place(f"zip://reports/a.csv::file://{tmp_path}/in.zip"), store)
    assert copy.path.name == "a.csv"
    assert copy.path.read_text().startswith("report_id")
