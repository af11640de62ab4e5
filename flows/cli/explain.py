"""`cxrmine explain`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.options import Findings, Parser, Profile, leave_torch_out
from flows.remote.places import readable


def explain(
    text: Annotated[str, typer.Argument(help="A sentence or a report; with --labels a report id.")],
    labels: Annotated[
        Path | None,
        typer.Option(
            parser=readable,
            metavar="RUN",
            help="The folder of a run that holds the report, or an address.",
        ),
    ] = None,
    profile: Profile = None,
    findings: Findings = None,
    parser: Parser = None,
    html: Annotated[
        Path | None,
        typer.Option(help="Write a page to this file instead; only you can read it."),
    ] = None,
) -> None:
    """Why a text gets its labels: mention, rule, cue, the arcs between them, aggregation."""
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
    explanation = explain_text(report, settings)
    if html is None:
        Console().print(render(explanation))
        return
    from flows.explain_page import write_explanation

    title = f"Why report {text} has its labels" if labels else "Why a text gets its labels"
    write_explanation(explanation, settings, html, title=title)
    typer.echo(f"{html}")
