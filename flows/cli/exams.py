"""Options of `run` and `mine` that say which examinations are labelled."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from mining.ingest.exams import ExamFilter

_HOW = "* and ? as in file names, several with commas"
Modality = Annotated[
    str | None, typer.Option(help=f"Label these modalities only, as CR,DX ({_HOW}).")
]
ProcedureCodes = Annotated[
    str | None, typer.Option(help="Label these procedures only, as 7104?,7105*.")
]
BodyParts = Annotated[str | None, typer.Option(help="Label these body parts only, as CHEST*.")]
Language = Annotated[str | None, typer.Option(help="Label reports in this language only, as en.")]


def make_exams(base: "ExamFilter | None" = None, **given: str | None) -> "ExamFilter":
    """The filter that these options describe; one not given stays as in `base`, or asks nothing.

    Errors: ExamError.
    """
    from mining.ingest.exams import EVERY_EXAM

    said: dict[str, Any] = {key: text for key, text in given.items() if text is not None}
    for key in said:
        if key != "language":
            said[key] = tuple(part.strip() for part in said[key].split(",") if part.strip())
    return replace(base or EVERY_EXAM, **said)
