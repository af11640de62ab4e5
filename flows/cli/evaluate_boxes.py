"""`cxrmine evaluate-boxes`."""

import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import pyarrow as pa

    from data_contracts import Checked
    from modeling.box_counts import Rows

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
    against: Annotated[
        list[Path] | None,
        typer.Option(
            help="Another boxes table to stand beside, of the same network untrained say; may be "
            "repeated. Fixed and shuffled boxes always do."
        ),
    ] = None,
    original: Annotated[
        str, typer.Option(help="WIDTHxHEIGHT of the images that boxes are measured in.")
    ] = "1024x1024",
    bootstrap: Annotated[int, typer.Option(min=0, help="Samples of the intervals.")] = 1000,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file as well.")
    ] = None,
) -> int:
    """Acc and AFP of boxes against annotated ones, laid out as ChestX-ray8's Tables 4 and 7."""
    import json

    from modeling.box_comparison_views import print_comparisons
    from modeling.box_files import read_boxes, read_rows
    from modeling.box_ranking import rank_boxes
    from modeling.box_scores import score_boxes
    from modeling.box_tables import describe_ranking, print_box_scores

    detected, annotated = read_boxes(boxes), read_boxes(truth)
    found, true = detected.accepted, annotated.accepted
    chosen = rows if rows in ("all", "own") else read_rows(rows)
    scores = score_boxes(found, true, rows=chosen, bootstrap=bootstrap)
    ranking = rank_boxes(found, true, rows=chosen)
    figures = scores.to_json() | ranking
    figures["baselines"] = _baselines(found, true, chosen, against or [], original, bootstrap)
    rejected = {"boxes": detected.rejects.num_rows, "truth": annotated.rejects.num_rows}
    if json_file:
        figures["counts"]["rejects"] = rejected
        json_file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print_box_scores(scores)
    typer.echo("\n".join(describe_ranking(ranking)))
    print_comparisons(figures)
    return _say_refused(boxes, truth, detected, annotated, sum(scores.counts.scored.values()))


def _baselines(
    found: "pa.Table",
    true: "pa.Table",
    rows: "Rows",
    against: list[Path],
    original: str,
    samples: int,
) -> dict[str, Any]:
    """The comparisons, on boxes brought to one square."""
    from flows.cli.localise import read_size
    from modeling.box_comparisons import compare_boxes, compared_json, to_square
    from modeling.box_files import read_boxes

    size = read_size(original) or (1024, 1024)
    sizes: dict[str, tuple[float, float]] = defaultdict(lambda: size)
    others = {str(path): to_square(read_boxes(path).accepted, sizes) for path in against}
    return compared_json(
        compare_boxes(
            to_square(found, sizes), to_square(true, sizes), rows=rows, others=others,
            bootstrap=samples,
        )
    )  # fmt: skip


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
