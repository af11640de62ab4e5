"""The road from reports to labels: which stage reads which tables, and the walk along it.

`mine` and the Prefect flow walk the same road and differ only in how a stage is executed.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from flows.store import Artifact
from mining.fingerprints import ingest_fingerprint, source_fingerprint, stage_fingerprint
from mining.ingest.exams import EVERY_EXAM, ExamFilter
from mining.ingest.journal import Taken
from mining.ingest.marks import NO_WATERMARK, Watermark
from mining.ingest.pieces import Piece, journal_pieces, source_pieces
from mining.privacy import OPEN, Privacy
from mining.settings import MiningSettings
from mining.stages import StageReport

# stage -> the tables it reads
NEEDS: Mapping[str, tuple[str, ...]] = {
    "ingest": (),
    "sentences": ("reports",),
    "parse": ("distinct",),
    "mine": ("sentences", "distinct"),
    "label": ("reports", "mentions"),
}
# stage -> the tables it leaves, rejects apart
GIVES: Mapping[str, tuple[str, ...]] = {
    "ingest": ("reports",),
    "sentences": ("sentences", "distinct"),
    "parse": (),  # parses and judgements of sentences go into the sentence store
    "mine": ("mentions",),
    "label": ("labels",),
}


@dataclass(frozen=True)
class Job:
    """What to mine and how; `origin` is the address that `source` is a local copy of.

    `exams` are those to be labelled. With a `watermark` only what is new is read, and `taken` is
    what there is to mine after that: see flows/reading.py.
    """

    source: str
    settings: MiningSettings
    privacy: Privacy = field(default=OPEN, kw_only=True)
    mapping: Mapping[str, str] | None = None
    format: str | None = None
    origin: str | None = None
    exams: ExamFilter = EVERY_EXAM
    watermark: Watermark = NO_WATERMARK
    taken: Taken | None = None


@dataclass(frozen=True)
class Prints:
    """What the results depend on: the source and its reading; rules and settings by stage."""

    source: Mapping[str, str]
    stages: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Step:
    """A stage that has been passed: its tables, its accounts, whether it came from the store."""

    stage: str
    folder: Path
    report: StageReport
    seconds: float
    key: str | None = None
    cached: bool = False
    artifact: Artifact | None = None

    def table(self, name: str) -> Path:
        """The path of table `name`: a Parquet file, or a folder of part files."""
        return self.folder / f"{name}.parquet"


Execute = Callable[[str, Mapping[str, Step]], Step]


class Watcher(Protocol):
    """Who wants to know how far a walk is."""

    def begin(self, stage: str) -> None:
        """Hears that a stage is under way."""

    def passed(self, step: Step) -> None:
        """Hears what a stage has left."""


def walk(execute: Execute, watcher: Watcher) -> list[Step]:
    """The steps of the whole road, each made by `execute(stage, steps that gave its tables)`.

    Errors: those of the stages; a stage whose rows do not add up.
    """
    giver: dict[str, Step] = {}
    steps: list[Step] = []
    for stage, needs in NEEDS.items():
        watcher.begin(stage)
        step = execute(stage, {table: giver[table] for table in needs})
        step.report.check()
        giver.update(dict.fromkeys(GIVES[stage], step))
        steps.append(step)
        watcher.passed(step)
    return steps


def job_prints(job: Job) -> Prints:
    """The fingerprints of the job. Errors: those of a source, profile or parser that is not there.

    Called before any work, so that a mistake in the settings costs no time.
    """
    mapping = sorted(job.mapping.items()) if job.mapping else None
    source = {"source": _source_print(job), "reading": repr((mapping, job.format))}
    stages = {stage: stage_fingerprint(stage, job.settings) for stage in NEEDS}
    return Prints(
        source, {**stages, "ingest": ingest_fingerprint(job.settings, job.exams, job.privacy)}
    )


def _source_print(job: Job) -> str:
    if job.watermark.column:  # what is in the source is not read again to be hashed
        return job.taken.digest if job.taken else "not read yet"
    return source_fingerprint(job.source)


def job_pieces(job: Job) -> list[Piece]:
    """The pieces of what is to be mined. Errors: SourceError."""
    if job.taken is not None:
        return journal_pieces(job.taken.batches, job.settings.block)
    return source_pieces(
        job.source, mapping=job.mapping, format=job.format, block=job.settings.block,
        digest=source_fingerprint,
    )  # fmt: skip


def over_reject_rate(steps: Iterable[Step], settings: MiningSettings) -> list[str]:
    """One line for each stage that rejected a larger share of its rows than the settings allow."""
    return [
        f"stage {step.stage}: {step.report.rejects:,} of {step.report.rows_in:,} rows rejected, "
        f"more than the {settings.max_reject_rate:.1%} allowed"
        for step in steps
        if step.report.rejects > settings.max_reject_rate * step.report.rows_in
    ]
