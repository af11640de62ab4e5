"""Options of `run` that a configuration file may say instead: what is on the command line wins."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.remote.places import readable_name

if TYPE_CHECKING:
    from mining.engine import Engine
    from mining.gate import GateLimits
    from mining.ingest.exams import ExamFilter
    from mining.ingest.marks import Watermark
    from mining.privacy import Privacy
    from mining.settings import MiningSettings

OptionalSource = Annotated[
    str | None,
    typer.Argument(
        metavar="SOURCE",
        help="Reports: a file or folder (docs/sources.md has all formats) or its address (s3://…), "
        'a .toml with a query, or "openi" for the installed OpenI reports.',
    ),
]
OptionalOut = Annotated[
    str | None,
    typer.Option(
        "--out", "-o", help="Folder for the tables and run.json, or an address (s3://…) for them."
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(help="A configuration file; `cxrmine config show` prints one."),
]


@dataclass(frozen=True)
class Chosen:
    """What is to be read, how, and where it goes."""

    source: str
    out: str
    mapping: list[str] | None
    format: str | None
    gold: str | None
    mining: "MiningSettings | None"
    engine: "Engine | None"
    gate: "GateLimits | None"
    exams: "ExamFilter | None" = None
    watermark: "Watermark | None" = None
    privacy: "Privacy | None" = None


def choose(
    config: Path | None,
    source: str | None,
    out: str | None,
    mapping: list[str] | None,
    format: str | None,
    gold: str | None,
) -> Chosen:
    """The options of the command line, and those of the file where the line says nothing.

    Errors: typer.BadParameter where neither says what must be said; ConfigurationError, OSError.
    """
    mining = engine = gate = exams = privacy = watermark = None
    if config is not None:
        from flows.configuration import read_configuration

        read = read_configuration(config)
        mining, engine, gate = read.mining, read.engine.engine, read.publishing
        exams, watermark = read.exams, read.source.marks
        privacy = read.privacy
        source = source or read.located(read.source.path) or None
        if out is None and read.output.folder:
            out = read.located(read.output.folder)
        if mapping is None and read.source.map:
            mapping = [f"{ours}={theirs}" for ours, theirs in read.source.map.items()]
        format = format or read.source.format or None
        gold = gold or read.located(read.audit.gold) or None
    if gold is not None:
        gold = readable_name(gold)
    if source is None:
        raise typer.BadParameter("no source: name it, or say [source] path in --config")
    if out is None:
        raise typer.BadParameter("no --out: name a folder, or say [output] folder in --config")
    return Chosen(
        source, out, mapping, format, gold, mining, engine, gate, exams, watermark, privacy
    )  # fmt: skip
