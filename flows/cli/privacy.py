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


def with_privacy(job: "Job", base: "Privacy | None" = None, *, no_text: bool = False) -> "Job":
    """The job with what these options say; one not given stays as in `base`, or as it is."""
    privacy = base or job.privacy
    if no_text:
        privacy = replace(privacy, text=False)
    return replace(job, privacy=privacy)
