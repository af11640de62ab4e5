"""Images decoded once, at training resolution: 8-bit shards on disk, read by memory map."""

from __future__ import annotations

import hashlib
import json
import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import platformdirs
import pyarrow as pa

from data_contracts import REJECTS, read_table, write_table

from .image_pool import spread
from .image_reading import MAX_PIXELS
from .image_rejects import reject, reject_table
from .pixel_shards import RESIZES, Resize, ShardTask, exclusive, shard_name, write_shard, write_text

STAGE = "pixel_cache"
_FORMAT = 1
_SHARDS, _SMALLEST_SHARD = 128, 16
_MANIFEST, _REJECTS = "manifest.json", "rejects.parquet"
_SOURCES = ("image_reading.py", "dicom.py", "pixel_shards.py")


class CacheError(ValueError):
    """The cache cannot serve: its `folder`, what was `found`, `expected` and `to_do`."""

    def __init__(self, folder: str | Path, found: str, expected: str, to_do: str) -> None:
        self.folder, self.found, self.expected, self.to_do = str(folder), found, expected, to_do
        super().__init__(f"{folder}: found {found}, expected {expected}. {to_do}")


def cache_root() -> Path:
    """The folder of pixel caches: under CXRMINE_CACHE, else in the user's cache folder."""
    named = os.environ.get("CXRMINE_CACHE")
    root = Path(named).expanduser() if named else Path(platformdirs.user_cache_dir("cxrmine"))
    return root / "pixels"


