"""The Prefect flow `label`: ingest → sentences → parse → mine → label → audit → publish.

Each stage is one task that asks the artifact store first. The check is ours and not Prefect's
cache, because Prefect's would be a second memory that can be wrong: its keys live in a server's
database that may be temporary, its default key holds the run's id and so never hits on the next
schedule, a Path in a key is hashed by its name, and a hit is given without a look at whether the
files are still there and whole. A task served by the store ends in the state "Cached" all the same.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.environment import cache_root, prepare_prefect

prepare_prefect()  # before the import: Prefect reads its settings once

from prefect import flow, task  # noqa: E402
from prefect.artifacts import create_markdown_artifact, create_table_artifact  # noqa: E402
from prefect.cache_policies import NO_CACHE  # noqa: E402
from prefect.client.schemas.objects import State  # noqa: E402
from prefect.states import Completed, Failed  # noqa: E402

from flows.audit import audit_fingerprint, gold_hash, write_audit  # noqa: E402
from flows.cache_witness import remember  # noqa: E402
from flows.output import check_target, publish  # noqa: E402
from flows.progress import Watch  # noqa: E402
from flows.publishing import Published, publish_run, remember_place  # noqa: E402
from flows.reading import reading  # noqa: E402
from flows.result import RunResult, run_record  # noqa: E402
from flows.road import NEEDS, Job, Step, job_prints, walk  # noqa: E402
from flows.shards import Shards  # noqa: E402
from flows.store import Artifact, Store, artifact_key  # noqa: E402
from mining.engine import Engine  # noqa: E402
from mining.gate import GateLimits  # noqa: E402
from mining.selfcheck import require_self_check  # noqa: E402
from mining.stages import StageReport  # noqa: E402


@flow(name="label")
def label(
    job: Job,
    out: Path,
    *,
    gold: str | None = None,
    refresh: str | None = None,
    allow_drift: bool = False,
    engine: Engine | None = None,
    gate: GateLimits | None = None,
) -> RunResult | State[RunResult]:
    """The result of mining `job` into the folder `out`, audited where there is a gold.

    `gold` is a CSV file or "openi"; `refresh` names a stage to make anew with all after it; `gate`
    says where the label set is published, and what must hold. The tables have the same bytes as
    those of `flows.mine.mine_reports`. A run that rejects too much, or that the gate refuses, ends
    as Failed, with its tables written. Errors: as there, AuditError and PublishedError.
    """
    out = check_target(out)
    with reading(job, cache_root()) as read:
        result = _labelled(
            read.job, out, gold=gold, refresh=refresh, allow_drift=allow_drift,
            engine=engine or Engine(), gate=gate,
        )  # fmt: skip
        if not (result.problems or result.refused):
            read.commit()
    if result.problems or result.refused:
        return Failed(message="; ".join([*result.problems, *result.refused]), data=result)
    return result


def _labelled(
    job: Job,
    out: Path,
    *,
    gold: str | None,
    refresh: str | None,
    allow_drift: bool,
    engine: Engine,
    gate: GateLimits | None,
) -> RunResult:
    """What the flow's tasks leave in the folder, and in that of published sets."""
    started = datetime.now(UTC)
    prints = job_prints(job)
    check = require_self_check(job.settings, allow_drift=allow_drift)
    remember(cache_root(), job.settings)  # so that `cache explain` can name a rule that changed
    stages = [*NEEDS, "audit"]
    anew = stages[stages.index(refresh) :] if refresh else []
    with engine.open() as pool, Watch(len(NEEDS)) as watch:
        shards = Shards(job, prints, root=cache_root(), pool=pool, anew=anew)

        def execute(stage: str, givers: Mapping[str, Step]) -> Step:
            begin = time.perf_counter()
            inputs = {name: step.artifact for name, step in givers.items() if step.artifact}
            named = run_in_store.with_options(name=stage, task_run_name=stage)
            made: Artifact = named(stage, shards, inputs, return_state=True).result()  # type: ignore[assignment]
            seconds = time.perf_counter() - begin
            report = StageReport(**made.details)
            return Step(stage, made.folder, report, seconds, made.key, made.cached, made)

        steps = walk(execute, watch)
    audited: Any = None
    if gold is not None:
        labels = steps[-1].artifact
        audited = audit(labels, gold, "audit" in anew, return_state=True).result()
    record = run_record(job, prints, steps, command="run", started=started)
    record["selfcheck"] = check.to_json()
    files = publish(steps, out, record, [audited.folder / "audit.json"] if audited else [])
    text = (audited.folder / "audit.txt").read_text() if audited else ""
    result = RunResult(out, files, tuple(record["problems"]), text)
    if gate is not None and gate.published:
        passed: Any = publish_set(out, gate, return_state=True).result()
        result = replace(result, published=passed.line, refused=passed.refused)
    return result


