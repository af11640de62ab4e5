"""Reports for tests of engines, stores and faults: as many as wanted, most sentences distinct."""

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLES = ("reports", "mentions", "labels", "rejects")
_SIDES = ("left", "right", "bilateral")
_FORMS = (
    "There is a {side} pleural effusion measuring {n} mm.",
    "No evidence of pneumothorax on series {n}.",
    "Nodule of {n} mm in the {side} lung may represent granuloma.",
    "Without consolidation or edema compared with image {n}.",
    "The heart is enlarged, ratio 0.{n}.",
    "Lungs are clear on view {n}.",
)


def report_text(number: int) -> str:
    """The made-up report of this number: three sentences, most of them nobody else's."""
    side = _SIDES[number % 3]
    told = [_FORMS[(number + k) % len(_FORMS)].format(side=side, n=number + k) for k in range(2)]
    return f"FINDINGS: {' '.join(told)} IMPRESSION: Cardiomegaly."


def write_files(folder: Path, files: int, each: int) -> Path:
    """A folder of so many JSON Lines files; each is a shard of its own."""
    folder.mkdir()
    for number in range(files):
        ids = range(number * each, (number + 1) * each)
        rows = [json.dumps({"report_id": f"R{n:06}", "text": report_text(n)}) for n in ids]
        (folder / f"reports-{number:03}.jsonl").write_text("\n".join(rows) + "\n")
    return folder


def digests(out: Path) -> dict[str, str]:
    """The sha256 of every file of the published tables, by its path in the run's folder."""
    tables = [out / f"{name}.parquet" for name in TABLES]
    files = [f for t in tables for f in (sorted(t.iterdir()) if t.is_dir() else [t])]
    return {str(f.relative_to(out)): sha256(f.read_bytes()).hexdigest() for f in files}


def command(*arguments: object) -> list[str]:
    """The command line of cxrmine with these arguments."""
    return [sys.executable, "-m", "flows.cli", *map(str, arguments)]


def environment(cache: Path, **more: str) -> dict[str, str]:
    """The environment of a run with a cache of its own."""
    own = {**os.environ, "PYTHONPATH": str(ROOT), "CXRMINE_CACHE": str(cache), **more}
    return {**own, "OMP_NUM_THREADS": "1"}


def start(cache: Path, *arguments: object, **more: str) -> "subprocess.Popen[str]":
    """The command line, begun."""
    return subprocess.Popen(
        command(*arguments), env=environment(cache, **more), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
