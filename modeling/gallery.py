"""The gallery: one HTML page of images with heat, predicted and true boxes, best and worst."""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import Image

from modeling.attention_views import Look
from modeling.box_comparison_views import ComparedRow, summary
from modeling.gallery_cards import Card, Pair
from modeling.heatmaps import Heatmaps
from modeling.image_reading import ImageError, read_image
from modeling.lineage import BoxName
from modeling.overlays import PREDICTED, TRUE, hatch_png, heat_png
from modeling.pages import data_uri, render_page

_QUALITY = 82  # of JPEG: no trace that a reader of a thumbnail could see


@dataclass(frozen=True)
class Gallery:
    """A rendered page, how many cards and images it shows, and the images it could not read."""

    html: str
    cards: int
    images: int
    unreadable: tuple[str, ...]
    step_by_step: int = 0  # cards that show how their heat was mined

    def write(self, path: Path) -> None:
        """Writes the page, readable by its owner only: it shows patients."""
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "w", encoding="utf-8") as page:
            os.fchmod(handle, 0o600)  # an older page may have been readable; before the text is in
            page.write(self.html)


def render_gallery(
    cards: Sequence[Card],
    images: pa.Table,
    *,
    heatmaps: Heatmaps | None = None,
    title: str = "Boxes from image labels",
    facts: Mapping[str, str] | None = None,
    total: int | None = None,
    side: int = 384,
    compared: Sequence[tuple[str, Sequence[ComparedRow]]] = (),
    looks: Mapping[Pair, Sequence[Look]] | None = None,
) -> Gallery:
    """The page of these cards; every image is in it once, `side` pixels at its longer side.

    `images` gives the paths and the widths and heights that boxes are measured in; `facts` stand
    under the title; `total` is the number of cards that these were chosen from; `compared` are the
    parts of `box_comparison_views.parts_of`; `looks` (of `attention_views.mined_looks`) show, under
    the card of their pair, the steps that its heatmap was merged from. An image whose file cannot
    be read is shown as an empty frame, and counted.
    """
    rows = {row["image_id"]: row for row in images.to_pylist()}
    shown = list(dict.fromkeys(card.image_id for card in cards if card.image_id in rows))
    pictures, unreadable = [], []
    for image_id in shown:
        try:
            pictures.append(thumbnail(rows[image_id]["path"], side))
        except ImageError:
            pictures.append("")
            unreadable.append(image_id)
    number = {image_id: place for place, image_id in enumerate(shown)}
    views = [
        _view(card, rows[card.image_id], number[card.image_id], heatmaps, looks or {})
        for card in cards
        if card.image_id in rows
    ]
    mined = sum(bool(view["looks"]) for view in views)
    html = render_page(
        "gallery.html",
        title=title,
        facts=dict(facts or {}),
        cards=views,
        pictures=pictures,
        findings=Counter(view["finding"] for view in views),
        total=len(views) if total is None else total,
        unreadable=len(unreadable),
        colours={"predicted": PREDICTED, "true": TRUE},
        heat=heatmaps is not None,
        mined=mined,
        compared=[(name, rows, summary(rows)) for name, rows in compared],
    )
    return Gallery(html, len(views), len(shown), tuple(unreadable), mined)


def thumbnail(path: str | Path, side: int) -> str:
    """The image file as a small grey JPEG, in a data URI. ImageError when it is no image."""
    picture = read_image(path, shrink_to=side).image
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=_QUALITY)
    return data_uri(stream.getvalue(), "image/jpeg")


def _view(
    card: Card,
    image: Mapping[str, Any],
    number: int,
    heatmaps: Heatmaps | None,
    looks: Mapping[Pair, Sequence[Look]],
) -> dict[str, Any]:
    """What the template shows of a card."""
    own = looks.get((card.image_id, card.finding), ())
    heat = heatmaps.of(card.image_id, card.finding) if heatmaps else None
    return {
        "image_id": card.image_id,
        "finding": card.finding,
        "title": card.finding.replace("_", " "),
        "image": number,
        "width": image["width"] or 1,
        "height": image["height"] or 1,
        "view": image["view"],
        "score": card.score,
        "label": card.label,
        "overlap": card.overlap,
        "boxes": card.boxes,
        "truth": card.truth,
        "names": [
            str(BoxName(card.image_id, card.finding, rank + 1)) for rank in range(len(card.boxes))
        ],
        "quotes": card.quotes,
        "heat": None if heat is None else _heat_uri(heat, heatmaps),
        "looks": [_step(place, look, heatmaps) for place, look in enumerate(own)],
    }


def _step(place: int, look: Look, heatmaps: Heatmaps | None) -> dict[str, Any]:
    """What the template shows of a step of mining."""
    centres = heatmaps.centres if heatmaps else None
    return {
        "name": f"step {place}" if place else "first look",
        "heat": _heat_uri(look.heat, heatmaps),
        "blocked": data_uri(hatch_png(look.blocked, centres=centres), "image/png") if place else "",
        "score": look.score,
        "left_out": look.left_out,
    }


def _heat_uri(heat: Any, heatmaps: Heatmaps | None) -> str:
    centres = heatmaps.centres if heatmaps else None
    return data_uri(heat_png(heat, centres=centres), "image/png")
