"""`cxrmine evaluate`."""

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    checkpoint: Annotated[
        Path, typer.Option("--checkpoint", "-c", help="A checkpoint, or the folder of a training.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for figures, tables, curves.")],
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of a training, whose data it is judged on (default: its own)."),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Other labels to judge it against; with --images.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Other images, in a folder or a table.")
    ] = None,
    split: Annotated[str, typer.Option(help="train, val, test, or all.")] = "test",
    uncertain: Annotated[
        str, typer.Option(help="What an uncertain label is: ignore, zero or one.")
    ] = "ignore",
    bootstrap: Annotated[int, typer.Option(min=1, help="Draws of patients for intervals.")] = 1000,
    accelerator: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """AUC with intervals, calibration, groups and baselines, beside the papers' tables."""
    from modeling.assessment import assess
    from modeling.checkpoints import read_card
    from modeling.data_sides import everything, make_sides, read_data, with_split
    from modeling.evaluation_tables import print_evaluation
    from modeling.labelled_images import bring_together

    if (labels is None) != (images is None) or (labels is not None and data is not None):
        raise typer.BadParameter("expected --labels with --images, or --data, or neither")
    card = read_card(checkpoint)
    if labels is not None and images is not None:
        found = bring_together(labels, images)
        found = everything(found) if split == "all" else with_split(found)
    else:
        found = read_data(data or checkpoint)
        found = everything(found) if split == "all" else found
    sides = make_sides(
        found, findings=card.findings, size=int(card.preset["image_size"]), uncertain=uncertain
    )
    part, rows = sides.part(split)
    result = assess(
        checkpoint, part, rows, out, people=sides.people, replicates=bootstrap,
        accelerator=accelerator, provenance=sides.provenance,
    )  # fmt: skip
    print_evaluation(result)
    typer.echo(f"{out}: evaluation.json, evaluation.md, curves.svg, predictions.parquet")
