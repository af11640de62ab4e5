"""`cxrmine rules`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.options import Parser

if TYPE_CHECKING:
    import pyarrow as pa

rules = typer.Typer(no_args_is_help=True, help="What the rules do, and what is wrong with them.")


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


@rules.command("try")
def try_(
    rules: Annotated[
        Path,
        typer.Argument(
            help="An edited rule file, which takes the place of the package's file of that name, "
            "or a whole folder of rules."
        ),
    ],
    run: Annotated[Path, typer.Option(help="The folder of a run.")],
    gold: Annotated[
        str | None,
        typer.Option(help='"openi", or a CSV or TSV: precision and recall before and after.'),
    ] = None,
    with_text: Annotated[
        bool, typer.Option(help="Put the sentences into the files written, readable by you only.")
    ] = False,
    html: Annotated[Path | None, typer.Option(help="Write a page of the flips.")] = None,
    parquet: Annotated[Path | None, typer.Option(help="Write the flips, one row each.")] = None,
) -> None:
    """What edited rules would change in a run; exit code 1 when they break their own examples."""
    from flows.audit import label_findings, load_gold
    from flows.cli.options import leave_torch_out
    from flows.diff import of_trial, write_diff_page, write_flips
    from flows.label_sets import open_label_set
    from flows.rule_trial import broken_examples, load_tried, try_on_run
    from mining.rulecheck.trial_view import judge_trial, print_trial
    from mining.settings import MiningSettings

    labels = open_label_set(run)
    settings = labels.settings or MiningSettings()
    leave_torch_out(settings.parser)
    book = load_tried(rules)
    trial = try_on_run(book, labels)
    judged = None
    if gold:
        findings = label_findings(labels.table, gold)
        judged = judge_trial(trial, labels.table, load_gold(gold, findings=findings), findings)
    if html or parquet:
        made = of_trial(labels, trial, str(rules), with_text=with_text)
        if parquet:
            write_flips(made, parquet)
        if html:
            write_diff_page(made, html)
    broken = broken_examples(book, settings)
    print_trial(trial, judged=judged, broken=broken)
    raise typer.Exit(1 if broken else 0)


def _gold(gold: str | None, source: str) -> "pa.Table | None":
    from data_contracts import CHESTXRAY14
    from flows.audit import OPENI, load_gold

    chosen = gold or (OPENI if source == OPENI else "none")
    return None if chosen == "none" else load_gold(chosen, findings=CHESTXRAY14)
