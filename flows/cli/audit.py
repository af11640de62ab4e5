"""`cxrmine audit`."""

from pathlib import Path
from typing import Annotated

import typer


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
) -> None:
    """Precision, recall and F1 of labels against a gold; OpenI's test split stays out."""
    import json

    from flows.audit import label_findings, load_gold, published_figures
    from flows.tables import find_labels, read_ids, read_labels
    from mining.audit import audit as audit_tables
    from mining.audit.table import print_audit

    table = read_labels(find_labels(labels))
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
    print_audit(result, reference=published_figures(gold))
