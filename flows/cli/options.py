"""Options that `run` and `mine` share, and the job that they describe."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mining.parsing.lightness import leave_torch_out

if TYPE_CHECKING:
    from flows.road import Job
    from mining.engine import Engine
    from mining.ingest.exams import ExamFilter
    from mining.ingest.marks import Watermark
    from mining.settings import MiningSettings

Source = Annotated[
    str,
    typer.Argument(
        help="Reports: a CSV, TSV, JSONL or Parquet file, OpenI XML (.tgz or folder), "
        'a folder of .txt files, an address of one (s3://…), or "openi" for the installed OpenI '
        "reports."
    ),
]
Out = Annotated[
    str,
    typer.Option(
        "--out", "-o", help="Folder for the tables and run.json, or an address (s3://…) for them."
    ),
]
Profile = Annotated[
    str | None,
    typer.Option(help="What counts as positive: clinical (default), openi-mesh, chexpert."),
]
Findings = Annotated[
    str | None,
    typer.Option(
        help="Set of findings: chestxray14 (default), chestxray8, chexpert14, or a TOML file "
        "of your own."
    ),
]
Parser = Annotated[
    str | None, typer.Option(help="Source of the dependency graph: embedded (default), …")
]
Assertion = Annotated[
    str | None,
    typer.Option(help="Judge of mentions: rules (default), negex (negspacy, the rival)."),
]
Concepts = Annotated[
    str | None,
    typer.Option(
        help="Finder of mentions: both (default), phrases, linker (misspelt words), umls (both "
        "and scispaCy's UMLS linker)."
    ),
]
Umls = Annotated[
    str | None,
    typer.Option(help="Folder of scispaCy's UMLS linker; default: scispaCy's own cache."),
]
Shards = Annotated[
    int | None,
    typer.Option(min=1, help="Part files per table, all equal (default: one per block)."),
]
EngineName = Annotated[
    str | None,
    typer.Option(
        "--engine", help="Who works: local (default: processes of this machine), or dask."
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(min=0, help="Processes of engine local; 0 (default): as many as cores, 1: none."),
]
Scheduler = Annotated[
    str | None,
    typer.Option(help="Address of the scheduler of engine dask, as tcp://HOST:8786."),
]
Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        help="Columns of the source, as report_id=ID,text=FINDINGS+IMPRESSION; may be repeated.",
    ),
]
Format = Annotated[
    str | None, typer.Option("--format", help="Format of the source, where its name does not say.")
]
MaxRejectRate = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="Share of rejected rows that fails a run (default 0.05)."),
]
AllowDrift = Annotated[
    bool,
    typer.Option("--allow-drift", help="Go on though golden sentences are judged otherwise."),
]


def make_job(
    source: str,
    mapping: list[str] | None,
    format: str | None,
    *,
    base: "MiningSettings | None" = None,
    exams: "ExamFilter | None" = None,
    watermark: "Watermark | None" = None,
    **settings: str | int | float | None,
) -> "Job":
    """The job that these options describe; one not given stays as in `base`, or the default.

    Errors: typer.BadParameter for a mapping that cannot be read; RemoteError for a source at an
    address, which is fetched now.
    """
    from mining.settings import MiningSettings

    given: dict[str, Any] = {name: value for name, value in settings.items() if value is not None}
    chosen = replace(base or MiningSettings(), **given)
    leave_torch_out(chosen.parser)
    from flows.remote.source import job_for

    job = job_for(source, chosen, read_mapping(mapping), format)
    return replace(job, exams=exams or job.exams, watermark=watermark or job.watermark)


def make_engine(
    name: str | None, workers: int | None, scheduler: str | None, base: "Engine | None" = None
) -> "Engine":
    """The engine that these options describe; one not given stays as in `base`, or the default.

    Errors: EngineError for a name that is none, or an address that nobody would ask.
    """
    from mining.engine import Engine

    given = {"name": name, "workers": workers, "scheduler": scheduler}
    chosen: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    return replace(base or Engine(), **chosen)


def read_mapping(texts: list[str] | None) -> dict[str, str] | None:
    """Our column -> the source's column.

    >>> read_mapping(["report_id=Accession No,text=Body", "patient_id=MRN"])
    {'report_id': 'Accession No', 'text': 'Body', 'patient_id': 'MRN'}

    Errors: typer.BadParameter.
    """
    if not texts:
        return None
    mapping: dict[str, str] = {}
    for pair in ",".join(texts).split(","):
        ours, equals, theirs = (part.strip() for part in pair.partition("="))
        if not (ours and equals):  # nothing after the sign: leave our column out
            raise typer.BadParameter(f"--map: found {pair!r}, expected OURS=THEIRS, as text=BODY")
        if ours in mapping:
            raise typer.BadParameter(f"--map: column {ours!r} is named twice")
        mapping[ours] = theirs
    return mapping
