"""Mining without Prefect: the road walked in this process, nothing kept but the result."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from flows.output import check_target, publish, work_beside
from flows.progress import Watch
from flows.result import RunResult, run_record
from flows.road import NEEDS, Job, Step, job_prints, run_stage, walk
from mining.selfcheck import require_self_check


def mine_reports(job: Job, out: Path, *, allow_drift: bool = False) -> RunResult:
    """The result of mining `job` into the folder `out`.

    Errors: OutputRefused before any work when `out` holds something else; DriftError when the
    golden sentences are judged otherwise, unless `allow_drift`; those of the stages.
    """
    started = datetime.now(UTC)
    out = check_target(out)
    prints = job_prints(job)
    check = require_self_check(job.settings, allow_drift=allow_drift)
    with work_beside(out) as work, Watch(len(NEEDS)) as watch:

        def execute(stage: str, givers: Mapping[str, Step]) -> Step:
            folder = work / stage
            folder.mkdir()
            begin = time.perf_counter()
            tables = {name: step.table(name) for name, step in givers.items()}
            report = run_stage(stage, job, tables, folder)
            return Step(stage, folder, report, time.perf_counter() - begin)

        steps = walk(execute, watch)
        record = run_record(job, prints, steps, command="mine", started=started)
        record["selfcheck"] = check.to_json()
        files = publish(steps, out, record)
    return RunResult(out, files, tuple(record["problems"]))
