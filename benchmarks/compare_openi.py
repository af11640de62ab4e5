"""Configurations of cxrmine and its rivals over OpenI: `cxrmine compare`, as a page of the docs.

    python -m benchmarks.compare_openi [--source openi] [--markdown FILE]

The gold is the indexers' MeSH headings; OpenI's published test split is not read. A parser whose
model is not installed keeps its row, with the command that gets it.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.view import (
    Figures,
    outcome_cell,
    pooled_cells,
    print_figures,
    share,
    with_interval,
    write_markdown,
)
from data_contracts.findings import finding_set
from flows.compare import Asked, Made, compare_configurations, tally
from flows.road import Job
from mining.comparing import Compared, Configuration, read_configurations
from mining.parsing import MissingModelError
from mining.resources import the_parser
from mining.settings import MiningSettings

COMMAND = "python -m benchmarks.compare_openi"
PROFILE = "openi-mesh"
CONFIGURATIONS = (
    "cxrmine",
    "phrases=concepts:phrases",
    "negex=assertion:negex",
    "scispacy=parser:scispacy",
    "stanza=parser:stanza",
)
_HEADER = ("configuration", "P", "R", "F1", "tp/fp/fn", "F1 minus cxrmine's", "reports/s")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write what was asked for."""
    options = argparse.ArgumentParser(prog=COMMAND, description=(__doc__ or "").split("\n")[0])
    options.add_argument("--source", default="openi", help="folder or .tgz of OpenI's XML files")
    options.add_argument("--gold", default="openi", help="the indexers' headings, or a CSV")
    options.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables")
    options.add_argument("--bootstrap", type=int, default=1000, help="samples per interval")
    given = options.parse_args(arguments)
    base = MiningSettings(profile=PROFILE)
    usable, missing = installed(read_configurations(CONFIGURATIONS, base))
    made = compare_configurations(
        Asked(Job(given.source, base), given.gold, usable, bootstrap=given.bootstrap)
    )
    tables = [compared_figures(made, missing), disagreement_figures(made)]
    print_figures(tables)
    if given.markdown:
        write_markdown(given.markdown, "Configurations side by side", COMMAND, tables)


def installed(
    configurations: Sequence[Configuration],
) -> tuple[list[Configuration], dict[str, str]]:
    """The configurations whose parser is installed; of the others by name what to do."""
    usable: list[Configuration] = []
    missing: dict[str, str] = {}
    for configuration in configurations:
        try:
            the_parser(configuration.settings.parser)
        except MissingModelError as error:
            missing[configuration.name] = str(error)
        else:
            usable.append(configuration)
    return usable, missing


def compared_figures(made: Made, missing: Mapping[str, str]) -> Figures:
    """A row per configuration, those that could not be run last."""
    rows = [_cells(row) for row in made.compared]
    left_out = ", ".join(f"{n:,} {why.replace('_', ' ')}" for why, n in made.left_out.items())
    return Figures(
        f"{len(made.reports):,} OpenI reports outside the published test split",
        _HEADER,
        [*rows, *([name, *["–"] * (len(_HEADER) - 1)] for name in missing)],
        notes=[
            f"Profile {PROFILE}; all findings of ChestX-ray14. Left out: {left_out}.",
            "cxrmine: the defaults, which are the rules over the embedded parser's graph and"
            " phrases united with scispaCy's linker. negex: negspacy judges the same mentions.",
            "Intervals: 95 %, bootstrap over reports; differences are paired on the same samples.",
            "reports/s: per CPU second from text to verdicts, start-up apart; one run of a shared"
            " machine.",
            *(f"{name}: not run. {why}" for name, why in missing.items()),
        ],
    )


def _cells(row: Compared) -> list[str]:
    score, apart = row.result.micro, row.difference
    return [
        row.configuration.name,
        *pooled_cells(score),
        outcome_cell(score),
        with_interval(apart.difference, apart.interval) if apart else "",
        f"{row.reports_per_second:,.0f}",
    ]


def disagreement_figures(made: Made) -> Figures:
    """By finding: labels that are present for some only, and how often each one is right."""
    names = [row.configuration.name for row in made.compared]
    counts = tally(made.disagreements, names)
    order = [finding.name for finding in finding_set("chestxray14") if finding.name in counts]
    total = {name: sum(own[name] for own in counts.values()) for name in ("", *names)}
    rows = [[f, *(f"{counts[f][name]:,}" for name in ("", *names))] for f in order]
    rows.append(["all", *(f"{total[name]:,}" for name in ("", *names))])
    right = total[names[0]] / total[""] if total[""] else None
    return Figures(
        "Where they disagree",
        ("finding", "labels", *(f"{name} right" for name in names)),
        rows,
        notes=[
            "Labels that are present for some configurations and not for all. Right: present"
            f" exactly where the gold has the finding; {names[0]}: {share(right)} of them.",
            "The sentences: `cxrmine compare openi --gold openi --profile openi-mesh --out FOLDER`"
            " writes them as a page and as Parquet.",
        ],
        breaks=[len(rows) - 2],
    )


if __name__ == "__main__":
    main()
