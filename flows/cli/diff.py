"""`cxrmine diff`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.remote.places import readable

TOO_MUCH_CHANGED = 1


def diff(
    before: Annotated[
        Path,
        typer.Argument(
            parser=readable,
            help="labels.parquet, the folder of a run, or an address.",
        ),
    ],
    after: Annotated[
        Path,
        typer.Argument(parser=readable, help="The label set to compare with it."),
    ],
    max_flipped: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Exit with 1 when a larger share of the labels flipped; 0: any."
        ),
    ] = None,
    max_lost: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Exit with 1 when more of the first's reports are gone."),
    ] = None,
    with_text: Annotated[
        bool, typer.Option(help="Put the sentences into the files written, readable by you only.")
    ] = False,
    html: Annotated[Path | None, typer.Option(help="Write a page to this file.")] = None,
    parquet: Annotated[
        Path | None, typer.Option(help="Write the flips, one row each, to this file.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the counts to this file.")
    ] = None,
) -> None:
    """Which labels flipped between two label sets, by finding and rule: a gate to publishing."""
    import json
    import sys

    from flows.diff import compare_sets, write_diff_page, write_flips
    from flows.label_sets import open_label_set
    from mining.diff_view import print_diff

    made = compare_sets(open_label_set(before), open_label_set(after), with_text=with_text)
    if json_file:
        json_file.write_text(json.dumps(made.diff.to_json(), indent=2) + "\n")
    if parquet:
        write_flips(made, parquet)
    if html:
        write_diff_page(made, html)
    print_diff(made.diff, made.flips)
    problems = made.diff.over(max_flipped=max_flipped, max_lost=max_lost)
    for problem in problems:
        print(f"cxrmine: {problem}", file=sys.stderr)
    raise typer.Exit(TOO_MUCH_CHANGED if problems else 0)
