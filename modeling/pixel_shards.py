"""One shard of the pixel cache: read, shrink and write its images, whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from numpy.lib import format as npy
from PIL import Image

from .image_reading import ImageError, read_bytes, read_image

Resize = Literal["area", "bilinear", "lanczos"]
RESIZES = ("area", "bilinear", "lanczos")
_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "lanczos": Image.Resampling.LANCZOS}
CHANGED = "changed since the table was made"


@dataclass(frozen=True)
class ShardTask:
    """What a shard is made of: `files` are paths with the SHA-256 they should have, or ""."""

    folder: Path
    number: int
    files: tuple[tuple[str, str], ...]
    size: int
    resize: str
    max_pixels: int


def shard_name(number: int) -> str:
    """The file of a shard.

    >>> shard_name(3)
    'shard-00003.npy'
    """
    return f"shard-{number:05d}.npy"


def write_shard(task: ShardTask) -> dict[int, str]:
    """The rows that could not be read (all zeros) with the reason; the shard is on disk then.

    A shard that is there already is left as it is.
    """
    path = task.folder / shard_name(task.number)
    notes = path.with_suffix(".json")
    if path.is_file():
        found = json.loads(notes.read_text()) if notes.is_file() else {}
        return {int(row): reason for row, reason in found.items()}
    unread: dict[int, str] = {}

    def fill(file: IO[bytes]) -> None:
        shape = (len(task.files), task.size, task.size)
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(file, header)  # type: ignore[no-untyped-call]
        for row, (source, sha256) in enumerate(task.files):
            try:
                file.write(_pixels(source, sha256, task).tobytes())
            except ImageError as error:
                unread[row] = error.reason
                file.write(bytes(task.size * task.size))

    def note() -> None:
        if unread:
            write_text(notes, json.dumps(unread))

    # The notes stand before the shard does: with the shard, both are there.
    _write(path, fill, before=note)
    return unread


def shrink(image: Image.Image, size: int, resize: str) -> Image.Image:
    """The image (mode L) at `size` × `size`, antialiased.

    >>> shrink(Image.new("L", (8, 4), 7), 2, "area").getpixel((1, 1))
    7
    """
    if image.size == (size, size):
        return image
    if resize != "area":
        return image.resize((size, size), _FILTERS[resize])
    width, height = image.size
    if width % size == 0 and height % size == 0:
        # The same mean as BOX gives, several times quicker.
        return image.reduce((width // size, height // size))
    # Enlarged by areas, edges of pixels would stay visible.
    smaller = width < size or height < size
    return image.resize(
        (size, size), Image.Resampling.BILINEAR if smaller else Image.Resampling.BOX
    )


def write_text(path: Path, text: str) -> None:
    """Writes a file whole or not at all."""
    _write(path, lambda file: file.write(text.encode()))


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Waits until no other process builds in the folder. A killed one holds nothing."""
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _pixels(source: str, sha256: str, task: ShardTask) -> Image.Image:
    data = read_bytes(source)
    if sha256 and hashlib.sha256(data).hexdigest() != sha256:
        raise ImageError(source, CHANGED, "other bytes", "Make the table of images again.")
    file = read_image(source, data=data, max_pixels=task.max_pixels, shrink_to=task.size)
    return shrink(file.image, task.size, task.resize)


def _write(
    path: Path, fill: Callable[[IO[bytes]], object], before: Callable[[], None] | None = None
) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        if before is not None:
            before()
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
