"""The table of a folder of images, made once and kept by the content of its files."""

import os
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import Any

from data_contracts import IMAGES, REJECTS, content_hash, write_table
from flows.environment import cache_root
from flows.files import digest_file
from flows.store import Store, artifact_key
from modeling.images import scan_images

STAGE = "images"
_CODE = ("images.py", "image_reading.py", "image_rejects.py", "dicom.py", "views.py")


def images_table(images: Path) -> Path:
    """A table of images: the one given, a folder's own, or one made of all files in the folder.

    Files are known by their names, patient, study and view are DICOM's where it has them; what is
    no image is in `rejects.parquet` beside the table. Errors: FileNotFoundError.
    """
    if not images.is_dir() or (images / "_metadata").exists():
        return images
    if (images / "images.parquet").is_file():
        return images / "images.parquet"
    if any(images.glob("*.parquet")):
        return images  # the part files of a table
    store = Store(cache_root())
    home = resources.files("modeling")
    code = {name: content_hash(Path(str(home.joinpath(name)))) for name in _CODE}
    key = artifact_key(STAGE, folder_content(images), code)

    def write(folder: Path) -> dict[str, Any]:
        found = scan_images(images.resolve())
        write_table(folder / "images.parquet", found.images, IMAGES)
        write_table(folder / "rejects.parquet", found.rejects, REJECTS)
        return found.counts

    artifact = store.find(STAGE, key) or store.put(STAGE, key, write)
    return artifact.folder / "images.parquet"


def folder_content(images: Path) -> dict[str, str]:
    """What is in a folder of images: its place and each file's hash, by path."""
    files = sorted(path for path in images.rglob("*") if path.is_file())
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        hashes = list(pool.map(digest_file, files))
    named = {
        path.relative_to(images).as_posix(): digest
        for path, digest in zip(files, hashes, strict=True)
    }
    # The table names the files by their place.
    return named | {"": str(images.resolve())}
