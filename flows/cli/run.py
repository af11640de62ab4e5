"""`cxrmine run`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.configured import Config, OptionalOut, OptionalSource, choose
from flows.cli.exams import (
    BodyParts,
    FromStart,
    Language,
    Modality,
    Overlap,
    ProcedureCodes,
    WatermarkColumn,
    make_exams,
    make_watermark,
)
from flows.cli.options import (
    AllowDrift,
    Assertion,
    Concepts,
    EngineName,
    Findings,
    Format,
    Map,
    MaxRejectRate,
    Parser,
    Profile,
    Scheduler,
    Shards,
    Umls,
    Workers,
    make_engine,
    make_job,
)
from flows.cli.privacy import Deidentify, NoText, with_privacy


class Stage(StrEnum):
    """Stages that can be made anew."""

    INGEST = "ingest"
    SENTENCES = "sentences"
    PARSE = "parse"
    MINE = "mine"
    LABEL = "label"
    AUDIT = "audit"


def run(
    source: OptionalSource = None,
    out: OptionalOut = None,
    no_text: NoText = False,
    deidentify: Deidentify = False,
    config: Config = None,
    gold: Annotated[
        str | None,
        typer.Option(
            help="Audit against this CSV (0/1 per finding), or against OpenI's own human indexing "
            '("openi", the default for that source); "none" for no audit.'
        ),
    ] = None,
    refresh: Annotated[
        Stage | None, typer.Option(help="Make this stage and those after it anew.")
    ] = None,
    profile: Profile = None,
    findings: Findings = None,
    parser: Parser = None,
    assertion: Assertion = None,
    concepts: Concepts = None,
    umls: Umls = None,
    shards: Shards = None,
    engine: EngineName = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    map: Map = None,
    format: Format = None,
    modality: Modality = None,
    procedure_codes: ProcedureCodes = None,
    body_parts: BodyParts = None,
    language: Language = None,
    watermark: WatermarkColumn = None,
    overlap: Overlap = None,
    from_start: FromStart = False,
    max_reject_rate: MaxRejectRate = None,
    allow_drift: AllowDrift = False,
    images: Annotated[
        Path | None,
        typer.Option(
            help="Images of these reports, a folder or a table: train on the labels, then "
            "localise; --out gets the folders labels, model and boxes."
        ),
    ] = None,
    preset: Annotated[
        str, typer.Option(help="With --images: chestxray8, modern or attention-mining.")
    ] = "chestxray8",
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="With --images: a setting of the preset, as backbone=densenet121."
        ),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(help="With --images: true boxes, NIH's list or a table; they only score."),
    ] = None,
) -> None:
    """Mines and audits as a Prefect flow, and with --images trains and localises; all cached."""
    chosen = choose(config, source, out, map, format, gold)
    source, out, gold = chosen.source, chosen.out, chosen.gold
    worked_by = make_engine(engine, workers, scheduler, chosen.engine)
    job = make_job(
        source,
        chosen.mapping,
        chosen.format,
        base=chosen.mining,
        profile=profile,
        findings=findings,
        parser=parser,
        assertion=assertion,
        concepts=concepts,
        umls=umls,
        shards=shards,
        max_reject_rate=max_reject_rate,
        exams=make_exams(
            chosen.exams, modality=modality, procedure_codes=procedure_codes, body_parts=body_parts,
            language=language,
        ),
        watermark=make_watermark(watermark, overlap, from_start, chosen.watermark),
    )  # fmt: skip
    job = with_privacy(job, chosen.privacy, no_text=no_text, deidentify=deidentify)
    if gold is None and source == "openi":
        gold = "openi"
    elif gold == "none":
        gold = None
    stage = refresh.value if refresh else None
    if images is not None:
        from flows.cli.whole import run_with_images
        from flows.remote.address import as_local

        code = run_with_images(
            job, images, as_local(out, "--out with --images"), preset=preset, changes=changes,
            truth=truth, gold=gold, allow_drift=allow_drift,
            label={"refresh": stage, "engine": worked_by, "gate": chosen.gate},
        )  # fmt: skip
        raise typer.Exit(code)
    if changes or truth:
        raise typer.BadParameter("--set and --truth: found no --images, which they are for")
    from flows.cli.finish import finish
    from flows.label import run_label
    from flows.remote.places import output_at

    with output_at(out) as output:
        result = run_label(
            job, output.folder, gold=gold, refresh=stage, allow_drift=allow_drift,
            engine=worked_by, gate=chosen.gate,
        )  # fmt: skip
        result = output.deliver(result)
    raise typer.Exit(finish(result))
