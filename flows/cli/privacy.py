"""Options of `run` and `mine` about the words of reports."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from flows.road import Job
    from mining.privacy import Privacy

NoText = Annotated[
    bool,
    typer.Option("--no-text", help="Tables without a word of a report: offsets and hashes only."),
]
Deidentify = Annotated[
    bool,
    typer.Option(
        "--deidentify",
        help="Mask dates, names and numbers in reports before anything is stored (cxrmine[deid]).",
    ),
]


def with_privacy(
    job: "Job", base: "Privacy | None" = None, *, no_text: bool, deidentify: bool
) -> "Job":
    """The job with what these options say; one not given stays as in `base`, or as it is."""
    privacy = base or job.privacy
    if deidentify:
        privacy = replace(privacy, deidentify=True)
    if no_text:
        privacy = replace(privacy, text=False)
    return replace(job, privacy=privacy)
