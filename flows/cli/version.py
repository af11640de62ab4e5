"""`cxrmine version`."""

import typer


def version() -> None:
    """The version of cxrmine."""
    from importlib.metadata import version as installed

    typer.echo(installed("cxrmine"))
