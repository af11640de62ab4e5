"""The `images` table of a folder: every file looked at once, and a reject for each that is none."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from data_contracts import IMAGES, check_rows

from .image_pool import spread
from .image_reading import MAX_PIXELS, ImageError, ImageHeader, read_bytes, read_image
from .image_rejects import reject, reject_table

STAGE = "images"
SUFFIXES = (".png", ".jpg", ".jpeg", ".dcm", ".dicom")
_CHUNK = 16

# What is known of the person in an image; serves subgroups, never as a network's input.
PEOPLE_SCHEMA = pa.schema(
    [
        pa.field("image_id", pa.string(), nullable=False),
        pa.field("sex", pa.string()),  # F or M
        pa.field("age", pa.float32()),  # in years
    ]
)
_SEXES = {"F": "F", "FEMALE": "F", "M": "M", "MALE": "M"}


@dataclass(frozen=True)
class ImageSet:
    """Images and what was refused on the way to them.

    `images` keeps the contract of images; `rejects` has a row for each that was refused; `people`
    (`PEOPLE_SCHEMA`) has a row for each image of which sex or age is known; `counts` says how many
    came in (`found`), are `kept`, and how many were refused for which reason.
    """

    images: pa.Table
    rejects: pa.Table
    people: pa.Table
    counts: dict[str, int]


def scan_images(
    folder: str | Path,
    *,
    image_ids: Literal["name", "path"] = "name",
    dicom_study: Literal["study_uid", "accession"] = "study_uid",
    size: tuple[int, int] | None = None,
    min_side: int = 32,
    max_pixels: int = MAX_PIXELS,
    workers: int | None = None,
) -> ImageSet:
    """The images of a folder and its subfolders, by path; each is decoded once, to be sure of it.

    `image_ids`: the file's name (NIH, OpenI), or its path below the folder where names repeat
    (CheXpert). `size` (width, height): images of another size are refused. Of several files with
    the same bytes or the same pixels the first is kept. Study and patient are DICOM's, else null
    until a join gives them. FileNotFoundError when there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; expected a folder of images.")
    paths = list(_walk(folder))
    look = partial(_look, size=size, min_side=min_side, max_pixels=max_pixels)
    seen: set[str] = set()
    rows, people, refused = [], [], []
    for path, found in zip(paths, spread(look, paths, workers=workers, chunk=_CHUNK), strict=True):
        place = path.relative_to(folder).as_posix()
        image_id = path.name if image_ids == "name" else place
        found = found if isinstance(found, _Refusal) else _repeats(found, seen) or found
        if isinstance(found, _Refusal):
            refused.append(reject(STAGE, place, found.column, found.reason, found.value))
            continue
        rows.append(_row(image_id, path, found, dicom_study))
        people.append(person(image_id, found.header.sex, found.header.age))
    checked = check_rows(pa.Table.from_pylist(rows, schema=IMAGES.schema), IMAGES, stage=STAGE)
    rejects = pa.concat_tables([reject_table(refused), checked.rejects])
    return image_set(checked.accepted, rejects, people_table(people), found=len(paths))


def image_set(images: pa.Table, rejects: pa.Table, people: pa.Table, *, found: int) -> ImageSet:
    """The set with its counts. ValueError when rows came in that are neither kept nor refused."""
    counts = {"found": found, "kept": images.num_rows}
    for reason in rejects["reason"].to_pylist():
        counts[reason] = counts.get(reason, 0) + 1
    if images.num_rows + rejects.num_rows != found:
        raise ValueError(
            f"images: {found} rows came in, {images.num_rows} are kept and {rejects.num_rows} "
            "refused; every row must be one of both. Report this with the reasons in rejects."
        )
    return ImageSet(images, rejects, people, counts)


def person(image_id: str, sex: str | None, age: float | None) -> dict[str, Any]:
    """A row of `PEOPLE_SCHEMA`.

    >>> person("a.png", "female", 0)
    {'image_id': 'a.png', 'sex': 'F', 'age': 0}
    """
    return {"image_id": image_id, "sex": _SEXES.get((sex or "").strip().upper()), "age": age}


def people_table(rows: list[dict[str, Any]]) -> pa.Table:
    """The rows in which something is known."""
    known = [row for row in rows if row["sex"] is not None or row["age"] is not None]
    return pa.Table.from_pylist(known, schema=PEOPLE_SCHEMA)


@dataclass(frozen=True)
class _Look:
    """What one look at a file gave."""

    width: int
    height: int
    sha256: str
    pixels_sha256: str
    header: ImageHeader


@dataclass(frozen=True)
class _Refusal:
    column: str
    reason: str
    value: str | None = None


def _walk(folder: Path) -> Iterator[Path]:
    """Files that could be images, in the order of their paths; hidden ones are passed over."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            suffix = Path(name).suffix.lower()
            if not name.startswith(".") and (suffix in SUFFIXES or suffix == ""):
                yield Path(place) / name


def _look(
    path: Path, *, size: tuple[int, int] | None, min_side: int, max_pixels: int
) -> _Look | _Refusal:
    try:
        data = read_bytes(path)
        file = read_image(path, data=data, max_pixels=max_pixels)
    except ImageError as error:
        return _Refusal("path", error.reason, error.found)
    width, height = file.image.size
    found = f"{width} × {height}"
    if size is not None and (width, height) != size:
        return _Refusal("width", f"not {size[0]} × {size[1]} pixels", found)
    if min(width, height) < min_side:
        return _Refusal("width", f"a side of less than {min_side} pixels", found)
    pixels = hashlib.sha256(f"{width} {height} ".encode())
    pixels.update(np.ascontiguousarray(file.image).data)
    return _Look(width, height, hashlib.sha256(data).hexdigest(), pixels.hexdigest(), file.header)


def _repeats(found: _Look, seen: set[str]) -> _Refusal | None:
    """A refusal if the bytes or the pixels came before; else they are noted."""
    if found.sha256 in seen:
        return _Refusal("sha256", "repeats the bytes of another file", found.sha256)
    if found.pixels_sha256 in seen:
        return _Refusal("sha256", "repeats the pixels of another image", found.sha256)
    seen.update((found.sha256, found.pixels_sha256))
    return None


def _row(image_id: str, path: Path, found: _Look, dicom_study: str) -> dict[str, Any]:
    header = found.header
    return {
        "image_id": image_id,
        "study_id": header.study_id if dicom_study == "study_uid" else header.accession,
        "patient_id": header.patient_id,
        "path": str(path),
        "width": found.width,
        "height": found.height,
        "view": header.view,
        "split": None,
        "sha256": found.sha256,
    }
