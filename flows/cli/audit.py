"""`cxrmine audit`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.remote.places import readable, readable_name
from mining.parsing.lightness import leave_torch_out


def audit(
    labels: Annotated[
        Path,
        typer.Argument(
            parser=readable,
            help="labels.parquet, the folder of a run, or an address.",
        ),
    ],
    golds: Annotated[
        list[str],
        typer.Argument(
            parser=readable_name,
            metavar="GOLD…",
            help="CSV or TSV with 0/1 per finding, a filled sheet of `cxrmine sample`, an export "
            "of Label Studio, the folder of a sample with its filled sheets, a folder or .tgz of "
            "OpenI's XML, "
            'or "openi": the human indexing of the installed OpenI reports. Several: one per '
            "annotator.",
        ),
    ],
    sample: Annotated[
        Path | None,
        typer.Option(
            help="The folder of `cxrmine sample` that the judged reports were drawn by: figures "
            "are estimates for all reports."
        ),
    ] = None,
    adjudicated: Annotated[
        Path | None, typer.Option(help="A filled sheet of disputes; its answers stand.")
    ] = None,
    disputed: Annotated[
        Path | None,
        typer.Option(help="Write what annotators differ on as a sheet, .xlsx or .csv."),
    ] = None,
    ids: Annotated[
        Path | None, typer.Option(help="Judge only the reports in this file, one id per line.")
    ] = None,
    exclude_ids: Annotated[
        Path | None, typer.Option(help="Leave out the reports in this file.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="The gold's column of report ids.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file as well.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with figures, errors and cases to this file.")
    ] = None,
    with_text: Annotated[
        bool, typer.Option(help="Show reports in the page, which only you can read then.")
    ] = False,
) -> None:
    """Precision, recall and F1 of labels against a gold; OpenI's test split stays out."""
    import json

    from flows.audit import label_findings, published_figures
    from flows.golds import gather
    from flows.judged import load_judged, write_disputes
    from flows.label_sets import open_label_set
    from flows.tables import read_ids
    from mining.audit import audit as audit_tables
    from mining.audit.table import print_audit

    if with_text and not html:
        raise typer.BadParameter("--with-text is about the page: name its file with --html")
    label_set = open_label_set(labels)
    table = label_set.table
    findings = label_findings(table, *golds)
    named = gather(golds, sample=sample, adjudicated=adjudicated)
    judged = load_judged(named, findings=findings, key=key)
    result = audit_tables(
        table,
        judged.gold,
        findings=findings,
        ids=read_ids(ids) if ids else None,
        exclude_ids=read_ids(exclude_ids) if exclude_ids else None,
        sample=judged.sample,
    )
    if json_file:
        written = result.to_json() | {"agreement": [vars(one) for one in judged.agreements]}
        json_file.write_text(json.dumps(written, indent=2) + "\n")
    reference = published_figures(golds[0]) if len(golds) == 1 else None
    if html:
        from flows.audit_page import write_audit_page

        if label_set.settings:
            leave_torch_out(label_set.settings.parser)
        write_audit_page(
            result, label_set, ", ".join(golds), html, reference=reference, with_text=with_text,
            agreements=judged.agreements,
        )  # fmt: skip
    print_audit(result, reference=reference)
    if judged.agreements:
        from mining.sampling.agreement_view import print_agreement

        print_agreement(judged.agreements)
        typer.echo(judged.summary)
    if disputed:
        count = write_disputes(disputed, judged, label_set, findings)
        typer.echo(f"{disputed}: {count:,} reports to adjudicate")
