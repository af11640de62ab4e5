"""`cxrmine export`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from flows.remote.places import readable


class Layout(StrEnum):
    """Layouts that other tools read."""

    NIH = "nih"
    CHEXPERT = "chexpert"
    BIOC = "bioc"


def export(
    labels: Annotated[
        Path,
        typer.Argument(
            parser=readable,
            help="labels.parquet, the folder of a run, or an address.",
        ),
    ],
    to: Annotated[
        Layout,
        typer.Option(
            help="nih: CSV, Finding Labels with |; chexpert: CSV, 1, 0, -1 or blank per finding; "
            "bioc: XML, texts and mentions of a run."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")],
) -> None:
    """Labels as a file that other tools read."""
    from flows.tables import find_labels, find_run, read_labels
    from mining.export import write_chexpert, write_nih
    from mining.export_bioc import write_bioc

    if to is Layout.BIOC:
        run = find_run(labels)
        rows = write_bioc(run / "reports.parquet", run / "mentions.parquet", out)
        out.chmod(0o600)  # it holds the text of the reports
        typer.echo(f"{out}: {rows:,} reports")
        return
    table = read_labels(find_labels(labels))
    rows = (write_nih if to is Layout.NIH else write_chexpert)(table, out)
    typer.echo(f"{out}: {rows:,} reports")
