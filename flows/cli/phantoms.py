"""`cxrmine phantoms`."""

from pathlib import Path
from typing import Annotated

import typer


def phantoms(
    out: Annotated[Path, typer.Option("--out", "-o", help="A new folder.")],
    count: Annotated[int, typer.Option(min=1, help="How many images.")] = 400,
    size: Annotated[int, typer.Option(min=32, help="Side of the images in pixels.")] = 128,
    seed: Annotated[int, typer.Option(help="The same seed draws the same set.")] = 0,
    label_noise: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the labels that are wrong.")
    ] = 0.0,
) -> None:
    """Made-up chest images with boxes, labels and reports, for trying things out."""
    from modeling.phantom import generate_phantoms

    made = generate_phantoms(out, count=count, size=size, seed=seed, label_noise=label_noise)
    typer.echo(f"{made.folder}: {made.count} images, images.parquet, boxes.parquet, reports.jsonl")
