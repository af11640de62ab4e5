"""The `cxrmine` command and its verbs."""

import os
import sys

import typer

from flows.cli.ablate import ablate
from flows.cli.audit import audit
from flows.cli.cache import cache
from flows.cli.compare import compare
from flows.cli.config import config
from flows.cli.diff import diff
from flows.cli.errors import report_error
from flows.cli.evaluate import evaluate
from flows.cli.evaluate_boxes import evaluate_boxes
from flows.cli.explain import explain
from flows.cli.export import export
from flows.cli.forget import forget
from flows.cli.gallery import gallery
from flows.cli.labels import labels
from flows.cli.local_paths import local_paths
from flows.cli.localise import localise
from flows.cli.mine import mine
from flows.cli.phantoms import phantoms
from flows.cli.predict import predict
from flows.cli.report import report
from flows.cli.rules import rules
from flows.cli.run import run
from flows.cli.sample import sample
from flows.cli.schedule import schedule, serve
from flows.cli.selfcheck import selfcheck
from flows.cli.stats import stats
from flows.cli.trace import trace
from flows.cli.train import train
from flows.cli.version import version

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Raw chest X-ray reports in, audited label tables out.",
)
for verb in (run, mine, report, audit, compare, diff, explain, export, stats, selfcheck, version):
    app.command()(local_paths(verb))
app.command()(local_paths(sample))
app.command("evaluate-boxes")(local_paths(evaluate_boxes))
for verb in (localise, gallery, trace):
    app.command()(local_paths(verb))
for verb in (train, evaluate, predict, ablate, phantoms):
    app.command()(local_paths(verb))
for verb in (schedule, serve, forget):
    app.command()(local_paths(verb))
app.add_typer(cache, name="cache")
app.add_typer(rules, name="rules")
app.add_typer(labels, name="labels")
app.add_typer(config, name="config")


def main() -> None:
    """Runs the command line and exits: 0 done, 2 the user's mistake, 3 rejects, 4 not published."""
    try:
        code = app(prog_name="cxrmine", standalone_mode=False) or 0
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, `head` say, has gone: nothing is wrong
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        code = report_error(error)
    sys.exit(code)
