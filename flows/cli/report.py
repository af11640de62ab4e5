"""`cxrmine report`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.remote.places import readable

ALARM = 1


def report(
    run: Annotated[
        Path,
        typer.Argument(parser=readable, help="The folder of a run, or an address."),
    ],
    before: Annotated[
        Path | None,
        typer.Option(
            parser=readable,
            metavar="RUN",
            help="The folder of an earlier run, or an address: what moved since?",
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="A configuration file, for the limits in [drift].")
    ] = None,
    markdown_file: Annotated[
        Path | None, typer.Option("--markdown", help="Write the report to this file.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the report to this file.")
    ] = None,
) -> None:
    """A run in figures: rows, rejects, times, shares, drift; exit code 1 when one is an alarm."""
    import json
    import sys

    from flows.configuration import read_configuration
    from flows.run_report import alarm_line, make_report, markdown

    limits = read_configuration(config).drift if config else None
    made = make_report(run, before, limits)
    text = markdown(made)
    if markdown_file:
        markdown_file.write_text(text, encoding="utf-8")
    if json_file:
        json_file.write_text(json.dumps(made.to_json(), indent=2) + "\n", encoding="utf-8")
    typer.echo(text, nl=False)
    for move in made.alarms:
        print(f"cxrmine: {alarm_line(move)}", file=sys.stderr)
    raise typer.Exit(ALARM if made.alarms else 0)