def run_label(
    job: Job,
    out: Path,
    *,
    gold: str | None = None,
    refresh: str | None = None,
    allow_drift: bool = False,
    engine: Engine | None = None,
    gate: GateLimits | None = None,
) -> RunResult:
    """The result of the flow `label`, run here and now. Errors: those of the flow."""
    check_target(out)  # mistakes are told before Prefect takes its seconds to start
    job_prints(job)
    require_self_check(job.settings, allow_drift=allow_drift)
    if gold is not None:
        gold_hash(gold)
    state = label(
        job, out, gold=gold, refresh=refresh, allow_drift=allow_drift, engine=engine,
        gate=gate, return_state=True,
    )  # fmt: skip
    result: Any = state.result(raise_on_failure=False)
    if isinstance(result, BaseException):
        raise result
    assert isinstance(result, RunResult)
    return result


@task(cache_policy=NO_CACHE, persist_result=False)
def run_in_store(stage: str, shards: Shards, inputs: Mapping[str, Artifact]) -> State[Artifact]:
    """The artifact of one stage: from the store when it is there and whole, else made now.

    One task per stage: its shards are futures of the engine inside of it. A task of Prefect costs
    some hundred calls of its server, and a stage has thousands of shards.
    """
    return _as_state(shards.make(stage, inputs))


@task(name="audit", task_run_name="audit", cache_policy=NO_CACHE, persist_result=False)
def audit(labels: Artifact, gold: str, anew: bool) -> State[Artifact]:
    """The artifact of the audit: audit.json, audit.md and audit.txt."""
    hashes = {"labels": labels.content_hash("labels"), "gold": gold_hash(gold)}

    def write(folder: Path) -> dict[str, Any]:
        write_audit(labels.table("labels"), gold, folder)
        return {}

    artifact = _from_store("audit", hashes, audit_fingerprint(), write, anew)
    figures = json.loads((artifact.folder / "audit.json").read_text())["findings"]
    create_table_artifact(
        [figures_row(name, score) for name, score in figures.items()], key="audit-findings",
        description=f"By finding, with 95 % intervals; against {gold}",
    )  # fmt: skip
    create_markdown_artifact(
        (artifact.folder / "audit.md").read_text(), key="audit",
        description=f"Precision, recall and F1 of the labels against {gold}",
    )  # fmt: skip
    return _as_state(artifact)


@task(name="publish", task_run_name="publish", cache_policy=NO_CACHE, persist_result=False)
def publish_set(run: Path, gate: GateLimits) -> State[Published]:
    """What came of publishing the run's label set: the latest one now, or what the gate refused."""
    root = Path(gate.published)
    remember_place(cache_root(), root)
    done = publish_run(run, root, gate)
    rows = [{**one.to_json(), "passed": "yes" if one.passed else "NO"} for one in done.conditions]
    create_table_artifact(rows, key="gate", description=done.line)
    if done.made is None:
        return Completed(name="Refused", message=done.line, data=done)
    return Completed(message=done.line, data=done)


def figures_row(finding: str, score: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of a finding as people read them.

    >>> row = figures_row("Mass", {"tp": 1, "fp": 1, "fn": 0, "precision": 0.5, "recall": None,
    ...                            "f1": 0.5, "precision_interval": [0.1, 0.9]})
    >>> row["precision"], row["recall"], row["F1"]
    ('0.500 (0.10 to 0.90)', '–', '0.500')
    """
    row: dict[str, Any] = {"finding": finding.replace("_", " ")}
    for name, title in (("precision", "precision"), ("recall", "recall"), ("f1", "F1")):
        value, interval = score[name], score.get(f"{name}_interval")
        shown = "–" if value is None else f"{value:.3f}"
        row[title] = shown + (f" ({interval[0]:.2f} to {interval[1]:.2f})" if interval else "")
    return {**row, "tp / fp / fn": f"{score['tp']} / {score['fp']} / {score['fn']}"}


def _from_store(
    stage: str,
    inputs: Mapping[str, str],
    fingerprint: Mapping[str, str],
    write: Callable[[Path], dict[str, Any]],
    anew: bool,
) -> Artifact:
    store = Store(cache_root())
    key = artifact_key(stage, inputs, fingerprint)
    found = None if anew else store.find(stage, key)
    made_from = {"inputs": inputs, "fingerprint": fingerprint}
    return found or store.put(stage, key, write, made_from)


def _as_state(artifact: Artifact) -> State[Artifact]:
    """How Prefect shows it: a task that the store has served is "Cached"."""
    name = "Cached" if artifact.cached else "Completed"
    return Completed(name=name, message=f"{artifact.stage} {artifact.key}", data=artifact)
