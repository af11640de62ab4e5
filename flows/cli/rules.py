"""`cxrmine rules`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.options import Parser

if TYPE_CHECKING:
    import pyarrow as pa

rules = typer.Typer(no_args_is_help=True, help="What the rules do, and what is wrong with them.")


@rules.callback()
def _group() -> None:
    """Keeps `check` a verb of its own as long as it is the only one."""


@rules.command()
def check(
    source: Annotated[
        str, typer.Argument(help='Reports, as for `mine`; "openi" for the installed OpenI reports.')
    ] = "openi",
    gold: Annotated[
        str | None,
        typer.Option(help='"openi", a CSV or TSV, or "none". Default: openi for OpenI, else none.'),
    ] = None,
    rules: Annotated[
        Path | None, typer.Option(help="Folder of rule files (default: the package's own).")
    ] = None,
    parser: Parser = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file as well.")
    ] = None,
    markdown: Annotated[bool, typer.Option(help="Print Markdown.")] = False,
    examples: Annotated[bool, typer.Option(help="Add ids of reports decided by the rule.")] = False,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Add the words and labels never seen.")
    ] = False,
) -> None:
    """What each rule does on a corpus; exit code 1 when a rule is dead, double or impossible."""
    import json

    from mining.assertion.rule_files import load_rules
    from mining.rulecheck import check_rules, read_corpus
    from mining.rulecheck.view import check_markdown, print_check

    book = load_rules(rules)
    result = check_rules(
        book, read_corpus(source), gold=_gold(gold, source), parser=parser or "embedded"
    )
    if json_file:
        json_file.write_text(json.dumps(result.to_json(), indent=2) + "\n")
    if markdown:
        typer.echo(check_markdown(result, examples=examples, verbose=verbose), nl=False)
    else:
        print_check(result, examples=examples, verbose=verbose)
    raise typer.Exit(1 if result.failed else 0)


def _gold(gold: str | None, source: str) -> "pa.Table | None":
    from data_contracts import CHESTXRAY14
    from flows.audit import OPENI, load_gold

    chosen = gold or (OPENI if source == OPENI else "none")
    return None if chosen == "none" else load_gold(chosen, findings=CHESTXRAY14)
