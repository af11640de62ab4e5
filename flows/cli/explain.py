"""`cxrmine explain`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.options import Findings, Parser, Profile, leave_torch_out


def explain(
    text: Annotated[str, typer.Argument(help="A sentence or a report; with --labels a report id.")],
    labels: Annotated[
        Path | None, typer.Option(help="The folder of a run that holds the report.")
    ] = None,
    profile: Profile = None,
    findings: Findings = None,
    parser: Parser = None,
) -> None:
    """Why a text gets its labels: mention, rule, cue and the arcs between them."""
    from dataclasses import replace

    from rich.console import Console

    from flows.tables import read_report, run_settings
    from mining.settings import MiningSettings

    given = {"profile": profile, "findings": findings, "parser": parser}
    settings = run_settings(labels) if labels else MiningSettings()
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value}
    settings = replace(settings, **chosen)
    leave_torch_out(settings.parser)
    from mining.explain import explain_text
    from mining.explain_view import render

    report = read_report(labels, text) if labels else text
    Console().print(render(explain_text(report, settings)))
