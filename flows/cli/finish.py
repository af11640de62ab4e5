"""The last words of a run."""

import sys

import typer

from flows.result import RunResult
from mining.printable import printable

TOO_MANY_REJECTS = 3
NOT_PUBLISHED = 4


def finish(result: RunResult) -> int:
    """The exit code of a run, after saying where its files are and what was wrong.

    3: too many rejects; 4: the gate refused to publish.
    """
    if result.audit_text:
        typer.echo(result.audit_text)
    typer.echo(printable(f"{result.out}: {', '.join(result.files)}"))
    for problem in result.problems:
        print(printable(f"cxrmine: {problem}; see {result.out}/rejects.parquet"), file=sys.stderr)
    if result.published:
        typer.echo(result.published)
    for condition in result.refused:
        print(f"cxrmine: not published: {condition}", file=sys.stderr)
    if result.problems:
        return TOO_MANY_REJECTS
    return NOT_PUBLISHED if result.refused else 0
