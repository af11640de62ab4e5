"""Options of `run` and `mine`: which examinations are labelled, and what is read of the source."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from mining.ingest.exams import ExamFilter
    from mining.ingest.marks import Watermark

_HOW = "* and ? as in file names, several with commas"
Modality = Annotated[
    str | None, typer.Option(help=f"Label these modalities only, as CR,DX ({_HOW}).")
]
ProcedureCodes = Annotated[
    str | None, typer.Option(help="Label these procedures only, as 7104?,7105*.")
]
BodyParts = Annotated[str | None, typer.Option(help="Label these body parts only, as CHEST*.")]
Language = Annotated[str | None, typer.Option(help="Label reports in this language only, as en.")]

WatermarkColumn = Annotated[
    str | None,
    typer.Option(
        "--watermark",
        help="Read only what is new since the last run: a column of the query that grows, or "
        '"modified" for files.',
    ),
]
Overlap = Annotated[
    str | None,
    typer.Option(help="With a watermark: read so much again, as 2h or 3d, or a number."),
]
FromStart = Annotated[
    bool,
    typer.Option("--from-start", help="With a watermark: read the whole source anew."),
]


def make_watermark(
    column: str | None, overlap: str | None, from_start: bool, base: "Watermark | None" = None
) -> "Watermark":
    """The watermark that these options describe; one not given stays as in `base`, or is none.

    Errors: MarkError.
    """
    from mining.ingest.marks import NO_WATERMARK

    given = {"column": column, "overlap": overlap}
    said: dict[str, Any] = {key: text for key, text in given.items() if text is not None}
    return replace(base or NO_WATERMARK, **said, from_start=from_start)


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
