"""`cxrmine evaluate-boxes`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from data_contracts import Checked

_MOST_REJECTED = 0.05  # of a file's rows; past it the figures are of something else


def evaluate_boxes(
    boxes: Annotated[
        Path,
        typer.Option(
            help="A boxes table (Parquet): image_id, finding, x, y, w, h in pixels of the "
            "1024 x 1024 image; score and source may be null."
        ),
    ],
    truth: Annotated[
        Path, typer.Option(help="NIH's BBox_List_2017.csv as it is (.gz too), or a boxes table.")
    ],
    rows: Annotated[
        str,
        typer.Option(
            help="Which rows got boxes, so that false ones count in AFP: all images of the truth, "
            "own (the findings annotated in each image only), or a file of image ids."
        ),
    ] = "all",
    bootstrap: Annotated[int, typer.Option(min=0, help="Samples of the intervals.")] = 1000,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file as well.")
    ] = None,
) -> int:
    """Acc and AFP of boxes against annotated ones, laid out as ChestX-ray8's Tables 4 and 7."""
    import json

    from modeling.box_files import read_boxes, read_rows
    from modeling.box_ranking import rank_boxes
    from modeling.box_scores import score_boxes
    from modeling.box_tables import describe_ranking, print_box_scores

    detected, annotated = read_boxes(boxes), read_boxes(truth)
    found, true = detected.accepted, annotated.accepted
    chosen = rows if rows in ("all", "own") else read_rows(rows)
    scores = score_boxes(found, true, rows=chosen, bootstrap=bootstrap)
    ranking = rank_boxes(found, true, rows=chosen)
    rejected = {"boxes": detected.rejects.num_rows, "truth": annotated.rejects.num_rows}
    if json_file:
        figures = scores.to_json()
        figures["counts"]["rejects"] = rejected
        json_file.write_text(json.dumps(figures | ranking, indent=2) + "\n", encoding="utf-8")
    print_box_scores(scores)
    typer.echo("\n".join(describe_ranking(ranking)))
    return _say_refused(boxes, truth, detected, annotated, sum(scores.counts.scored.values()))


def _say_refused(
    boxes: Path, truth: Path, detected: "Checked", annotated: "Checked", scored: int
) -> int:
    """The exit code, after saying what was refused, and when nothing was left to score."""
    from flows.cli.finish import TOO_MANY_REJECTS

    code = 0
    for path, checked in ((boxes, detected), (truth, annotated)):
        refused, kept = checked.rejects.num_rows, checked.accepted.num_rows
        if refused:
            first = checked.rejects.slice(0, 1).to_pylist()[0]
            print(
                f"cxrmine: {path}: {refused} of {refused + kept} rows were refused and are not "
                f"scored; the first: {first['key']}, column {first['column']}, {first['reason']}",
                file=sys.stderr,
            )
        if refused > _MOST_REJECTED * (refused + kept):
            code = TOO_MANY_REJECTS
    if detected.accepted.num_rows and not scored:
        print(
            f"cxrmine: {boxes}: none of its boxes is in these rows; expected image_id as in "
            f"{truth}. Compare the ids of both files.",
            file=sys.stderr,
        )
    return code
