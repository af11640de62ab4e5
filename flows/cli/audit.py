"""`cxrmine audit`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import leave_torch_out


def audit(
    labels: Annotated[Path, typer.Argument(help="labels.parquet, or the folder of a run.")],
    gold: Annotated[
        str,
        typer.Argument(
            help="CSV or TSV with 0/1 per finding, a folder or .tgz of OpenI's XML, "
            'or "openi": the human indexing of the installed OpenI reports.'
        ),
    ],
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

    from flows.audit import label_findings, load_gold, published_figures
    from flows.label_sets import open_label_set
    from flows.tables import read_ids
    from mining.audit import audit as audit_tables
    from mining.audit.table import print_audit

    if with_text and not html:
        raise typer.BadParameter("--with-text is about the page: name its file with --html")
    label_set = open_label_set(labels)
    table = label_set.table
    findings = label_findings(table, gold)
    result = audit_tables(
        table,
        load_gold(gold, findings=findings, key=key),
        findings=findings,
        ids=read_ids(ids) if ids else None,
        exclude_ids=read_ids(exclude_ids) if exclude_ids else None,
    )
    if json_file:
        json_file.write_text(json.dumps(result.to_json(), indent=2) + "\n")
    reference = published_figures(gold)
    if html:
        from flows.audit_page import write_audit_page

        if label_set.settings:
            leave_torch_out(label_set.settings.parser)
        write_audit_page(result, label_set, gold, html, reference=reference, with_text=with_text)
    print_audit(result, reference=reference)
