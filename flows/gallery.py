"""The gallery of a result: modeling's page with what the reports say."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flows.quoting import what_reports_say
from modeling.attention_views import mined_looks
from modeling.box_comparison_views import parts_of
from modeling.box_files import read_boxes
from modeling.gallery import Gallery, render_gallery
from modeling.gallery_cards import choose_cards, make_cards, with_reports
from modeling.heatmaps import Heatmaps

SCORES = "box_scores.json"


def gallery_of(
    images: pa.Table,
    *,
    boxes: pa.Table,
    predictions: pa.Table,
    heatmaps: Heatmaps,
    truth: Path | None = None,
    labels: Path | None = None,
    count: int = 160,
    finding: str | None = None,
    title: str = "Boxes from image labels",
    facts: Mapping[str, str] | None = None,
    scores: Mapping[str, Any] | None = None,
    checkpoint: Path | None = None,
    device: str = "auto",
) -> Gallery:
    """At most `count` cards of these images, of one finding if wanted. Errors: of the tables.

    `truth` is a list of true boxes, `labels` a label table or the folder of a run, whose mentions
    and reports give the sentences; `scores` are those of the run, with its baselines.
    Where the heat was mined, `checkpoint`, the one that made it, shows it step by step.
    """
    true = None
    if truth is not None:
        here = pc.field("image_id").isin(images["image_id"].combine_chunks())
        true = read_boxes(truth).accepted.filter(here)
    cards = make_cards(boxes, true, predictions=predictions)
    cards = [card for card in cards if finding in (None, card.finding)]
    chosen = choose_cards(cards, count)
    pairs = [(card.image_id, card.finding) for card in chosen]
    said = what_reports_say(images, labels, pairs)
    looks = None
    if checkpoint is not None and heatmaps.method == "cam":
        looks = mined_looks(checkpoint, images, pairs, device=device)
    return render_gallery(
        with_reports(chosen, said.labels, said.quotes),
        images,
        heatmaps=heatmaps,
        title=title,
        facts=facts,
        total=len(cards),
        compared=tuple(parts_of(scores or {})),
        looks=looks,
    )


def read_scores(folder: Path) -> dict[str, Any] | None:
    """The scores that a run has left in this folder, if any."""
    path = folder / SCORES
    if not path.is_file():
        return None
    figures: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return figures
