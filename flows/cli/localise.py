"""`cxrmine localise`."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from flows.localise import Localised


class Method(StrEnum):
    """How heatmaps are made."""

    CAM = "cam"
    GRADCAM = "gradcam++"


class Stage(StrEnum):
    """Stages that can be made anew."""

    PREDICT = "predict"
    BOXES = "boxes"
    EVALUATE = "evaluate"
    GALLERY = "gallery"


def localise(
    images: Annotated[
        Path | None,
        typer.Argument(
            help="A folder of PNG, JPEG or DICOM files, or a table of images (Parquet). "
            "Default: the training's test images."
        ),
    ] = None,
    *,
    checkpoint: Annotated[
        Path,
        typer.Option("--checkpoint", "-c", help="A checkpoint, or a training's folder: its best."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for tables, gallery, run.json.")],
    truth: Annotated[
        Path | None,
        typer.Option(
            help="True boxes: NIH's BBox_List_2017.csv or a boxes table. They only score."
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="The run whose labels were trained on; its sentences go to the gallery."),
    ] = None,
    split: Annotated[str | None, typer.Option(help="Only images of this split.")] = None,
    original: Annotated[
        str | None,
        typer.Option(
            help="WIDTHxHEIGHT of the originals, where the image files are smaller copies."
        ),
    ] = None,
    method: Annotated[Method, typer.Option(help="How heatmaps are made.")] = Method.CAM,
    thresholds: Annotated[
        str, typer.Option(help="Where heatmaps of 0 to 255 are cut, comma between.")
    ] = "60,180",
    rows: Annotated[
        str,
        typer.Option(
            help="Which rows get boxes: all findings in all images, annotated (those with a true "
            "box), or a file of image ids, a finding behind a comma if wanted."
        ),
    ] = "all",
    min_score: Annotated[
        float, typer.Option(min=0, max=1, help="No box for a finding that scores less.")
    ] = 0.0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    cards: Annotated[int, typer.Option(min=1, help="Cards in the gallery at most.")] = 160,
    refresh: Annotated[
        Stage | None, typer.Option(help="Make this stage and those after it anew.")
    ] = None,
) -> None:
    """Heatmaps, boxes, their scores and a gallery, from a checkpoint and images."""
    from flows.localise import run_localise
    from flows.localise_job import LocaliseJob, after_training
    from modeling.box_options import BoxOptions

    settings: dict[str, Any] = {"truth": truth, "labels": labels, "original": read_size(original)}
    settings |= {"method": method.value, "options": BoxOptions(thresholds=read_numbers(thresholds))}
    settings |= {"rows": rows, "min_score": min_score, "device": device, "cards": cards}
    if images is None:
        job = after_training(checkpoint, **({"split": split} if split else {}), **settings)
    else:
        job = LocaliseJob(checkpoint=checkpoint, images=images, split=split, **settings)
    result = run_localise(job, out, refresh=refresh.value if refresh else None)
    tell(result)


def tell(result: "Localised") -> None:
    """Prints what the stages counted, the scores beside the baselines, and where the files are."""
    from flows.gallery import read_scores
    from modeling.box_comparison_views import print_comparisons

    typer.echo(describe(result.counts))
    if figures := read_scores(result.out):
        print_comparisons(figures)
    typer.echo(f"{result.out}: {', '.join(result.files)}")


def describe(counts: object) -> str:
    """The counts of the stages, one line each.

    >>> describe({"boxes": {"boxes": 12, "rows": 8}})
    'boxes      12 boxes, 8 rows'
    """
    assert isinstance(counts, dict)
    return "\n".join(
        f"{stage:<10} " + ", ".join(f"{value:,} {name}" for name, value in own.items())
        for stage, own in counts.items()
    )


def read_size(text: str | None) -> tuple[int, int] | None:
    """Width and height of "1024x1024" or, for a square, "1024". Errors: typer.BadParameter.

    >>> read_size("2500x2048"), read_size("1024"), read_size(None)
    ((2500, 2048), (1024, 1024), None)
    """
    if text is None:
        return None
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.isdecimal() and int(part) for part in parts):
        raise typer.BadParameter(f"--original: found {text!r}, expected WIDTHxHEIGHT, as 1024x1024")
    return int(parts[0]), int(parts[-1])


def read_numbers(text: str) -> tuple[float, ...]:
    """The numbers of "60,180". Errors: typer.BadParameter."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"--thresholds: found {text!r}, expected 60,180") from None
