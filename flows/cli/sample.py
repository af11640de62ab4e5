"""`cxrmine sample`."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.remote.places import readable

if TYPE_CHECKING:
    from flows.sample import Drawn


def sample(
    labels: Annotated[
        Path,
        typer.Argument(parser=readable, help="The folder of a run, or an address."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="A new folder for sample and sheets.")],
    size: Annotated[int | None, typer.Option(min=1, help="How many reports to draw.")] = None,
    width: Annotated[
        float | None,
        typer.Option(
            help="Draw as many as make every finding's precision known to an interval this wide "
            "(0.1: ± 5 points at 90 %)."
        ),
    ] = None,
    annotators: Annotated[
        str | None,
        typer.Option(help="Names, as anna,ben: a sheet of all reports for each of them."),
    ] = None,
    exclude_ids: Annotated[
        Path | None, typer.Option(help="Leave out the reports in this file, one id per line.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed draws the same reports.")] = 0,
) -> None:
    """Draws the reports to annotate next, by finding, verdict and rule, and writes sheets to fill.

    Rare kinds of labels are drawn more often; sample.parquet keeps the weights with which
    `cxrmine audit LABELS SHEETS… --sample FOLDER` estimates for all reports. The sheets do not say
    what was mined.
    """
    from flows.label_sets import open_label_set
    from flows.sample import write_sample
    from flows.tables import read_ids

    if size is None and width is None:
        size = 400
    names = [name.strip() for name in annotators.split(",")] if annotators else []
    for name in names:
        if not re.fullmatch(r"[\w.-]+", name) or names.count(name) > 1:
            raise typer.BadParameter(f"--annotators: found {name!r}, expected names, as anna,ben")
    drawn = write_sample(
        open_label_set(labels), out, size=size, width=width, seed=seed, annotators=names,
        exclude_ids=read_ids(exclude_ids) if exclude_ids else (),
    )  # fmt: skip
    _say(drawn, out)


def _say(drawn: "Drawn", out: Path) -> None:
    plan, selection = drawn.plan, drawn.selection
    total = sum(map(len, plan.strata))
    typer.echo(f"{plan.size:,} of {total:,} reports drawn from {len(plan.strata):,} strata")
    pairs = sorted(zip(plan.strata, plan.drawn, strict=True), key=lambda p: len(p[0]) / p[1])
    for stratum, count in [*pairs[:5], *pairs[5:][-3:]]:
        typer.echo(f"  {count:>5,} of {len(stratum):>7,}  {stratum.name}")
    if len(pairs) > 8:
        typer.echo(f"  … and {len(pairs) - 8:,} more strata in between")
    if selection.left_out:
        left = ", ".join(f"{n:,} {why.replace('_', ' ')}" for why, n in
                         selection.left_out_counts.items() if n)  # fmt: skip
        typer.echo(f"left out: {left}")
    typer.echo(f"{out}: {', '.join(drawn.files)}")
