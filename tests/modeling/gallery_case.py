"""A gallery in which every card is different, with a text in it that would like to be script."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from data_contracts import IMAGES
from modeling.gallery_cards import Card
from modeling.heatmaps import Heatmaps
from modeling.quotes import Quote

EVIL = "<script>window.evil = 1</script><img src=x onerror='window.evil = 2'>"
IDS = ("a.png", "b.png", "c.png")


def images_in(folder: Path) -> pa.Table:
    """Three images of 80 × 100 pixels, each of another grey."""
    rows = []
    for number, image_id in enumerate(IDS):
        Image.new("L", (80, 100), 60 + 60 * number).save(folder / image_id)
        path = str(folder / image_id)
        rows.append({"image_id": image_id, "path": path, "width": 80, "height": 100, "view": "PA"})
    return pa.Table.from_pylist(rows, schema=IMAGES.schema)


def heatmaps() -> Heatmaps:
    """Heat for Mass and Nodule in the three images."""
    values = np.random.default_rng(0).random((3, 2, 4, 4), np.float32)
    return Heatmaps(values, IDS, ("Mass", "Nodule"), "cam", "abc")


def cards() -> list[Card]:
    """Overlaps .9, .2 and none; two findings."""
    quote = Quote("R1", "Mass", f"A mass {EVIL} is seen.", 2, 6, "present", "default.present")
    box = (10.0, 20.0, 30.0, 40.0)
    return [
        Card("a.png", "Mass", 0.3, "present", 0.9, (box, (12.0, 22.0, 9.0, 9.0)), (box,), (quote,)),
        Card("b.png", "Nodule", 0.8, "not mentioned", 0.2, (box,), ((50.0, 60.0, 9.0, 9.0),)),
        Card("c.png", "Mass", 0.6, None, None, (box,), ()),
    ]
