"""The files of a phantom set: tables, reports, manifest; whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from data_contracts import BOXES, CHESTXRAY8, IMAGES, Contract, labels_contract, write_table

_SOURCE = "phantom"


class PhantomBox(NamedTuple):
    """A lesion: the smallest box, in whole pixels, around what is seen of it."""

    finding: str
    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True)
class PhantomRow:
    """All that the tables say of one image."""

    image_id: str
    study_id: str
    patient_id: str
    view: str
    sha256: str
    boxes: tuple[PhantomBox, ...]
    truth: Mapping[str, str]
    labels: Mapping[str, str]
    report: str


@dataclass(frozen=True)
class PhantomSet:
    """The files of a set and the number of its images; `reports` is None if none were written."""

    folder: Path
    images: Path
    boxes: Path
    labels: Path
    truth: Path
    reports: Path | None
    manifest: Path
    count: int


def files_of(folder: Path, *, count: int, reports: bool) -> PhantomSet:
    """Where the files of a set in this folder are."""
    return PhantomSet(
        folder,
        images=folder / "images.parquet",
        boxes=folder / "boxes.parquet",
        labels=folder / "labels.parquet",
        truth=folder / "truth.parquet",
        reports=folder / "reports.jsonl" if reports else None,
        manifest=folder / "manifest.json",
        count=count,
    )


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder that becomes `folder` when the block ends well, and is gone otherwise.

    FileExistsError when `folder` is there and not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(
            f"{folder}: found something there, expected an empty folder or none. "
            "Give another folder or empty this one."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.parent / f".{folder.name}.{uuid.uuid4().hex}.tmp"
    temporary.mkdir()
    try:
        yield temporary
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_files(
    folder: Path,
    rows: Sequence[PhantomRow],
    *,
    home: Path,
    settings: Mapping[str, Any],
    version: int,
) -> None:
    """Writes tables, reports and manifest into `folder`; the paths in them are below `home`."""
    files = files_of(folder, count=len(rows), reports=bool(settings["reports"]))
    made_from = {"generator": f"{_SOURCE} {version}", "settings": json.dumps(settings)}
    labels = labels_contract(CHESTXRAY8)
    images = [_image(row, home, settings["size"]) for row in rows]
    boxes = [_box(row.image_id, box) for row in rows for box in row.boxes]
    _table(files.images, images, IMAGES, made_from)
    _table(files.boxes, boxes, BOXES, made_from)
    _table(files.labels, [_label(row.study_id, row.labels) for row in rows], labels, made_from)
    _table(files.truth, [_label(row.study_id, row.truth) for row in rows], labels, made_from)
    if files.reports is not None:
        lines = [json.dumps(_report(row), ensure_ascii=False) + "\n" for row in rows]
        files.reports.write_text("".join(lines), encoding="utf-8")
    manifest = {
        "generator": _SOURCE,
        "version": version,
        "settings": settings,
        "images": len(rows),
        "patients": len({row.patient_id for row in rows}),
        "boxes": dict(sorted(Counter(box["finding"] for box in boxes).items())),
    }
    files.manifest.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _image(row: PhantomRow, home: Path, size: int) -> dict[str, Any]:
    return {
        "image_id": row.image_id,
        "study_id": row.study_id,
        "patient_id": row.patient_id,
        "path": str(home / "images" / row.image_id),
        "width": size,
        "height": size,
        "view": row.view,
        "split": None,
        "sha256": row.sha256,
    }


def _box(image_id: str, box: PhantomBox) -> dict[str, Any]:
    place = {edge: float(value) for edge, value in zip("xywh", box[1:], strict=True)}
    return {"image_id": image_id, "finding": box.finding, **place, "score": None, "source": _SOURCE}


def _label(report_id: str, states: Mapping[str, str]) -> dict[str, Any]:
    nothing = "present" not in states.values()
    normal = nothing and "uncertain" not in states.values()
    return {"report_id": report_id, **states, "no_finding": nothing, "normal": normal}


def _report(row: PhantomRow) -> dict[str, str]:
    return {
        "report_id": row.study_id,
        "study_id": row.study_id,
        "patient_id": row.patient_id,
        "text": row.report,
    }


def _table(
    path: Path, rows: list[dict[str, Any]], contract: Contract, provenance: Mapping[str, str]
) -> None:
    write_table(path, pa.Table.from_pylist(rows, schema=contract.schema), contract, provenance)
