"""Published sets as people read them."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from flows.published import PublishedSet


def print_sets(sets: Sequence[PublishedSet], latest: PublishedSet | None) -> None:
    """Prints a row per set, oldest first."""
    console = Console(highlight=False, soft_wrap=True)
    if not sets:
        console.print("nothing is published here")
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("set", "published", "reports", "findings", "profile", ""):
        table.add_column(name, justify="right" if name in ("reports", "findings") else "left")
    for one in sets:
        said = one.manifest
        notes = []
        if latest is not None and one.folder.name == latest.folder.name:
            notes.append("latest")
        if one.withdrawn:
            notes.append("withdrawn")
        if one.damaged:
            notes.append("DAMAGED")
        table.add_row(
            one.version, said["published"][:16].replace("T", " "), f"{said['reports']:,}",
            str(len(said["findings"])), said["profile"] or "", ", ".join(notes),
        )  # fmt: skip
    console.print(table)


def print_set(one: PublishedSet) -> None:
    """Prints what a set is of, the gate's conditions, and whether its files are whole."""
    console = Console(highlight=False, soft_wrap=True)
    said = one.manifest
    state = ", withdrawn" if one.withdrawn else ""
    console.print(f"{one.folder}: published {said['published']}{state}", markup=False)
    console.print(
        f"{said['reports']:,} reports, {len(said['findings'])} findings, profile "
        f"{said['profile']}, after {said['before'] or 'no other set'}",
        markup=False,
    )
    if forgotten := said.get("forgotten_reports"):
        console.print(f"{forgotten:,} reports were forgotten since")
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("condition", "wanted", "found", ""):
        table.add_column(name)
    for row in said["gate"]:
        table.add_row(row["name"], row["wanted"], row["found"], "" if row["passed"] else "FAILED")
    console.print(table if said["gate"] else "the gate had no conditions")
    for name, sha in said["files"].items():
        console.print(f"{sha[:16]}…  {name}", markup=False)
    damaged = one.damaged
    if damaged:
        console.print(f"DAMAGED: {', '.join(damaged)}", style="bold red", markup=False)
    else:
        console.print("all files are as published")
