"""`cxrmine labels`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.local_paths import local

labels = typer.Typer(no_args_is_help=True, help="Published label sets: list, choose, roll back.")
DAMAGED = 3

Place = Annotated[
    Path,
    typer.Argument(
        help="The folder of published sets, or the configuration file that names it in [gate]."
    ),
]
Version = Annotated[str, typer.Argument(help="A version, as v3.")]


@labels.command("list")
def list_sets(place: Place) -> None:
    """Every published set, the latest marked."""
    from flows.published import latest_set, published_sets
    from flows.published_view import print_sets

    root = _root(place)
    print_sets(published_sets(root), latest_set(root))


@labels.command()
def show(
    place: Place, version: Annotated[str | None, typer.Argument(help="Default: latest.")] = None
) -> None:
    """A set: what it is of, what the gate found, and whether its files are as published."""
    from flows.published import find_set
    from flows.published_view import print_set

    chosen = find_set(_root(place), version)
    print_set(chosen)
    raise typer.Exit(DAMAGED if chosen.damaged else 0)


@labels.command()
def promote(place: Place, version: Version) -> None:
    """Makes a set the latest; a newer latest one is withdrawn, and no run publishes it again."""
    from flows.published import promote as promote_set

    typer.echo(f"{promote_set(_root(place), version).folder}: the latest")


@labels.command()
def rollback(place: Place) -> None:
    """Makes the set before the latest one the latest; no run publishes the former one again."""
    from flows.published import rollback as roll_back

    withdrawn, latest = roll_back(_root(place))
    typer.echo(f"{latest.folder}: the latest; {withdrawn.version} is withdrawn")


def _root(place: Path) -> Path:
    place = local(place, "labels")
    if place.suffix != ".toml":
        if not place.is_dir():
            raise typer.BadParameter(f"{place}: no such folder")
        return place
    from flows.configuration import read_configuration

    read = read_configuration(place)
    if read.publishing is None:
        raise typer.BadParameter(f"{place}: found no folder, expected [gate] published")
    return Path(read.publishing.published)
