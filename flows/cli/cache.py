"""`cxrmine cache show`."""

from typing import Annotated

import typer

cache = typer.Typer(no_args_is_help=True, help="The artifact store.")


@cache.callback()
def _verbs() -> None:
    """Keeps `show` a verb of its own though it is the only one."""


@cache.command()
def show(
    checked: Annotated[
        bool, typer.Option("--check", help="Read every file and compare checksums.")
    ] = False,
) -> None:
    """What is stored, where, and how much room it takes."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.filesize import decimal
    from rich.table import Table

    from flows.environment import cache_root
    from flows.store import Store

    store = Store(cache_root())
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("stage")
    for name in ("artifacts", "size", *(["damaged"] if checked else [])):
        table.add_column(name, justify="right")
    stages: dict[str, list[tuple[int, bool]]] = {}
    for stage, folder in store.artifacts():
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        damaged = checked and store.find(stage, folder.name) is None
        stages.setdefault(stage, []).append((size, damaged))
    for stage, found in stages.items():
        cells = [stage, f"{len(found):,}", decimal(sum(size for size, _ in found))]
        table.add_row(*cells, *([f"{sum(bad for _, bad in found):,}"] if checked else []))
    console = Console()
    console.print(f"{store.root}", highlight=False, soft_wrap=True)
    console.print(table)
