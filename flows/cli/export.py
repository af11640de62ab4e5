"""`cxrmine export`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Layout(StrEnum):
    """CSV layouts that other tools read."""

    NIH = "nih"
    CHEXPERT = "chexpert"


def export(
    labels: Annotated[Path, typer.Argument(help="labels.parquet, or the folder of a run.")],
    to: Annotated[
        Layout,
        typer.Option(help="nih: Finding Labels with |; chexpert: 1, 0, -1 or blank per finding."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The CSV file to write.")],
) -> None:
    """Labels as a CSV file that other tools read."""
    from flows.tables import find_labels, read_labels
    from mining.export import write_chexpert, write_nih

    table = read_labels(find_labels(labels))
    rows = (write_nih if to is Layout.NIH else write_chexpert)(table, out)
    typer.echo(f"{out}: {rows:,} reports")
