"""`cxrmine compare`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import (
    Assertion,
    Concepts,
    Findings,
    Format,
    Map,
    Parser,
    Profile,
    Source,
    Umls,
    make_job,
)
from flows.remote.places import readable_name


def compare(
    source: Source,
    gold: Annotated[
        str,
        typer.Option(
            parser=readable_name,
            metavar="GOLD",
            help='CSV or TSV with 0/1 per finding, OpenI\'s XML, or "openi" for its human '
            "indexing.",
        ),
    ],
    config: Annotated[
        list[str] | None,
        typer.Option(
            "--config",
            help="NAME or NAME=key:value,key:value with assertion, concepts, parser, profile; "
            "repeated, the first is what the others are compared with. Default: cxrmine, its "
            "phrases alone, and NegEx.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for the figures and the disagreements."),
    ] = None,
    ids: Annotated[
        Path | None, typer.Option(help="Read only the reports in this file, one id per line.")
    ] = None,
    exclude_ids: Annotated[
        Path | None, typer.Option(help="Leave out the reports in this file.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="The gold's column of report ids.")] = None,
    bootstrap: Annotated[int, typer.Option(min=0, help="Samples per interval.")] = 1000,
    profile: Profile = None,
    findings: Findings = None,
    parser: Parser = None,
    assertion: Assertion = None,
    concepts: Concepts = None,
    umls: Umls = None,
    map: Map = None,
    format: Format = None,
) -> None:
    """Configurations and rivals side by side against a gold; OpenI's test split stays out."""
    job = make_job(
        source, map, format, profile=profile, findings=findings, parser=parser,
        assertion=assertion, concepts=concepts, umls=umls,
    )  # fmt: skip
    from mining.comparing import read_configurations

    configurations = read_configurations(config or [], job.settings)
    from flows.compare import Asked, compare_configurations, write_comparison
    from flows.tables import read_ids
    from mining.compare_view import print_comparison

    asked = Asked(
        job, gold, configurations, key,
        read_ids(ids) if ids else None, read_ids(exclude_ids) if exclude_ids else None, bootstrap,
    )  # fmt: skip
    made = compare_configurations(asked)
    print_comparison(made.compared, reports=len(made.reports), left_out=made.left_out)
    typer.echo(
        f"{len(made.disagreements):,} labels are present for some configurations and not for all"
    )
    if out:
        names = write_comparison(made, out)
        typer.echo(f"{out}: {', '.join(names)}")
