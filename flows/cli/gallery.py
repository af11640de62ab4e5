"""`cxrmine gallery`."""

from pathlib import Path
from typing import Annotated

import typer


def gallery(
    localised: Annotated[Path, typer.Argument(help="A folder that `cxrmine localise` wrote.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The page to write.")] = Path(
        "gallery.html"
    ),
    truth: Annotated[
        Path | None, typer.Option(help="True boxes, if others than those of the run.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Labels and reports, if others than those of the run.")
    ] = None,
    finding: Annotated[str | None, typer.Option(help="Only this finding.")] = None,
    cards: Annotated[int, typer.Option(min=1, help="Cards on the page at most.")] = 160,
    title: Annotated[str, typer.Option(help="What stands on top.")] = "Boxes from image labels",
) -> None:
    """A page of images with heat, predicted and true boxes, sorted by best and worst."""
    from data_contracts import nih_name
    from flows.localised import make_gallery, open_localised

    run = open_localised(localised, truth=truth, labels=labels)
    chosen = nih_name(finding) if finding else None
    page = make_gallery(run, count=cards, finding=chosen, title=title)
    page.write(out)
    size = out.stat().st_size / 1e6
    steps = f", {page.step_by_step} of them step by step" if page.step_by_step else ""
    typer.echo(f"{out}: {page.cards} cards of {page.images} images{steps}, {size:.1f} MB")
    if page.unreadable:
        typer.echo(f"cxrmine: {len(page.unreadable)} images could not be read", err=True)
