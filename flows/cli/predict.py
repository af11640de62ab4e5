"""`cxrmine predict`."""

from pathlib import Path
from typing import Annotated

import typer


def predict(
    images: Annotated[list[Path], typer.Argument(help="PNG, JPEG or DICOM files.")],
    checkpoint: Annotated[
        Path, typer.Option("--checkpoint", "-c", help="A checkpoint, or the folder of a training.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the overlay pictures.")
    ] = None,
    threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Findings that score this or more get boxes.")
    ] = 0.5,
    finding: Annotated[
        str | None, typer.Option(help="The finding whose heat is shown (default: the surest).")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write scores and boxes to this file as well.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Scores and boxes of a few images, and a picture of where the network looked."""
    import json

    from modeling.choices import choose
    from modeling.prediction import predict_images, write_overlay

    predictions, card = predict_images(images, checkpoint, threshold=threshold, device=device)
    if finding is not None:
        choose("finding", finding, card.findings)
    for prediction in predictions:
        typer.echo(f"{prediction.path}  ({prediction.size[0]} × {prediction.size[1]})")
        for name, score in sorted(prediction.scores.items(), key=lambda item: -item[1]):
            boxes = "; ".join(
                f"{box.x:.0f},{box.y:.0f} {box.w:.0f}×{box.h:.0f}" for box in prediction.boxes[name]
            )
            typer.echo(f"  {name.replace('_', ' '):<20}{score:6.3f}  {boxes}".rstrip())
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for number, prediction in enumerate(predictions):
            twice = [other.path.stem for other in predictions].count(prediction.path.stem) > 1
            stem = f"{number}-{prediction.path.stem}" if twice else prediction.path.stem
            target = out / f"{stem}.overlay.png"
            shown = write_overlay(prediction, target, finding=finding)
            typer.echo(f"{target}: {shown or 'no finding reaches the threshold'}")
    if json_file is not None:
        body = {"checkpoint": card.checkpoint_id, "images": [p.to_json() for p in predictions]}
        json_file.write_text(json.dumps(body, indent=2) + "\n")
