"""`cxrmine trace`."""

from pathlib import Path
from typing import Annotated

import typer


def trace(
    box: Annotated[
        str, typer.Argument(help="IMAGE:FINDING, or IMAGE:FINDING:2 for the second by score.")
    ],
    localised: Annotated[Path, typer.Argument(help="A folder that `cxrmine localise` wrote.")],
    labels: Annotated[
        Path | None,
        typer.Option(help="The label table it was trained on, if not the recorded one."),
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Its checkpoint, if not at the recorded place.")
    ] = None,
    sentences: Annotated[int, typer.Option(min=0, help="Training sentences to show.")] = 12,
    html: Annotated[Path | None, typer.Option(help="Write it as a page, too.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write it to this file, too.")
    ] = None,
) -> None:
    """Where a box comes from: checkpoint, label table, rules, and the sentences behind them."""
    import json

    from rich.console import Console

    from flows.localised import open_localised
    from flows.localised import trace as trace_in
    from flows.pages import write_page
    from mining.printable import printable
    from modeling.lineage import BoxName
    from modeling.lineage_views import lineage_page, lineage_text

    name = BoxName.parse(box)
    run = open_localised(localised, labels=labels, checkpoint=checkpoint)
    lineage = trace_in(run, name, most=sentences)
    Console(highlight=False, markup=False, soft_wrap=True).print(printable(lineage_text(lineage)))
    if html:
        page = lineage_page(lineage, images=run.images, folder=run.folder)
        write_page(html, page, private=True)  # it shows a patient
    if json_file:
        write_page(json_file, json.dumps(lineage.to_json(), indent=2) + "\n", private=True)
