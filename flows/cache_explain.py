"""Why a stage's result is in the cache or not: what it rests on, beside the nearest that is stored.

A stage whose whole fingerprint is stored is a hit for every piece of its input that is unchanged;
pieces that are new are made. Where the fingerprint is not stored, the nearest one tells what is
another: a rule, the parser, a version, a setting.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from flows.cache_report import INPUT, JUDGEMENTS, PARSES, Stored
from flows.cache_witness import changed
from flows.environment import cache_root
from flows.output import read_run
from flows.store import artifact_key
from flows.tables import run_settings

if TYPE_CHECKING:
    from flows.road import Job

_PIECES = "pieces"
_HASHED = ("rules", "vocabulary")  # have a witness


@dataclass(frozen=True)
class Difference:
    """A part that is another: what is stored, what it is now, and what in it changed."""

    part: str
    stored: str
    now: str
    told: tuple[str, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """A stage: how many stored results rest on the same things; else how the nearest differs."""

    stage: str
    matching: tuple[Stored, ...]
    nearest: Stored | None = None
    differences: tuple[Difference, ...] = ()

    @property
    def hit(self) -> bool:
        """Whether anything stored can serve."""
        return bool(self.matching)


def explain(
    root: Path, everything: Sequence[Stored], wanted: Mapping[str, Mapping[str, str]]
) -> Iterator[Explanation]:
    """One explanation per stage of `wanted`: stage → the parts that its result rests on.

    What a result was made of is not compared: which pieces of the input are stored is another
    question, see `stored_pieces`.
    """
    for stage, now in wanted.items():
        candidates = [one for one in everything if one.kind == stage and _own_parts(one)]
        same = tuple(one for one in candidates if not _differing(one.parts, now))
        if same or not candidates:
            yield Explanation(stage, same)
            continue
        nearest = min(candidates, key=lambda one: (len(_differing(one.parts, now)), -one.made))
        differences = tuple(
            _difference(root, part, nearest.parts.get(part), now.get(part))
            for part in _differing(nearest.parts, now)
        )
        yield Explanation(stage, (), nearest, differences)


def job_of_run(folder: Path) -> "Job":
    """The job that the run in this folder did. Errors: OutputRefused, RemoteError."""
    from flows.remote.source import job_for
    from mining.ingest.exams import ExamFilter
    from mining.ingest.marks import NO_WATERMARK, Watermark
    from mining.privacy import Privacy

    record = read_run(folder)
    given = record["input"]
    job = job_for(given["source"], run_settings(folder), given["mapping"], given["format"])
    told = given.get("watermark")
    mark = Watermark(told["column"], told["overlap"]) if told else NO_WATERMARK
    privacy = Privacy(**record.get("privacy", {}))
    exams = ExamFilter.from_json(given.get("exams"))
    return read_before(replace(job, exams=exams, watermark=mark, privacy=privacy))


def read_before(job: "Job") -> "Job":
    """The job, with what earlier runs have read where its source has a watermark.

    Errors: SourceError.
    """
    from flows.reading import journal_of

    journal = journal_of(job, cache_root())
    return job if journal is None else replace(job, taken=journal.committed())


def wanted_now(job: "Job") -> dict[str, dict[str, str]]:
    """What every stage and layer of this job rests on now. Errors: those of `job_prints`."""
    from flows.road import job_prints

    stages = {stage: dict(parts) for stage, parts in job_prints(job).stages.items()}
    layers = wanted_of_layers(stages)
    wanted = {_PIECES: stages["ingest"], **stages, **layers}
    del wanted["parse"]  # its results are the layers
    return wanted


def stored_pieces(job: "Job", everything: Sequence[Stored]) -> tuple[int, int]:
    """How many pieces of the source are stored, cut as now, and how many there are.

    Errors: SourceError.
    """
    from flows.road import job_pieces, job_prints

    own = job_prints(job).stages["ingest"]
    keys = {one.key for one in everything if one.kind == _PIECES}
    wanted = [artifact_key(_PIECES, piece.identity, own) for piece in job_pieces(job)]
    return sum(key in keys for key in wanted), len(wanted)


def wanted_of_layers(stages: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """What the layers of the sentence store rest on, out of the stages' fingerprints."""
    mine = stages["mine"]
    return {PARSES: {"parser": mine["parser"]}, JUDGEMENTS: dict(mine)}


def _own_parts(one: Stored) -> list[str]:
    """What it rests on beside its input; nothing where it is only gathered from its shards."""
    return [part for part in one.parts if not part.startswith(INPUT)]


def _differing(stored: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The parts that are not the same, inputs apart."""
    parts = [part for part in stored.keys() | now.keys() if not part.startswith(INPUT)]
    return sorted(part for part in parts if stored.get(part) != now.get(part))


def _difference(root: Path, part: str, stored: str | None, now: str | None) -> Difference:
    told = changed(root, stored, now) if part in _HASHED and stored and now else []
    return Difference(part, stored or "nothing", now or "nothing", tuple(told))
