"""What a run hands back, and what it writes down about itself in run.json."""

import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from flows.road import Job, Prints, Step, over_reject_rate

_VERSIONED = ("cxrmine", "numpy", "pandas", "pyarrow", "scispacy", "spacy")


@dataclass(frozen=True)
class RunResult:
    """A finished run: its folder, the files in it, and which stage rejected too much.

    `out` is an address where the run was asked for one. `published` says what came of publishing,
    `refused` which conditions of the gate failed.
    """

    out: Path | str
    files: tuple[str, ...]
    problems: tuple[str, ...] = ()
    audit_text: str = ""
    published: str = ""
    refused: tuple[str, ...] = ()


def run_record(
    job: Job, prints: Prints, steps: Iterable[Step], *, command: str, started: datetime
) -> dict[str, Any]:
    """What run.json says: versions, settings, input, and each stage's rows, time and rules."""
    steps = list(steps)
    problems = over_reject_rate(steps, job.settings)
    finished = datetime.now(UTC)
    return {
        "command": command,
        "status": "failed" if problems else "ok",
        "problems": problems,
        "started": started.isoformat(timespec="seconds"),
        "finished": finished.isoformat(timespec="seconds"),
        "seconds": round((finished - started).total_seconds(), 3),
        "versions": {"python": platform.python_version(), **_versions()},
        "settings": asdict(job.settings),
        "privacy": asdict(job.privacy),
        "input": {
            "source": job.origin or job.source,
            "sha256": prints.source["source"],
            "mapping": dict(job.mapping) if job.mapping else None,
            "format": job.format,
            "exams": job.exams.to_json(),
            "watermark": dict(job.taken.told) if job.taken else None,
        },
        "stages": {step.stage: _stage_record(step, prints) for step in steps},
    }


def _stage_record(step: Step, prints: Prints) -> dict[str, Any]:
    counts = asdict(step.report)
    counts.pop("stage")
    return {
        **counts,
        "seconds": round(step.seconds, 3),
        "cached": step.cached,
        "key": step.key,
        "fingerprint": dict(prints.stages[step.stage]),
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in _VERSIONED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # run from a checkout that is not installed
            found[name] = "not installed"
    return found
