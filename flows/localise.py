"""The Prefect flow `localise`: predict (scores and heatmaps) → boxes → evaluate → gallery.

Where there are true boxes, the untrained network looks at their images as well, for `evaluate`.

Each stage asks the artifact store first, as those of the flow `label` do, and for the same reasons.
Other thresholds draw other boxes from the same heatmaps; the network runs again only for another
checkpoint, other images or another method.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.environment import cache_root, prepare_prefect

prepare_prefect()  # before the import: Prefect reads its settings once

from prefect import flow, task  # noqa: E402
from prefect.artifacts import create_markdown_artifact  # noqa: E402
from prefect.cache_policies import NO_CACHE  # noqa: E402
from prefect.client.schemas.objects import State  # noqa: E402
from prefect.states import Completed  # noqa: E402

from flows.localise_job import (  # noqa: E402
    LocaliseJob,
    after_training,
    job_fingerprint,
    job_inputs,
)
from flows.localise_stages import run_localise_stage  # noqa: E402
from flows.output import check_target, publish  # noqa: E402
from flows.store import Artifact, Store, artifact_key  # noqa: E402
from modeling.checkpoints import find_checkpoint  # noqa: E402

# stage -> the stages whose files it reads
_NEEDS = {
    "predict": (),
    "boxes": ("predict",),
    "untrained": (),
    "evaluate": ("predict", "boxes", "untrained"),
    "gallery": ("predict", "boxes", "evaluate"),
}
_KEPT_APART = ("untrained",)  # of interest to later stages only


@dataclass(frozen=True)
class Localised:
    """A finished run: its folder, the files in it, and what its stages counted."""

    out: Path
    files: tuple[str, ...]
    counts: Mapping[str, Mapping[str, Any]]


@flow(name="localise")
def localise(job: LocaliseJob, out: Path, *, refresh: str | None = None) -> Localised:
    """The result of localising `job` into the folder `out`.

    `refresh` names a stage to make anew with all after it. Errors: those of the checkpoint, the
    tables and the stages; OutputRefused.
    """
    started = datetime.now(UTC)
    out = check_target(out)
    job = job.checked()
    anew = job.stages[job.stages.index(refresh) :] if refresh else ()
    made: dict[str, Artifact] = {}
    seconds: dict[str, float] = {}
    for stage in job.stages:
        begin = time.perf_counter()
        inputs = {name: made[name] for name in _NEEDS[stage] if name in made}
        named = make_in_store.with_options(name=stage)
        made[stage] = named(stage, job, inputs, stage in anew, return_state=True).result()  # type: ignore[assignment]
        seconds[stage] = round(time.perf_counter() - begin, 3)
    counts = {stage: dict(artifact.details) for stage, artifact in made.items()}
    create_markdown_artifact(_summary(counts), key="localise")
    return Localised(out, _publish(job, made, out, started, seconds), counts)


def run_localise(job: LocaliseJob, out: Path, *, refresh: str | None = None) -> Localised:
    """The result of the flow `localise`, run here and now. Errors: those of the flow."""
    check_target(out)  # mistakes are told before Prefect takes its seconds to start
    job = job.checked()
    state = localise(job, out, refresh=refresh, return_state=True)
    result: Any = state.result(raise_on_failure=False)
    if isinstance(result, BaseException):
        raise result
    assert isinstance(result, Localised)
    return result


def localise_trained(
    trained: Path, out: Path, *, refresh: str | None = None, **settings: Any
) -> Localised:
    """The flow `localise` chained after `train`: on the test images of the training in `trained`.

    `settings` are those of `LocaliseJob`, `truth` say. Errors: those of the flow.
    """
    return run_localise(after_training(trained, **settings), out, refresh=refresh)


@task(cache_policy=NO_CACHE, persist_result=False)
def make_in_store(
    stage: str, job: LocaliseJob, inputs: Mapping[str, Artifact], anew: bool
) -> State[Artifact]:
    """The artifact of one stage: from the store when it is there and whole, else made now."""
    hashes = job_inputs(stage, job)
    for name, artifact in inputs.items():
        hashes |= {f"{name}/{path}": sha for path, sha in artifact.files.items()}
    key = artifact_key(stage, hashes, job_fingerprint(stage, job))
    store = Store(cache_root())
    found = None if anew else store.find(stage, key)
    folders = {name: artifact.folder for name, artifact in inputs.items()}
    artifact = found or store.put(
        stage, key, lambda folder: run_localise_stage(stage, job, folders, folder)
    )
    name = "Cached" if artifact.cached else "Completed"
    return Completed(name=name, message=f"{stage} {artifact.key}", data=artifact)


def _publish(
    job: LocaliseJob,
    made: Mapping[str, Artifact],
    out: Path,
    started: datetime,
    seconds: Mapping[str, float],
) -> tuple[str, ...]:
    """Copies the files of all stages and run.json into `out`, swapped in whole."""
    shown = [artifact for stage, artifact in made.items() if stage not in _KEPT_APART]
    files = [artifact.folder / name for artifact in shown for name in artifact.files]
    settings = asdict(job) | {"options": repr(job.options)}
    record = {
        "command": "localise",
        "status": "ok",
        "problems": [],
        "started": started.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": {name: _plain(value) for name, value in settings.items()},
        "input": {
            "checkpoint": str(find_checkpoint(job.checkpoint).resolve()),
            "labels": str(job.labels.resolve()) if job.labels else None,
            "truth": str(job.truth.resolve()) if job.truth else None,
        },
        "stages": {
            stage: {**artifact.details, "seconds": seconds[stage], "cached": artifact.cached,
                    "key": artifact.key}
            for stage, artifact in made.items()
        },
    }  # fmt: skip
    return publish([], out, record, files)


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def _summary(counts: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [
        f"- **{stage}**: " + ", ".join(f"{value:,} {name}" for name, value in own.items())
        for stage, own in counts.items()
    ]
    return "\n".join(lines)
