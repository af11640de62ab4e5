"""Checksums of folders, and swapping one in whole."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flows import files
from flows.files import digest_tree, swap_in


def folder_with(path: Path, **contents: str) -> Path:
    path.mkdir()
    for name, text in contents.items():
        (path / name).write_text(text)
    return path


def test_a_folder_takes_a_name_nobody_has(tmp_path: Path) -> None:
    swap_in(folder_with(tmp_path / "new", a="1"), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out" / "a").read_text() == "1"


@pytest.mark.parametrize("kernel", [True, False], ids=["exchange", "two renames"])
def test_a_folder_takes_the_place_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: bool
) -> None:
    if not kernel:  # as on a file system that cannot exchange names
        monkeypatch.setattr(files, "_RENAME_EXCHANGE", 1 << 30)
    folder_with(tmp_path / "out", a="old", gone="x")
    swap_in(folder_with(tmp_path / "new", a="1"), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert {path.name: path.read_text() for path in (tmp_path / "out").iterdir()} == {"a": "1"}


def test_many_at_once_leave_one_of_them_whole(tmp_path: Path) -> None:
    for turn in range(20):
        new = [folder_with(tmp_path / f"new{n}", a=str(n), b=str(n)) for n in range(4)]
        target = tmp_path / f"out{turn}"
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda folder, to=target: swap_in(folder, to), new))
        assert (target / "a").read_text() == (target / "b").read_text()
    assert sorted(path.name[:3] for path in tmp_path.iterdir()) == ["out"] * 20


def test_digests_tell_names_and_bytes_apart(tmp_path: Path) -> None:
    one = digest_tree(folder_with(tmp_path / "one", a="1", b="2"))
    other = digest_tree(folder_with(tmp_path / "other", a="2", b="1"))
    assert one["a"] == other["b"] != one["b"]
    assert set(digest_tree(tmp_path / "one", leave_out="a")) == {"b"}


def test_no_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        digest_tree(tmp_path / "none")
