"""The stages of a run, worked off shard by shard; what is in the artifact store is not made again.

A stage's result is one artifact. Where the reports are in several shards each has an artifact of
its own, addressed by the content of that shard, and the stage's is made of links to theirs: a night
that adds reports makes the new shards only.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from flows.road import GIVES, Job, Prints, job_pieces
from flows.store import Artifact, Store, artifact_key
from mining import stages
from mining.deidentifying import the_deidentifier
from mining.engine import Pool
from mining.engine.joining import mine_shard
from mining.engine.judging import bucket_jobs, judge_bucket
from mining.ingest.blocks import join_pieces, write_piece
from mining.ingest.pieces import Piece
from mining.parsing.lightness import leave_torch_out
from mining.sentence_store import Layer, SentenceStore
from mining.stages import StageReport

_READERS = 4  # threads that compare checksums


@dataclass(frozen=True)
class ShardJob:
    """One shard of one stage: what it reads (and its hashes), where its artifact is kept."""

    stage: str
    hashes: Mapping[str, str]
    fingerprint: Mapping[str, str]
    job: Job
    root: Path
    inputs: Mapping[str, Path] = field(default_factory=dict)
    piece: Piece | None = None
    layer: Layer | None = None

    @property
    def key(self) -> str:
        """The address of its artifact."""
        return artifact_key(self.stage, self.hashes, self.fingerprint)

    @property
    def made_from(self) -> dict[str, Mapping[str, str]]:
        """What the address is a hash of."""
        return {"inputs": self.hashes, "fingerprint": self.fingerprint}


class Shards:
    """Makes the artifacts of a job's stages, in a store and by a pool of workers.

    `anew` names the stages that are made though they are stored.
    """

    def __init__(
        self, job: Job, prints: Prints, *, root: Path, pool: Pool, anew: Sequence[str] = ()
    ) -> None:
        self._job, self._prints, self._pool = job, prints, pool
        self._root, self._anew = root, anew
        self._store = Store(root)
        self._sentences = SentenceStore(root / "sentences")

    def make(self, stage: str, inputs: Mapping[str, Artifact]) -> Artifact:
        """The artifact of a stage, given those that hold the tables it reads.

        Errors: those of the stage; EngineError.
        """
        if stage == "ingest":
            return self._ingest()
        if stage == "parse":
            return self._judge(inputs["distinct"])
        return self._by_shard(stage, inputs)

    def _ingest(self) -> Artifact:
        job, own = self._job, self._prints.stages["ingest"]
        if job.settings.shards:
            key = artifact_key("ingest", self._prints.source, own)
            made_from = {"inputs": self._prints.source, "fingerprint": own}
            return self._kept("ingest", key) or self._store.put(
                "ingest", key, self._single_pass, made_from
            )
        jobs = [
            ShardJob("pieces", piece.identity, own, job, self._root, piece=piece)
            for piece in job_pieces(job)
        ]
        hashes = {"pieces": _one_hash(jobs)}
        key = artifact_key("ingest", hashes, own)
        if found := self._kept("ingest", key):
            return found
        made = self._shards("ingest", jobs)

        def write(folder: Path) -> dict[str, Any]:
            counts = join_pieces(
                [one.folder for one in made], folder, name=Path(job.source).name,
                notes=_notes(made), provenance=own,
            )  # fmt: skip
            return asdict(stages.ingest_report(counts))

        return self._store.put("ingest", key, write, {"inputs": hashes, "fingerprint": own})

    def _single_pass(self, folder: Path) -> dict[str, Any]:
        job = self._job
        report = stages.ingest(
            job.source, folder, settings=job.settings, mapping=job.mapping, format=job.format,
            exams=job.exams, privacy=job.privacy,
            batches=job.taken.batches if job.taken else None,
        )  # fmt: skip
        report.check()
        return asdict(report)

    def _judge(self, distinct: Artifact) -> Artifact:
        """No tables: the judgements go into the sentence store, if mining is still to be done."""
        layer = self._sentences.judgements(self._job.settings)
        tables = self._unmined(distinct)
        anew = "nothing"
        if "mine" in self._anew:
            anew = "parses" if "parse" in self._anew else "judgements"
        jobs = bucket_jobs(tables, self._sentences, self._job.settings, anew) if tables else []
        if len(tables) == 1:  # a few thousand sentences are read before processes have started
            counts = [judge_bucket(job) for job in jobs]
        else:
            counts = list(self._pool.map(judge_bucket, jobs))
        sentences, judged, parsed, unparsed, taken_over = (
            sum(getattr(one, name) for one in counts)
            for name in ("sentences", "judged", "parsed", "unparsed", "taken_over")
        )
        new = judged + taken_over
        report = StageReport(
            "parse", sentences, parsed, filtered=sentences - parsed,
            details={"unparsed": unparsed, "judged": judged, "known": sentences - new,
                     "taken_over": taken_over},
        )  # fmt: skip
        return Artifact(
            "parse",
            layer.key,
            layer.folder,
            {},
            asdict(report),
            0.0,
            cached=not new or anew == "judgements",
        )

    def _unmined(self, distinct: Artifact) -> list[Path]:
        """The tables of distinct sentences of those shards whose mentions are not stored."""
        jobs = self._jobs("mine", {"distinct": distinct, "sentences": distinct})
        keys = {job.key: job for job in jobs}
        stored = self._kept("mine", self._whole_key("mine", jobs))
        left = [] if stored else [keys[j.key] for j in jobs if not self._kept("mine", j.key)]
        return [job.inputs["distinct"] for job in left]

    def _by_shard(self, stage: str, inputs: Mapping[str, Artifact]) -> Artifact:
        jobs = self._jobs(stage, inputs)
        key = self._whole_key(stage, jobs)
        if found := self._kept(stage, key):
            return found
        made = self._shards(stage, jobs)
        return made[0] if len(made) == 1 else self._gathered(stage, key, jobs, made)

    def _jobs(self, stage: str, inputs: Mapping[str, Artifact]) -> list[ShardJob]:
        shards = {name: artifact.parts(name) for name, artifact in inputs.items()}
        layer = self._sentences.judgements(self._job.settings) if stage == "mine" else None
        jobs = []
        for number in range(len(next(iter(shards.values())))):
            own = {name: parts[number] for name, parts in shards.items()}
            hashes = {name: sha for name, (_, sha) in own.items()}
            paths = {name: path for name, (path, _) in own.items()}
            rests_on = self._prints.stages[stage]
            jobs.append(
                ShardJob(stage, hashes, rests_on, self._job, self._root, paths, layer=layer)
            )
        return jobs

    def _whole_key(self, stage: str, jobs: Sequence[ShardJob]) -> str:
        return jobs[0].key if len(jobs) == 1 else artifact_key(stage, _whole(jobs), {})

    def _kept(self, stage: str, key: str) -> Artifact | None:
        return None if stage in self._anew else self._store.find(stage, key)

    def _shards(self, stage: str, jobs: Sequence[ShardJob]) -> list[Artifact]:
        """The artifacts of all shards; those that are not stored are made by the workers."""
        made: dict[str, Artifact] = {}
        if stage not in self._anew:
            with ThreadPoolExecutor(_READERS) as threads:
                found = threads.map(lambda job: self._store.find(job.stage, job.key), jobs)
                made = {one.key: one for one in found if one}
        left = list({job.key: job for job in jobs if job.key not in made}.values())
        for one in self._pool.map(make_shard, left):
            made[one.key] = one
        return [made[job.key] for job in jobs]

    def _gathered(
        self, stage: str, key: str, jobs: Sequence[ShardJob], made: Sequence[Artifact]
    ) -> Artifact:
        """The artifact of the stage: a folder of parts for each table, linked to the shards'."""

        def write(folder: Path) -> dict[str, Any]:
            for table in GIVES[stage]:
                (folder / f"{table}.parquet").mkdir()
                for number, one in enumerate(made):
                    os.link(one.table(table), folder / f"{table}.parquet" / part_name(number))
            return asdict(total([StageReport(**one.details) for one in made]))

        artifact = self._store.put(stage, key, write, {"inputs": _whole(jobs)})
        return replace(artifact, cached=all(one.cached for one in made))


