"""The pixel cache: what is in it, that it survives a kill, and that its name says its content."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from data_contracts import IMAGES
from modeling.images import scan_images
from modeling.pixel_cache import CacheError, PixelCache, build_cache
from modeling.pixel_shards import shrink
from tests.modeling.image_files import pattern, write_dicom, write_png

ROOT = Path(__file__).parents[2]


def _images(folder: Path, count: int, side: int = 64) -> pa.Table:
    for n in range(count):
        write_png(folder / f"{n:03d}.png", pattern(n, side, side))
    return scan_images(folder, workers=1).images


def _bytes(folder: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != ".lock"
    }


def test_rows_are_the_shrunk_images(tmp_path: Path) -> None:
    cache = build_cache(_images(tmp_path / "in", 40), size=16, root=tmp_path, workers=1)
    assert (len(cache), cache.size) == (40, 16)
    assert len(list(cache.folder.glob("*.npy"))) == 3  # a row in each shard is looked at
    for row in (0, 17, 39):
        means = pattern(row).reshape(16, 4, 16, 4).mean((1, 3))
        assert np.abs(cache[row] - means).max() <= 0.5
    rows = cache.rows(["017.png", "000.png"])
    assert rows.tolist() == [17, 0]
    assert np.array_equal(cache.read(rows), np.stack([cache[17], cache[0]]))


def test_nothing_is_decoded_to_read_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = _images(tmp_path / "in", 3)
    built = build_cache(images, size=16, root=tmp_path, workers=1)
    monkeypatch.setattr(Image, "open", None)
    again = build_cache(images, size=16, root=tmp_path, workers=1)
    assert again.folder == built.folder and np.array_equal(again[2], built[2])


def test_processes_give_the_same_bytes(tmp_path: Path) -> None:
    images = _images(tmp_path / "in", 40)
    one = build_cache(images, size=16, root=tmp_path / "one", workers=1)
    two = build_cache(images, size=16, root=tmp_path / "two", workers=2)
    assert _bytes(one.folder) == _bytes(two.folder)


def test_dicom_and_jpeg(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_dicom(tmp_path / "in" / "a.dcm", np.arange(4096, dtype=np.uint16).reshape(64, 64))
    write_png(tmp_path / "in" / "b.jpg", np.full((64, 64), 77, np.uint8))
    cache = build_cache(scan_images(tmp_path / "in", workers=1).images, size=8, root=tmp_path)
    first = np.arange(4096).reshape(64, 64)[:8, :8].mean() / 4095 * 255
    assert abs(float(cache[0][0, 0]) - first) <= 1
    assert np.abs(cache[1].astype(int) - 77).max() <= 1


def test_pickles_as_its_folder(tmp_path: Path) -> None:
    cache = build_cache(_images(tmp_path / "in", 3), size=16, root=tmp_path, workers=1)
    text = pickle.dumps(cache)
    assert len(text) < 500
    assert np.array_equal(pickle.loads(text)[1], cache[1])


@pytest.mark.parametrize("change", ["size", "resize", "order", "bytes", "code"])
def test_the_folder_is_named_by_the_content(
    tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = _images(tmp_path / "in", 4)
    before = build_cache(images, size=16, root=tmp_path, workers=1).folder
    options = {"size": 16, "resize": "area"}
    if change == "size":
        options["size"] = 8
    elif change == "resize":
        options["resize"] = "lanczos"
    elif change == "order":
        images = images.take([1, 0, 2, 3])
    elif change == "bytes":
        write_png(tmp_path / "in" / "001.png", pattern(99))
        images = scan_images(tmp_path / "in", workers=1).images
    else:
        monkeypatch.setattr("modeling.pixel_cache._FORMAT", 2)
    assert build_cache(images, root=tmp_path, workers=1, **options).folder != before  # type: ignore[arg-type]


def test_without_hashes_path_size_and_time_stand_for_the_content(tmp_path: Path) -> None:
    images = _images(tmp_path / "in", 3)
    nulls = pa.nulls(3, pa.string())
    images = images.set_column(8, IMAGES.schema.field("sha256"), nulls)
    before = build_cache(images, size=16, root=tmp_path, workers=1)
    assert build_cache(images, size=16, root=tmp_path, workers=1).folder == before.folder
    write_png(tmp_path / "in" / "001.png", pattern(99))
    os.utime(tmp_path / "in" / "001.png", ns=(1, 1))
    after = build_cache(images, size=16, root=tmp_path, workers=1)
    assert after.folder != before.folder and not np.array_equal(after[1], before[1])


def test_files_that_fail_are_rejects_without_a_row(tmp_path: Path) -> None:
    images = _images(tmp_path / "in", 4)
    (tmp_path / "in" / "001.png").unlink()
    write_png(tmp_path / "in" / "002.png", pattern(50))
    cache = build_cache(images, size=16, root=tmp_path, workers=1)
    rejects = cache.rejects.to_pylist()
    assert [(row["key"], row["reason"]) for row in rejects] == [
        ("001.png", "missing file"),
        ("002.png", "changed since the table was made"),
    ]
    assert "000.png" in cache and "001.png" not in cache
    with pytest.raises(CacheError, match=r"no pixels of 1 images, the first '001.png'"):
        cache.rows(["000.png", "001.png"])


def test_what_failed_is_known_after_a_build_that_stopped_halfway(tmp_path: Path) -> None:
    images = _images(tmp_path / "in", 40)
    (tmp_path / "in" / "001.png").unlink()

    def stop(done: int, _: int) -> None:
        if done > 16:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_cache(images, size=8, root=tmp_path, workers=1, progress=stop)
    cache = build_cache(images, size=8, root=tmp_path, workers=1)
    assert cache.rejects["key"].to_pylist() == ["001.png"]
    assert "001.png" not in cache and not cache[1].any()


def test_progress_counts_images(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    images = _images(tmp_path / "in", 20)
    build_cache(images, size=8, root=tmp_path, workers=1, progress=lambda n, m: seen.append((n, m)))
    assert seen == [(16, 20), (20, 20)]


def test_no_images(tmp_path: Path) -> None:
    cache = build_cache(IMAGES.empty(), size=8, root=tmp_path, workers=1)
    assert len(cache) == 0 and cache.read([]).shape == (0, 8, 8)


@pytest.mark.parametrize("row", [-1, 3])
def test_row_out_of_range(tmp_path: Path, row: int) -> None:
    cache = build_cache(_images(tmp_path / "in", 3), size=8, root=tmp_path, workers=1)
    with pytest.raises(IndexError, match="expected 0 to 2"):
        cache[row]


@pytest.mark.parametrize("options", [{"size": 0}, {"size": 8, "resize": "nearest"}])
def test_settings_that_make_no_sense(tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(CacheError, match="one of area, bilinear, lanczos"):
        build_cache(IMAGES.empty(), root=tmp_path, **options)  # type: ignore[arg-type]


def test_damaged_and_unfinished_caches_say_so(tmp_path: Path) -> None:
    with pytest.raises(CacheError, match="no manifest"):
        PixelCache(tmp_path)
    cache = build_cache(_images(tmp_path / "in", 3), size=8, root=tmp_path, workers=1)
    shard = cache.folder / "shard-00000.npy"
    shard.write_bytes(shard.read_bytes()[:-10])
    with pytest.raises(CacheError, match="damaged shard"):
        PixelCache(cache.folder)[0]


def test_the_users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXRMINE_CACHE", str(tmp_path / "here"))
    cache = build_cache(_images(tmp_path / "in", 1), size=8, workers=1)
    assert cache.folder.parent == tmp_path / "here" / "pixels"
    assert cache.folder.stat().st_mode & 0o777 == 0o700


def test_area_is_the_mean_where_the_sides_divide_and_where_they_do_not() -> None:
    fine = Image.fromarray(np.tile(np.array([[0, 255]], np.uint8), (90, 45)))
    for size in (45, 30, 20):  # stripes of one pixel: without antialiasing they would stay
        means = np.asarray(shrink(fine, size, "area"), int)
        assert np.abs(means[:, 1:-1] - 127.5).max() <= 45
    assert np.abs(np.asarray(shrink(fine, 45, "area"), int) - 127.5).max() <= 1


_BUILD = """
import sys
from pathlib import Path
from data_contracts import IMAGES, read_table
from modeling.pixel_cache import build_cache
if __name__ == "__main__":
    images = read_table(sys.argv[1], IMAGES)
    build_cache(images, size=256, resize="lanczos", root=sys.argv[2], workers=2)
