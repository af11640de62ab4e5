"""The Prefect flow `nightly`: a label set as a configuration file says, with a report of the run.

A run leaves its label set in [output] folder, and beside it, in FOLDER.reports/, a report of every
run: counts and shares only. The next one says what moved since. Where there is a gold, the audit's
page lies there too. Prefect's page of the run shows the report, the audit and the findings'
figures, links to the pages where somebody serves them, and says what was done.
"""

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import sleep
from typing import Any, Literal

from flows.environment import cache_root, prepare_prefect

prepare_prefect()  # before the import: Prefect reads its settings once

from prefect import flow, runtime  # noqa: E402
from prefect.artifacts import create_link_artifact, create_markdown_artifact  # noqa: E402
from prefect.client.schemas.objects import State  # noqa: E402
from prefect.states import Completed, Failed  # noqa: E402

from flows.configuration import Configuration, ConfigurationError, read_configuration  # noqa: E402
from flows.label import label  # noqa: E402
from flows.night_pages import address_of_page, keep_audit_page  # noqa: E402
from flows.publishing import remember_place  # noqa: E402
from flows.remote.address import RemoteError  # noqa: E402
from flows.remote.places import Output, output_at, readable_name  # noqa: E402
from flows.remote.source import job_for  # noqa: E402
from flows.result import RunResult  # noqa: E402
from flows.road import Job  # noqa: E402
from flows.run_report import RunReport, alarm_line, make_report, markdown, read_rates  # noqa: E402
from mining.engine import EngineError  # noqa: E402
from mining.ingest import SourceError  # noqa: E402

NAME = "nightly"
MAY_PASS = (OSError, EngineError, SourceError, RemoteError)
Anew = Literal["nothing", "ingest", "sentences", "parse", "mine", "label", "audit"]
_log = logging.getLogger("cxrmine.nightly")
_log.setLevel(logging.INFO)


def run_name() -> str:
    """What Prefect calls a run: the configuration's name, and when it was due."""
    due = runtime.flow_run.scheduled_start_time or datetime.now(UTC)
    name = Path((runtime.flow_run.parameters or {}).get("config", NAME)).stem
    return f"{name}, {due.astimezone():%Y-%m-%d %H:%M}"


@flow(name=NAME, flow_run_name=run_name)
def nightly(config: str, refresh: Anew = "nothing") -> State[str]:
    """The folder of the label set that this configuration file asks for.

    `refresh` names a stage to make anew with all after it. An error that may pass is tried again as
    [schedule] says. Ends as Failed when too many rows were rejected or the gate refuses to publish,
    with the tables written; a share that moved by more than [drift] allows is said in the name of
    the final state. Errors: ConfigurationError and those of the flow `label`.
    """
    configuration = read_for_nights(Path(config))
    with output_at(configuration.located(configuration.output.folder)) as output:
        earlier = output.earlier()
        old = None if earlier is None else read_rates(earlier)
        result = _tried(configuration, output, refresh)
        report = make_report(output.folder, limits=configuration.drift, old=old)
        result = output.deliver(result)
        report = replace(report, folder=result.out)
        folder = reports_folder(output.folder)
        written = keep_report(report, folder)
        gold = readable_name(configuration.located(configuration.audit.gold))
        page = keep_audit_page(output.folder, gold, folder) if gold else None
        if page is not None and output.place is None:
            remember_place(cache_root(), folder)  # it names reports: `forget` must reach it
        link = output.deliver_report(written)
    out = output.shown
    create_markdown_artifact(
        markdown(report),
        key="run-report",
        description=f"Rows, rejects, times and shares; kept in {link.removeprefix('file://')}",
    )
    _link(written, "run-report-file", "The run in figures, as a file", configuration)
    if page is not None:
        _link(page, "audit-page", "Figures of the audit, its errors and their rules", configuration)
    _say(report, result)
    if result.problems or result.refused:
        return Failed(message="; ".join([*result.problems, *result.refused]), data=out)
    if report.alarms:
        said = "; ".join(alarm_line(move) for move in report.alarms)
        return Completed(name="Drifted", message=said, data=out)
    return Completed(data=out)