def _one_hash(jobs: Sequence[ShardJob]) -> str:
    return hashlib.sha256("\n".join(job.key for job in jobs).encode()).hexdigest()


def _whole(jobs: Sequence[ShardJob]) -> dict[str, str]:
    """What a stage's artifact rests on that is gathered from shards."""
    return {"shards": f"{len(jobs)} {_one_hash(jobs)}"}


def _notes(pieces: Sequence[Artifact]) -> dict[str, int]:
    notes: Counter[str] = Counter()
    for one in pieces:
        notes.update(one.details["notes"])
    return dict(notes)


def part_name(number: int) -> str:
    """The name of a part file.

    >>> part_name(3)
    'part-00003.parquet'
    """
    return f"part-{number:05}.parquet"


def total(reports: Sequence[StageReport]) -> StageReport:
    """The accounts of all shards together."""
    sums: dict[str, Any] = {}
    for name in ("rows_in", "rows_out", "rejects", "superseded", "duplicates", "filtered"):
        sums[name] = sum(getattr(report, name) for report in reports)
    details: dict[str, int] = {}
    for report in reports:
        for name, count in report.details.items():
            details[name] = details.get(name, 0) + count
    return StageReport(reports[0].stage, **sums, details=details)


def make_shard(shard: ShardJob) -> Artifact:
    """The artifact of a shard, made now. Runs in a worker. Errors: those of the stage."""
    leave_torch_out(shard.job.settings.parser)
    write = _WRITE[shard.stage]
    store = Store(shard.root)
    return store.put(shard.stage, shard.key, lambda folder: write(shard, folder), shard.made_from)


def _write_piece(shard: ShardJob, folder: Path) -> dict[str, Any]:
    settings = shard.job.settings
    assert shard.piece is not None
    kept = shard.piece.batches is not None  # read in nights, and masked then
    counts = write_piece(
        shard.piece, folder, block=settings.block, exams=shard.job.exams,
        deidentifier=None if kept else the_deidentifier(shard.job.privacy),
        provenance=shard.fingerprint,
    )  # fmt: skip
    return asdict(counts)


def _write_sentences(shard: ShardJob, folder: Path) -> dict[str, Any]:
    return _checked(stages.sentences(shard.inputs["reports"], folder, settings=shard.job.settings))


def _write_mentions(shard: ShardJob, folder: Path) -> dict[str, Any]:
    assert shard.layer is not None
    sentences = shard.inputs["sentences"]
    return _checked(mine_shard(sentences, shard.layer, folder, settings=shard.job.settings))


def _write_labels(shard: ShardJob, folder: Path) -> dict[str, Any]:
    reports, mentions = shard.inputs["reports"], shard.inputs["mentions"]
    return _checked(stages.label(reports, mentions, folder, settings=shard.job.settings))


def _checked(report: StageReport) -> dict[str, Any]:
    report.check()  # rows that do not add up are not worth keeping
    return asdict(report)


_WRITE: Mapping[str, Callable[[ShardJob, Path], dict[str, Any]]] = {
    "pieces": _write_piece,
    "sentences": _write_sentences,
    "mine": _write_mentions,
    "label": _write_labels,
}