"""


def _start(script: Path, table: Path, root: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(script), str(table), str(root)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def _of_the_build(root: Path) -> list[int]:
    """Processes that still have something of this cache open."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            targets = [os.readlink(link) for link in (process / "fd").iterdir()]
        except OSError:
            continue
        if any(target.startswith(str(root)) for target in targets):
            found.append(int(process.name))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_killed_in_the_middle_and_run_again_gives_the_same_bytes(tmp_path: Path) -> None:
    from data_contracts import write_table

    images = _images(tmp_path / "in", 160, side=700)
    table, script = tmp_path / "images.parquet", tmp_path / "build.py"
    write_table(table, images, IMAGES)
    script.write_text(_BUILD)
    root = tmp_path / "killed"
    build = _start(script, table, root)
    deadline = time.monotonic() + 300
    while len(list(root.glob("*/shard-*.npy"))) < 2:
        assert build.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    build.send_signal(signal.SIGKILL)
    build.wait()
    folder = next(root.iterdir())
    assert not (folder / "manifest.json").exists()
    while _of_the_build(root):  # its workers end by themselves
        assert time.monotonic() < deadline
        time.sleep(0.02)
    kept = {path: path.stat().st_mtime_ns for path in folder.glob("shard-*.npy")}
    assert 0 < len(kept) < 10
    assert _start(script, table, root).wait(300) == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept  # gone on, not begun again
    never = build_cache(images, size=256, resize="lanczos", root=tmp_path / "never", workers=1)
    assert _bytes(folder) == _bytes(never.folder)
    assert folder.name == never.folder.name


def test_two_builds_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    from data_contracts import write_table

    images = _images(tmp_path / "in", 40, side=300)
    table, script = tmp_path / "images.parquet", tmp_path / "build.py"
    write_table(table, images, IMAGES)
    script.write_text(_BUILD)
    builds = [_start(script, table, tmp_path / "both") for _ in range(2)]
    assert [build.wait(60) for build in builds] == [0, 0]
    alone = build_cache(images, size=256, resize="lanczos", root=tmp_path / "alone", workers=1)
    assert _bytes(tmp_path / "both" / alone.folder.name) == _bytes(alone.folder)
