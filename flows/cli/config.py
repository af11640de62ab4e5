"""`cxrmine config`."""

from pathlib import Path
from typing import Annotated

import typer

config = typer.Typer(no_args_is_help=True, help="The configuration file.")


@config.command()
def show() -> None:
    """A configuration with every default and its meaning, to start your own from."""
    from flows.configuration import default_text

    typer.echo(default_text(), nl=False)


@config.command()
def check(path: Annotated[Path, typer.Argument(help="A configuration file (TOML).")]) -> None:
    """Whether the file can be used: keys, types, ranges."""
    from flows.configuration import read_configuration

    read_configuration(path)
    typer.echo(f"{path}: ok")
