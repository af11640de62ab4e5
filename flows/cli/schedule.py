"""`cxrmine schedule` and `cxrmine serve`."""

from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[
    Path, typer.Option("--config", help="What to mine; `cxrmine config show` prints a file.")
]
Cron = Annotated[
    str | None,
    typer.Option(help="When, as '0 2 * * *'; without it only when Prefect is asked to."),
]


def schedule(config: ConfigFile, cron: Cron = None) -> None:
    """Runs a configuration when it is due, told by the Prefect server at PREFECT_API_URL."""
    from flows.schedules import serve_nights

    serve_nights(config, cron)


def serve(
    config: ConfigFile,
    cron: Cron = None,
    host: Annotated[str, typer.Option(help="Address that the server listens at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port that the server listens at.")] = 4200,
    pages: Annotated[
        int,
        typer.Option(
            help="Port of the audits' pages, which Prefect's page of a run links to; they are for "
            "this machine only. 0: none."
        ),
    ] = 4201,
) -> None:
    """The same with a Prefect server of its own, whose pages show runs, reports and audits."""
    import os

    from flows.schedules import address_of, check_nights, own_pages, own_server, serve_nights

    os.environ["PREFECT_API_URL"] = address_of(host, port)  # Prefect reads it at its import
    check_nights(config, cron)
    with own_pages(config, pages), own_server(host, port):
        typer.echo(f"Prefect's pages: http://{host}:{port}. Stop with Ctrl-C.")
        serve_nights(config, cron)
