"""The Prefect flow `nightly`: a label set as a configuration file says, with a report of the run.

A run leaves its label set in [output] folder, and beside it, in FOLDER.reports/, a report of every
run: counts and shares only. The next one says what moved since. Prefect's page of the run shows the
report, the audit and the findings' figures.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.environment import prepare_prefect

prepare_prefect()  # before the import: Prefect reads its settings once

from prefect import flow  # noqa: E402
from prefect.artifacts import create_link_artifact, create_markdown_artifact  # noqa: E402
from prefect.client.schemas.objects import State  # noqa: E402
from prefect.states import Completed, Failed  # noqa: E402

from flows.configuration import Configuration, ConfigurationError, read_configuration  # noqa: E402
from flows.label import label  # noqa: E402
from flows.remote.places import Output, output_at  # noqa: E402
from flows.remote.source import job_for  # noqa: E402
from flows.result import RunResult  # noqa: E402
from flows.road import Job  # noqa: E402
from flows.run_report import RunReport, alarm_line, make_report, markdown, read_rates  # noqa: E402

NAME = "nightly"


@flow(name=NAME)
def nightly(config: str) -> State[str]:
    """The folder of the label set that this configuration file asks for.

    Ends as Failed when too many rows were rejected or the gate refuses to publish, with the tables
    written; a share that moved by more than [drift] allows is said in the name of the final state.
    Errors: ConfigurationError and those of the flow `label`.
    """
    configuration = read_for_nights(Path(config))
    with output_at(configuration.located(configuration.output.folder)) as output:
        earlier = output.earlier()
        old = None if earlier is None else read_rates(earlier)
        result = _labelled(configuration, output)
        report = make_report(output.folder, limits=configuration.drift, old=old)
        result = output.deliver(result)
        report = replace(report, folder=result.out)
        written = keep_report(report, reports_folder(output.folder))
        link = output.deliver_report(written)
    out = output.shown
    create_markdown_artifact(markdown(report), key="run-report", description=written.name)
    create_link_artifact(link, key="run-report-file", link_text=written.name)
    if result.problems or result.refused:
        return Failed(message="; ".join([*result.problems, *result.refused]), data=out)
    if report.alarms:
        said = "; ".join(alarm_line(move) for move in report.alarms)
        return Completed(name="Drifted", message=said, data=out)
    return Completed(data=out)


def _labelled(configuration: Configuration, output: Output) -> RunResult:
    """What the flow `label` has left in the output's folder. Errors: those of the flow."""
    state: Any = label(
        job_of(configuration), output.folder, gold=configuration.located(configuration.audit.gold)
        or None, engine=configuration.engine.engine, gate=configuration.publishing,
        return_state=True,
    )  # fmt: skip
    result = state.result(raise_on_failure=False)
    if isinstance(result, BaseException):
        raise result
    assert isinstance(result, RunResult)
    return result


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
    return replace(job, exams=configuration.exams, privacy=configuration.privacy)


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
