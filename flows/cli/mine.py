"""`cxrmine mine`."""

import typer

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
    Out,
    Parser,
    Profile,
    Scheduler,
    Shards,
    Source,
    Umls,
    Workers,
    make_engine,
    make_job,
)
from flows.cli.privacy import Deidentify, NoText, with_privacy


def mine(
    source: Source,
    out: Out,
    no_text: NoText = False,
    deidentify: Deidentify = False,
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
) -> None:
    """Mines reports to tables: reports, mentions, labels, rejects and run.json in one folder."""
    worked_by = make_engine(engine, workers, scheduler)
    job = make_job(
        source,
        map,
        format,
        profile=profile,
        findings=findings,
        parser=parser,
        assertion=assertion,
        concepts=concepts,
        umls=umls,
        shards=shards,
        max_reject_rate=max_reject_rate,
        exams=make_exams(
            modality=modality, procedure_codes=procedure_codes, body_parts=body_parts,
            language=language,
        ),
        watermark=make_watermark(watermark, overlap, from_start),
    )  # fmt: skip
    from flows.cli.finish import finish
    from flows.mine import mine_reports
    from flows.remote.places import output_at

    job = with_privacy(job, no_text=no_text, deidentify=deidentify)
    with output_at(out) as output:
        result = mine_reports(job, output.folder, allow_drift=allow_drift, engine=worked_by)
        result = output.deliver(result)
    raise typer.Exit(finish(result))
