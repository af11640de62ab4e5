"""Mining without Prefect: the road walked in this process and its workers."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from flows.environment import cache_root
from flows.output import check_target, publish
from flows.progress import Watch
from flows.reading import reading
from flows.result import RunResult, run_record
from flows.road import NEEDS, Job, Step, job_prints, walk
from flows.shards import Shards
from mining.engine import Engine
from mining.selfcheck import require_self_check
from mining.stages import StageReport


def mine_reports(
    job: Job, out: Path, *, allow_drift: bool = False, engine: Engine | None = None
) -> RunResult:
    """The result of mining `job` into the folder `out`; what is stored is not made again.

    Errors: OutputRefused before any work when `out` holds something else; DriftError when the
    golden sentences are judged otherwise, unless `allow_drift`; those of the stages; EngineError.
    """
    out = check_target(out)
    with reading(job, cache_root()) as read:
        result = _mined(read.job, out, allow_drift=allow_drift, engine=engine or Engine())
        if not result.problems:
            read.commit()
    return result


def _mined(job: Job, out: Path, *, allow_drift: bool, engine: Engine) -> RunResult:
    started = datetime.now(UTC)
    prints = job_prints(job)
    check = require_self_check(job.settings, allow_drift=allow_drift)
    with engine.open() as pool, Watch(len(NEEDS)) as watch:
        shards = Shards(job, prints, root=cache_root(), pool=pool)

        def execute(stage: str, givers: Mapping[str, Step]) -> Step:
            begin = time.perf_counter()
            inputs = {name: step.artifact for name, step in givers.items() if step.artifact}
            made = shards.make(stage, inputs)
            report = StageReport(**made.details)
            seconds = time.perf_counter() - begin
            return Step(stage, made.folder, report, seconds, made.key, made.cached, made)

        steps = walk(execute, watch)
        record = run_record(job, prints, steps, command="mine", started=started)
        record["selfcheck"] = check.to_json()
        files = publish(steps, out, record)
    return RunResult(out, files, tuple(record["problems"]))