def build_cache(
    images: pa.Table,
    *,
    size: int,
    resize: Resize = "area",
    max_pixels: int = MAX_PIXELS,
    root: str | Path | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PixelCache:
    """The cache of these images at `size` × `size` pixels, built if it is not there yet.

    Its folder is named by the content: what files, in what order, what size, what code. A shard
    appears whole or not at all, so a build that was killed goes on where it stopped and ends with
    the same bytes. A file that cannot be read, or is another than when the table was made, is in
    `rejects` and has no row. `progress` is told images done and in all.

    `resize` "area" (each pixel the mean of the area it covers: antialiased, and exact and fastest
    where the sides divide), "bilinear" or "lanczos" (Pillow's, antialiased). Both sides are brought
    to `size`, as in ChestX-ray8. JPEGs are decoded at no less than twice `size`. CacheError for
    another method or size.
    """
    folder = Path(root) if root is not None else cache_root()
    if resize not in RESIZES or size < 1:
        expected = f"a size above 0 and one of {', '.join(RESIZES)}"
        raise CacheError(folder, f"size {size}, resize {resize!r}", expected, "Choose.")
    sources = _sources(images)
    key = cache_key(sources, size=size, resize=resize, max_pixels=max_pixels)
    folder = folder / key
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (folder / _MANIFEST).is_file():
        with exclusive(folder):
            if not (folder / _MANIFEST).is_file():
                tasks = _tasks(folder, sources, size, resize, max_pixels)
                _build(folder, sources, tasks, size, workers, progress)
    return PixelCache(folder)


def cache_key(
    sources: Sequence[tuple[str, str, str, str]], *, size: int, resize: str, max_pixels: int
) -> str:
    """What the bytes of a cache depend on, as 32 hex digits."""
    digest = hashlib.blake2b(digest_size=16)
    code = [(Path(__file__).parent / name).read_bytes() for name in _SOURCES]
    settings = [str(_FORMAT), str(size), resize, str(max_pixels), version("pillow")]
    for part in (*code, *(text.encode() for text in settings)):
        digest.update(hashlib.sha256(part).digest())
    for image_id, _, _, content in sources:
        digest.update(f"{image_id}\t{content}\n".encode())
    return digest.hexdigest()


@dataclass
class PixelCache:
    """Images as rows of 8-bit grey pixels; any row is read without decoding.

    Pickles as its folder, so that loader processes open it for themselves. CacheError when the
    folder holds no finished cache.
    """

    folder: Path
    size: int = field(init=False)
    image_ids: tuple[str, ...] = field(init=False, repr=False)
    _manifest: dict[str, Any] = field(init=False, repr=False)
    _shards: OrderedDict[int, npt.NDArray[np.uint8]] = field(
        init=False, repr=False, default_factory=OrderedDict
    )
    _row_of: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.folder = Path(self.folder)
        try:
            self._manifest = json.loads((self.folder / _MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CacheError(
                self.folder, f"no manifest ({type(error).__name__})", "a finished cache",
                "Build it with build_cache.",
            ) from error  # fmt: skip
        self.size = int(self._manifest["size"])
        self.image_ids = tuple(self._manifest["image_ids"])
        unread = set(self._manifest["unread"])
        self._row_of = {key: row for row, key in enumerate(self.image_ids) if row not in unread}

    def __reduce__(self) -> tuple[type[PixelCache], tuple[Path]]:
        return PixelCache, (self.folder,)

    def __len__(self) -> int:
        return len(self.image_ids)

    def __contains__(self, image_id: object) -> bool:
        return image_id in self._row_of

    def __getitem__(self, row: int) -> npt.NDArray[np.uint8]:
        """The pixels (size, size) of a row, not copied."""
        if not 0 <= row < len(self):
            raise IndexError(f"{self.folder}: found row {row}, expected 0 to {len(self) - 1}.")
        number, place = divmod(row, int(self._manifest["shard_rows"]))
        pixels: npt.NDArray[np.uint8] = self._shard(number)[place]
        return pixels

    def rows(self, image_ids: Sequence[str]) -> npt.NDArray[np.int64]:
        """The rows of these images. CacheError for one that has none."""
        missing = [image_id for image_id in image_ids if image_id not in self._row_of]
        if missing:
            raise CacheError(
                self.folder, f"no pixels of {len(missing)} images, the first {missing[0]!r}",
                "a row for each", "Leave out what is in the cache's rejects.",
            )  # fmt: skip
        return np.array([self._row_of[image_id] for image_id in image_ids], dtype=np.int64)

    def read(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """The pixels (n, size, size) of these rows, in this order, copied."""
        out = np.empty((len(rows), self.size, self.size), dtype=np.uint8)
        for place, row in enumerate(rows):
            out[place] = self[int(row)]
        return out

    @property
    def rejects(self) -> pa.Table:
        """The images that could not be read, and why."""
        return read_table(self.folder / _REJECTS, REJECTS)

    def _shard(self, number: int) -> npt.NDArray[np.uint8]:
        shard = self._shards.get(number)
        if shard is None:
            path = self.folder / shard_name(number)
            try:
                shard = np.load(path, mmap_mode="r")
            except (OSError, ValueError) as error:
                raise CacheError(
                    path, f"a damaged shard ({type(error).__name__})", "a whole one",
                    f"Delete the folder {self.folder} and build the cache again.",
                ) from error  # fmt: skip
            self._shards[number] = shard
        return shard


def _sources(images: pa.Table) -> list[tuple[str, str, str, str]]:
    """Id, path, expected SHA-256 ("" if unknown) and what stands for the content, per image."""
    names = ("image_id", "path", "sha256")
    rows = zip(*(images[name].to_pylist() for name in names), strict=True)
    return [(key, path, sha or "", sha or _stamp(path)) for key, path, sha in rows]


def _stamp(path: str) -> str:
    try:
        stat = os.stat(path)
    except OSError:
        return f"{path}\tmissing"
    return f"{path}\t{stat.st_size}\t{stat.st_mtime_ns}"


def _tasks(
    folder: Path, sources: list[tuple[str, str, str, str]], size: int, resize: str, max_pixels: int
) -> list[ShardTask]:
    # By the number of images alone, never by the machine: equal content, equal bytes.
    rows = max(_SMALLEST_SHARD, -(-len(sources) // _SHARDS))
    files = [(path, sha) for _, path, sha, _ in sources]
    return [
        ShardTask(folder, n, tuple(files[start : start + rows]), size, resize, max_pixels)
        for n, start in enumerate(range(0, len(files), rows))
    ]


def _build(
    folder: Path,
    sources: list[tuple[str, str, str, str]],
    tasks: list[ShardTask],
    size: int,
    workers: int | None,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Writes what is missing; the manifest last, for with it the cache is finished."""
    for leftover in folder.glob("*.tmp"):
        leftover.unlink(missing_ok=True)
    done, rows = 0, len(tasks[0].files) if tasks else 1
    unread: dict[int, str] = {}
    for task, failures in zip(tasks, spread(write_shard, tasks, workers=workers), strict=True):
        unread |= {task.number * rows + row: reason for row, reason in failures.items()}
        done += len(task.files)
        if progress is not None:
            progress(done, len(sources))
    refused = [reject(STAGE, sources[row][0], "path", why) for row, why in sorted(unread.items())]
    write_table(folder / _REJECTS, reject_table(refused), REJECTS)
    manifest = {
        "format": _FORMAT,
        "size": size,
        "shard_rows": rows,
        "unread": sorted(unread),
        "image_ids": [source[0] for source in sources],
    }
    write_text(folder / _MANIFEST, json.dumps(manifest))
