"""The last words of a run."""

import sys

import typer

from flows.result import RunResult

TOO_MANY_REJECTS = 3


def finish(result: RunResult) -> int:
    """The exit code of a run, after saying where its files are and what was wrong."""
    if result.audit_text:
        typer.echo(result.audit_text)
    typer.echo(f"{result.out}: {', '.join(result.files)}")
    for problem in result.problems:
        print(f"cxrmine: {problem}; see {result.out}/rejects.parquet", file=sys.stderr)
    return TOO_MANY_REJECTS if result.problems else 0
