"""Phantoms laid out as NIH releases its images: file names, lists, boxes in 1024 pixels."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from data_contracts import BOXES, CHESTXRAY8, IMAGES, labels_contract, read_table
from modeling.phantom import generate_phantoms

_ENTRY = ("Image Index", "Finding Labels", "Follow-up #", "Patient ID", "Patient Age",
          "Patient Gender", "View Position")  # fmt: skip
_BOX = ("Image Index", "Finding Label", "Bbox [x", "y", "w", "h]", "", "", "")
_BOX_NAMES = {"Infiltration": "Infiltrate"}  # NIH's list of boxes has a word of its own
_TEST_EVERY = 3  # patients
_SIDE = 1024


def write_as_nih(out: Path, *, count: int, size: int, prevalence: float = 0.3) -> Path:
    """The folder `out` with images/, Data_Entry_2017.csv, the official lists, BBox_List_2017.csv.

    Every third patient is in test_list.txt. Errors: those of generate_phantoms.
    """
    made = generate_phantoms(
        out / "phantoms", count=count, seed=0, size=size, reports=False,
        prevalence=dict.fromkeys(CHESTXRAY8, prevalence), images_per_patient=2.0,
    )  # fmt: skip
    truth = read_table(made.truth, labels_contract(CHESTXRAY8)).to_pylist()
    states = {row["report_id"]: row for row in truth}
    names, entries = {}, []
    lists: dict[str, list[str]] = {"train_val_list.txt": [], "test_list.txt": []}
    (out / "images").mkdir()
    for row in read_table(made.images, IMAGES).to_pylist():
        patient, number = (int(part) for part in re.findall(r"\d+", row["image_id"])[:2])
        name = names[row["image_id"]] = f"{patient:08d}_{number:03d}.png"
        Path(row["path"]).rename(out / "images" / name)
        shown = [finding for finding in CHESTXRAY8 if states[row["study_id"]][finding] == "present"]
        entries.append((name, "|".join(shown) or "No Finding", number, patient,
                        20 + patient % 60, "FM"[patient % 2], row["view"] or "PA"))  # fmt: skip
        lists["train_val_list.txt" if patient % _TEST_EVERY else "test_list.txt"].append(name)
    _write(out / "Data_Entry_2017.csv", _ENTRY, entries)
    for file, listed in lists.items():
        (out / file).write_text("\n".join(listed) + "\n")
    boxes = [
        (names[box["image_id"]], _BOX_NAMES.get(box["finding"], box["finding"]),
         *(box[side] * _SIDE / size for side in ("x", "y", "w", "h")))
        for box in read_table(made.boxes, BOXES).to_pylist()
    ]  # fmt: skip
    _write(out / "BBox_List_2017.csv", _BOX, boxes)
    return out


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])
