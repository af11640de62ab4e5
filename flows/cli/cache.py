"""`cxrmine cache`: what is stored, why a stage was a hit or a miss, and keeping it small."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.exams import Overlap, WatermarkColumn, make_watermark
from flows.cli.options import (
    Assertion,
    Concepts,
    Findings,
    Format,
    Map,
    Parser,
    Profile,
    Shards,
    make_job,
)

cache = typer.Typer(no_args_is_help=True, help="What is kept between runs, under CXRMINE_CACHE.")


@cache.command()
def show(
    checked: Annotated[
        bool, typer.Option("--check", help="Read every file and compare checksums.")
    ] = False,
) -> None:
    """What is stored, on which parser and rules it rests, its size and how long it is unused."""
    from flows.cache_report import other_folders, stored
    from flows.cache_view import print_stored
    from flows.environment import cache_root
    from flows.reading import JOURNALS
    from flows.store import Store
    from mining.ingest.journal import journals
    from mining.ingest.marks import mark_from_json, shown_mark
    from mining.printable import printable

    store = Store(cache_root(), to_look=True)
    damaged = None
    if checked:
        damaged = {f.name for stage, f in store.artifacts() if store.look(stage, f.name) is None}
    print_stored(store, list(stored(store)), other_folders(store.root), damaged)
    for folder, about in journals(store.root / JOURNALS):
        upto = shown_mark(mark_from_json(about["upto"]))
        name = printable(str(about["source"]))
        typer.echo(f"journal {folder.name}: {name}, read by {about['column']} up to {upto}")


@cache.command()
def explain(
    source: Annotated[
        str, typer.Argument(help="The folder of a run, or a source of reports as for `mine`.")
    ],
    profile: Profile = None,
    findings: Findings = None,
    parser: Parser = None,
    assertion: Assertion = None,
    concepts: Concepts = None,
    shards: Shards = None,
    map: Map = None,
    format: Format = None,
    watermark: WatermarkColumn = None,
    overlap: Overlap = None,
) -> None:
    """Why each stage of a run is served from the cache, or what has to be made and why.

    Compares what the stages rest on now (files, settings, rules, parser, versions) with the nearest
    that is stored. Of the folder of a run: what its stages would find now, with its settings.
    """
    from flows.cache_explain import explain as explain_stages
    from flows.cache_explain import job_of_run, read_before, stored_pieces, wanted_now
    from flows.cache_report import stored
    from flows.cache_view import print_explanations, print_watermark
    from flows.cache_witness import remember
    from flows.environment import cache_root
    from flows.output import RUN_FILE
    from flows.store import Store

    if (Path(source) / RUN_FILE).is_file():
        job = job_of_run(Path(source))
    else:
        job = make_job(
            source, map, format, profile=profile, findings=findings, parser=parser,
            assertion=assertion, concepts=concepts, shards=shards,
            watermark=make_watermark(watermark, overlap, from_start=False),
        )  # fmt: skip
        job = read_before(job)
    store = Store(cache_root(), to_look=True)
    remember(store.root, job.settings)
    everything = list(stored(store))
    pieces = None if job.settings.shards else stored_pieces(job, everything)
    if job.taken is not None:
        print_watermark(job.taken.told)
    print_explanations(explain_stages(store.root, everything, wanted_now(job)), pieces)


@cache.command()
def prune(
    max_size: Annotated[
        str | None, typer.Option(help="Most that may stay, as 500MB or 20GB.")
    ] = None,
    older_than: Annotated[
        str | None, typer.Option(help="Remove what was not used for so long, as 12h or 30d.")
    ] = None,
    watermarks: Annotated[
        bool,
        typer.Option(
            "--journals",
            help="With --older-than: also what nights have read by a watermark, where no run has "
            "succeeded for so long; the source is read from the start then.",
        ),
    ] = False,
    look_only: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be removed.")
    ] = False,
) -> None:
    """Removes what was longest unused, down to a size or an age; never what a run is using."""
    from flows.cache_prune import prune as prune_store
    from flows.cache_prune import prune_journals, read_age, read_size
    from flows.cache_view import print_pruned
    from flows.environment import cache_root
    from flows.store import Store

    if max_size is None and older_than is None:
        raise typer.BadParameter("expected --max-size, --older-than or both")
    if watermarks and older_than is None:
        raise typer.BadParameter("--journals: expected --older-than, their only limit")
    pruned = prune_store(
        Store(cache_root(), to_look=True),
        max_bytes=None if max_size is None else read_size(max_size),
        max_age=None if older_than is None else read_age(older_than),
        look_only=look_only,
    )
    print_pruned(pruned, look_only=look_only)
    if watermarks and older_than is not None:
        root, age = cache_root(), read_age(older_than)
        for journal in prune_journals(root, age, look_only=look_only):
            typer.echo(f"{'would remove' if look_only else 'removed'} journal {journal.name}")
