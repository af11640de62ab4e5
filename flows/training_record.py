"""run.json in the folder of a training: what it was made from, where that lay, and by what call."""

import contextlib
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data_contracts import content_hash
from flows.output import RUN_FILE, TOOL, OutputRefused, read_run
from flows.train_stages import TrainJob
from modeling.checkpoints import CheckpointError, read_card
from modeling.code_version import code_version
from modeling.labelled_images import labels_path

DATA = "data.json"
UNFINISHED = "unfinished"


def settings_of(job: TrainJob) -> dict[str, Any]:
    """The job as plain values, its paths absolute: they are read from other folders later."""
    values = asdict(job)
    if not job.mines:
        del values["stage"]
    for name in ("labels", "images", "split", "init"):
        if values[name] is not None:
            values[name] = str(Path(values[name]).resolve())
    plain: dict[str, Any] = json.loads(json.dumps(values, default=str))
    return plain


class Record:
    """The run.json of one call of a verb that trains."""

    def __init__(self, job: TrainJob, out: Path, command: str) -> None:
        self.out = out
        self.body: dict[str, Any] = {
            "tool": TOOL,
            "command": command,
            "status": UNFINISHED,
            "problems": [],
            # Hours of work: another verb's --out must not replace it.
            "replaceable": False,
            "called": sys.argv,
            "started": _now(),
            "versions": code_version(),
            "settings": settings_of(job),
        }

    def write(self, provenance: Mapping[str, str] | None = None, **facts: Any) -> None:
        """Writes what is known by now: hashes of the data, and further `facts`."""
        if provenance is not None:
            self.body["data"] = dict(provenance)
        self.body |= facts
        work = self.out / f".{RUN_FILE}"
        work.write_text(json.dumps(self.body, indent=2) + "\n")
        work.replace(self.out / RUN_FILE)

    def finish(self, **facts: Any) -> None:
        """Writes the last word: done, when, and what came of it."""
        self.write(**facts, status="ok", finished=_now())


def labels_trained_on(folder: Path) -> Path:
    """The labels that the training in `folder` was given, with the mentions beside them.

    They are where its run.json says, if they are still what they were; else the training's own
    copy of the part it used, which has the labels but no sentences.
    """
    with contextlib.suppress(OutputRefused, CheckpointError, KeyError, OSError):
        named = Path(read_run(folder)["settings"]["labels"])
        used = read_card(folder).provenance["labels"]
        table = labels_path(named)
        if not is_list(named) and table.exists() and content_hash(table) == used:
            return named
    return folder / "labels.parquet"


def is_list(labels: Path) -> bool:
    """Whether these labels are somebody's CSV, which has no sentences behind it."""
    return labels.name.endswith((".csv", ".csv.gz"))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
