"""The Prefect flow `train`: dataset → train → evaluate.

Each stage asks the artifact store first, as those of the flow `label` do, and for the same reasons.
A training that was killed goes on where it stopped: until it is done it lies under its key beside
the store, not in a work folder that would be swept.
"""

import contextlib
import fcntl
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.environment import cache_root, prepare_prefect, private_folder

prepare_prefect()  # before the import: Prefect reads its settings once

from prefect import flow, task  # noqa: E402
from prefect.artifacts import create_markdown_artifact  # noqa: E402
from prefect.cache_policies import NO_CACHE  # noqa: E402
from prefect.client.schemas.objects import State  # noqa: E402
from prefect.states import Completed  # noqa: E402

from flows.output import check_target, publish  # noqa: E402
from flows.store import Artifact, Store, artifact_key  # noqa: E402
from flows.train_stages import (  # noqa: E402
    NEEDS,
    TrainJob,
    evaluate_on,
    keep_training,
    train_fingerprint,
    train_inputs,
    train_on,
    write_dataset,
)
from flows.training_record import settings_of  # noqa: E402
from modeling.code_version import code_version  # noqa: E402


@dataclass(frozen=True)
class Trained:
    """A finished run: its folder, the files in it, its stages' artifacts and what they counted."""

    out: Path
    files: tuple[str, ...]
    artifacts: Mapping[str, Artifact]
    counts: Mapping[str, Mapping[str, Any]]


@flow(name="train")
def train(job: TrainJob, out: Path, *, refresh: str | None = None) -> Trained:
    """The result of training and judging `job`, in the folder `out`.

    `out` then holds the best checkpoint (checkpoints/), the data set's tables, the curves, the
    evaluation and run.json. `refresh` names a stage to make anew with all after it. Errors: those
    of the stages; OutputRefused.
    """
    started = datetime.now(UTC)
    out = check_target(out)
    stages = list(NEEDS)
    anew = stages[stages.index(refresh) :] if refresh else []
    made: dict[str, Artifact] = {}
    seconds: dict[str, float] = {}
    for stage in stages:
        begin = time.perf_counter()
        inputs = {name: made[name] for name in NEEDS[stage]}
        named = train_in_store.with_options(name=stage)
        made[stage] = named(stage, job, inputs, stage in anew, return_state=True).result()  # type: ignore[assignment]
        seconds[stage] = round(time.perf_counter() - begin, 3)
    create_markdown_artifact((made["evaluate"].folder / "evaluation.md").read_text(), key="train")
    counts = {stage: dict(artifact.details) for stage, artifact in made.items()}
    return Trained(out, _publish(job, made, out, started, seconds), made, counts)


def run_train(job: TrainJob, out: Path, *, refresh: str | None = None) -> Trained:
    """The result of the flow `train`, run here and now. Errors: those of the flow."""
    check_target(out)  # mistakes are told before Prefect takes its seconds to start
    job.names()
    train_inputs("dataset", job)
    state = train(job, out, refresh=refresh, return_state=True)
    result: Any = state.result(raise_on_failure=False)
    if isinstance(result, BaseException):
        raise result
    assert isinstance(result, Trained)
    return result


@task(cache_policy=NO_CACHE, persist_result=False)
def train_in_store(
    stage: str, job: TrainJob, inputs: Mapping[str, Artifact], anew: bool
) -> State[Artifact]:
    """The artifact of one stage: from the store when it is there and whole, else made now."""
    hashes = train_inputs(stage, job)
    for name, artifact in inputs.items():
        hashes |= {f"{name}/{path}": sha for path, sha in artifact.files.items()}
    key = artifact_key(stage, hashes, train_fingerprint(stage, job))
    store = Store(cache_root())
    found = None if anew else store.find(stage, key)

    def write(folder: Path) -> dict[str, Any]:
        return _make(stage, job, key, {n: a.folder for n, a in inputs.items()}, folder, anew)

    artifact = found or store.put(stage, key, write)
    name = "Cached" if artifact.cached else "Completed"
    return Completed(name=name, message=f"{stage} {artifact.key}", data=artifact)


def _make(
    stage: str, job: TrainJob, key: str, givers: Mapping[str, Path], out: Path, anew: bool
) -> dict[str, Any]:
    if stage == "dataset":
        return write_dataset(job, out)
    if stage == "evaluate":
        return evaluate_on(job, givers["dataset"], givers["train"], out)
    with _unfinished(key) as folder:
        if anew:
            shutil.rmtree(folder)
        train_on(job, givers["dataset"], folder, resume=True)
        return keep_training(folder, out)


@contextlib.contextmanager
def _unfinished(key: str) -> Iterator[Path]:
    """The folder of a training that goes on until it is done; one process at a time."""
    home = private_folder(cache_root() / "training")
    folder = home / key
    with (home / f"{key}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder.mkdir(exist_ok=True)
        yield folder  # an exception leaves the folder there for the next run
        shutil.rmtree(folder)


def _publish(
    job: TrainJob,
    made: Mapping[str, Artifact],
    out: Path,
    started: datetime,
    seconds: Mapping[str, float],
) -> tuple[str, ...]:
    """Copies the files of all stages and run.json into `out`, swapped in whole."""
    names = {
        artifact.folder / name.split("/")[0]
        for artifact in made.values()
        for name in artifact.files
    }
    record = {
        "command": "train",
        "status": "ok",
        "problems": [],
        "started": started.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": code_version(),
        "settings": settings_of(job),
        "stages": {
            stage: {**artifact.details, "seconds": seconds[stage], "cached": artifact.cached,
                    "key": artifact.key}
            for stage, artifact in made.items()
        },
    }  # fmt: skip
    return publish([], out, record, sorted(names))
