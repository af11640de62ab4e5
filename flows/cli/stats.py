"""`cxrmine stats`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.remote.places import readable


def stats(
    labels: Annotated[
        Path,
        typer.Argument(
            parser=readable,
            help="labels.parquet, the folder of a run, or a gold CSV or TSV; or an address.",
        ),
    ],
    key: Annotated[str | None, typer.Option(help="A gold's column of report ids.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the counts to this file as well.")
    ] = None,
) -> None:
    """How often each finding is present, alone and with others, as ChestX-ray8's Table 1."""
    import json

    from rich.console import Console

    from data_contracts import CHESTXRAY14
    from flows.audit import label_findings
    from flows.tables import find_labels, read_labels
    from mining.audit import label_statistics, read_gold
    from mining.audit.stats_table import cooccurrence_table, statistics_table

    if labels.suffix.lower() in (".csv", ".tsv"):
        table = read_gold(labels, key=key, findings=CHESTXRAY14)
    else:
        table = read_labels(find_labels(labels))
    statistics = label_statistics(table, findings=label_findings(table))
    if json_file:
        json_file.write_text(json.dumps(statistics.to_json(), indent=2) + "\n")
    console = Console()
    console.print(statistics_table(statistics))
    console.print(cooccurrence_table(statistics))