def _tried(configuration: Configuration, output: Output, refresh: Anew) -> RunResult:
    """The result of the first try that no passing error has ended. Errors: those of the last."""
    plan = configuration.schedule
    for number in range(1, plan.retries + 1):
        try:
            return _labelled(configuration, output, refresh, number)
        except MAY_PASS as error:
            _log.warning("try %d: %s. Again in %d s.", number, error, plan.retry_delay)
            sleep(plan.retry_delay)
    return _labelled(configuration, output, refresh, plan.retries + 1)


def _labelled(
    configuration: Configuration, output: Output, refresh: Anew, number: int
) -> RunResult:
    """What the flow `label` has left in the output's folder. Errors: those of the flow."""
    flow_of_try = label.with_options(flow_run_name="label" if number == 1 else f"try {number}")
    state: Any = flow_of_try(
        job_of(configuration), output.folder,
        gold=readable_name(configuration.located(configuration.audit.gold)) or None,
        engine=configuration.engine.engine, gate=configuration.publishing,
        refresh=None if refresh == "nothing" else refresh, return_state=True,
    )  # fmt: skip
    result = state.result(raise_on_failure=False)
    if isinstance(result, BaseException):
        raise result
    assert isinstance(result, RunResult)
    return result


def _link(file: Path, key: str, description: str, configuration: Configuration) -> None:
    """Returns when Prefect's page links to the file, where a browser can find it."""
    address = address_of_page(file, configuration.schedule.pages)
    if address is not None:
        create_link_artifact(address, key=key, link_text=file.name, description=description)


def _say(report: RunReport, result: RunResult) -> None:
    """Returns when the run's log says what was done."""
    for name, stage in report.record["stages"].items():
        how = "from the cache" if stage["cached"] else f"{stage['seconds']:,.1f} s"
        _log.info(
            "%s: %s rows in, %s out, %s rejects, %s", name, f"{stage['rows_in']:,}",
            f"{stage['rows_out']:,}", f"{stage['rejects']:,}", how,
        )  # fmt: skip
    if result.published:
        _log.info("%s", result.published)
    for wrong in (*result.problems, *result.refused, *map(alarm_line, report.alarms)):
        _log.warning("%s", wrong)


def read_for_nights(path: Path) -> Configuration:
    """The configuration, which must name a source and an output folder.

    Errors: OSError, ConfigurationError.
    """
    read = read_configuration(path)
    for section, key, given in (
        ("source", "path", read.source.path),
        ("output", "folder", read.output.folder),
    ):
        if not given:
            wrong = f"found no {key}, expected it: nobody is there at night to say it"
            raise ConfigurationError(path, f" [{section}]", wrong)
    return read


def job_of(configuration: Configuration) -> Job:
    """What is to be mined; a source at an address is fetched. Errors: RemoteError."""
    source = configuration.source
    job = job_for(
        configuration.located(source.path), configuration.mining, source.map or None,
        source.format or None,
    )  # fmt: skip
    return replace(
        job, exams=configuration.exams, privacy=configuration.privacy, watermark=source.marks
    )


def reports_folder(out: Path) -> Path:
    """Where the reports of the runs into this folder are kept."""
    return out.with_name(out.name + ".reports")


def keep_report(report: RunReport, folder: Path) -> Path:
    """The Markdown file that was written, beside a JSON file of the same name."""
    folder.mkdir(parents=True, exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S-%f")
    said = json.dumps(report.to_json(), indent=2) + "\n"
    (folder / f"{stamp}.json").write_text(said, encoding="utf-8")
    path = (folder / f"{stamp}.md").resolve()
    path.write_text(markdown(report), encoding="utf-8")
    return path
