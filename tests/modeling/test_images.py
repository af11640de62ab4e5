"""The images table of a folder: a row or a reject for every file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from data_contracts import IMAGES, check_rows
from modeling.images import scan_images
from tests.modeling.image_files import (
    adds_up,
    pattern,
    scan,
    write_dicom,
    write_folder,
    write_png,
)


def test_scan_gives_a_row_per_image_in_the_order_of_paths(tmp_path: Path) -> None:
    found = scan(tmp_path, ["b.png", "a.jpg", "sub/c.jpeg"])
    (tmp_path / "notes.txt").write_text("no image, no reject")
    assert found.images["image_id"].to_pylist() == ["a.jpg", "b.png", "c.jpeg"]
    assert set(found.images["width"].to_pylist()) == {64}
    assert check_rows(found.images, IMAGES, stage="t").rejects.num_rows == 0
    assert found.counts == {"found": 3, "kept": 3}


def test_scan_in_processes_gives_the_same(tmp_path: Path) -> None:
    names = [f"{n:02d}.png" for n in range(40)]
    alone = scan(tmp_path, names)
    spread = scan_images(tmp_path, workers=2)
    assert alone.images.equals(spread.images)


def test_scan_counts_every_reject_with_its_reason(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, ["a.png", "b.png"])
    (folder / "copy.png").write_bytes((folder / "a.png").read_bytes())
    write_dicom(folder / "pixels.dcm", pattern(1).astype(np.uint16))  # the pixels of b.png
    data = (folder / "a.png").read_bytes()
    (folder / "cut.png").write_bytes(data[: len(data) // 2])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_text("x")
    (folder / "lost.png").symlink_to(folder / "nowhere.png")
    write_png(folder / "tiny.png", pattern(9, 16, 64))
    write_png(folder / "sub/a.png", pattern(10))
    found = scan_images(folder, workers=1)
    reasons = dict(
        zip(found.rejects["key"].to_pylist(), found.rejects["reason"].to_pylist(), strict=True)
    )
    assert reasons == {
        "copy.png": "repeats the bytes of another file",
        "pixels.dcm": "repeats the pixels of another image",
        "cut.png": "truncated image",
        "empty.png": "empty file",
        "text.png": "no known image format",
        "lost.png": "missing file",
        "tiny.png": "a side of less than 32 pixels",
        "a.png": "repeats the key image_id",
    }
    assert adds_up(found) and found.counts["kept"] == 2


def test_wrong_size_is_a_reject(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", pattern(0, 64, 48))
    found = scan(tmp_path, ["b.png"], size=(64, 64))
    assert found.rejects["reason"].to_pylist() == ["not 64 × 64 pixels"]


def test_bomb_is_a_reject(tmp_path: Path) -> None:
    found = scan(tmp_path, ["a.png"], max_pixels=1000)
    assert found.rejects["reason"].to_pylist() == ["too many pixels"]


def test_unreadable_file_is_a_reject(tmp_path: Path) -> None:
    write_folder(tmp_path, ["a.png"])
    os.mkfifo(tmp_path / "b.png")  # opening it would wait for ever
    assert scan_images(tmp_path, workers=1).counts == {"found": 2, "kept": 1, "no regular file": 1}


def test_ids_by_path_where_names_repeat(tmp_path: Path) -> None:
    found = scan(tmp_path, ["p1/v.png", "p2/v.png"], image_ids="path")
    assert found.images["image_id"].to_pylist() == ["p1/v.png", "p2/v.png"]


def test_dicom_brings_study_patient_view_and_person(tmp_path: Path) -> None:
    tags = {
        "StudyInstanceUID": "1.2.9", "AccessionNumber": "A9", "PatientID": "P9",
        "ViewPosition": "PA", "PatientSex": "M", "PatientAge": "040Y",
    }  # fmt: skip
    write_dicom(tmp_path / "a.dcm", pattern(0).astype(np.uint16), **tags)
    found = scan_images(tmp_path, workers=1)
    row = found.images.to_pylist()[0]
    assert (row["study_id"], row["patient_id"], row["view"]) == ("1.2.9", "P9", "PA")
    assert found.people.to_pylist() == [{"image_id": "a.dcm", "sex": "M", "age": 40.0}]
    by_accession = scan_images(tmp_path, workers=1, dicom_study="accession")
    assert by_accession.images["study_id"].to_pylist() == ["A9"]


def test_no_suchwrite_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such folder"):
        scan_images(tmp_path / "nowhere")
