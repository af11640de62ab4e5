"""`cxrmine phantoms`: a set that mining and training can start from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from data_contracts import BOXES, IMAGES, read_table


def _phantoms(out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flows.cli", "phantoms", "--out", str(out), "--count", "3"]
    return subprocess.run([*command, "--size", "64"], capture_output=True, text=True, check=False)


def test_images_boxes_and_reports_are_there(tmp_path: Path) -> None:
    done = _phantoms(tmp_path / "set")
    assert done.returncode == 0, done.stderr
    assert read_table(tmp_path / "set" / "images.parquet", IMAGES).num_rows == 3
    assert read_table(tmp_path / "set" / "boxes.parquet", BOXES).schema
    assert len((tmp_path / "set" / "reports.jsonl").read_text().splitlines()) == 3


def test_a_folder_that_holds_something_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    done = _phantoms(tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
