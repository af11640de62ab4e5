"""`cxrmine forget`."""

from pathlib import Path
from typing import Annotated

import typer

LEFT_OVER = 3


def forget(
    ids: Annotated[Path, typer.Option(help="Text file with one report id per line.")],
    places: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders of runs, label sets and tables to clear as well."),
    ] = None,
    checked: Annotated[
        bool, typer.Option("--check", help="Only search, and say what is still there.")
    ] = False,
    receipt: Annotated[
        Path | None,
        typer.Option(
            help="Write here which reports and which sentences (as hashes) were removed; with "
            "--check: search for these sentences too."
        ),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until no run uses the cache any more.")
    ] = False,
) -> None:
    """Removes reports, and every sentence that only they used, from the cache and label sets.

    Folders that label sets were published to from this cache are cleared without being named.
    Searches every file afterwards and prints what is left; ends with 3 unless that is nothing.
    Label sets at addresses (s3://…) are not reached: they are named, with what to do.
    The source is left alone: take the reports out of it, or the next run brings them back.
    """
    from flows.environment import cache_root
    from flows.forget import forget as forget_reports
    from flows.forget import search
    from flows.forget_receipt import read_receipt, write_receipt
    from flows.forget_search import Target
    from flows.forget_view import print_addresses, print_forgotten, print_search
    from flows.publishing import known_places
    from flows.remote.copies import copies
    from flows.remote.known import known_addresses
    from flows.store import Store
    from flows.tables import read_ids

    reports = frozenset(read_ids(ids))
    if not reports:
        raise typer.BadParameter(f"{ids}: found no ids, expected one per line")
    cache = cache_root()
    folders = list(dict.fromkeys([*(p.resolve() for p in places or []), *known_places(cache)]))
    if checked:
        sentences = read_receipt(receipt) if receipt else frozenset[str]()
        target = Target(reports, sentences)
        left = search(cache, folders, target)
        print_search(target, [cache, *folders], left)
    else:
        done = forget_reports(cache, folders, reports, wait=wait)
        if receipt:
            write_receipt(receipt, done.target)
        print_forgotten(done, [cache, *folders])
        left = done.left
    kept = sum(1 for _ in copies(Store(cache, to_look=True)))
    print_addresses(known_addresses(cache), kept)
    raise typer.Exit(LEFT_OVER if left else 0)
