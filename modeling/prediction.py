"""What a checkpoint says of a few images: scores, boxes, and pictures of where it looked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from modeling.boxes import Box, boxes_from_heatmap
from modeling.cell_centres import cell_shares
from modeling.checkpoints import Card, load_network
from modeling.heatmaps import predict_batch
from modeling.image_reading import read_image
from modeling.localisation import pick_device
from modeling.overlays import draw_overlay
from modeling.pixel_shards import shrink
from modeling.presets import Preset
from modeling.scoring import probability

_BATCH = 16


@dataclass(frozen=True)
class Prediction:
    """One image: its `path`, size (width, height), and by finding score, boxes and heatmap (S, S).

    Boxes are in pixels of the image; only findings that score `threshold` or more have any.
    """

    path: Path
    size: tuple[int, int]
    scores: dict[str, float]
    boxes: dict[str, tuple[Box, ...]]
    heatmaps: dict[str, npt.NDArray[np.float32]]
    centres: tuple[float, ...] | None = None  # of the heatmaps' cells (`modeling.cells`)

    def to_json(self) -> dict[str, Any]:
        """Scores and boxes as plain values."""
        return {
            "image": str(self.path),
            "width": self.size[0],
            "height": self.size[1],
            "scores": self.scores,
            "boxes": {name: [box._asdict() for box in found] for name, found in self.boxes.items()},
        }


def predict_images(
    paths: Sequence[str | Path],
    checkpoint: str | Path,
    *,
    threshold: float = 0.5,
    device: str = "auto",
) -> tuple[list[Prediction], Card]:
    """The prediction for each PNG, JPEG or DICOM file, and the checkpoint's card.

    Each image is brought to the size the network was trained at, as for training. Errors:
    ImageError for a file that cannot be read, CheckpointError, LocalisationError for the device.
    """
    network, card = load_network(checkpoint)
    where = pick_device(device)
    network = network.to(where)
    side, found = int(card.preset["image_size"]), []
    centres = cell_shares(network, Preset(**card.preset), len(network.cell_centres))
    for start in range(0, len(paths), _BATCH):
        files = [Path(path) for path in paths[start : start + _BATCH]]
        pictures = [read_image(path).image for path in files]
        pixels = np.stack([np.asarray(shrink(picture, side, "area")) for picture in pictures])
        batch = torch.from_numpy(pixels).unsqueeze(1).to(where)
        logits, heat = predict_batch(network, batch)
        scores = probability(logits.cpu().double().numpy())
        maps = heat.float().cpu().numpy()
        for path, picture, row, own in zip(files, pictures, scores, maps, strict=True):
            seen = Prediction(
                path,
                picture.size,
                dict(zip(card.findings, row.tolist(), strict=True)),
                {},
                dict(zip(card.findings, own, strict=True)),
                centres,
            )
            found.append(replace(seen, boxes=_boxes(seen, threshold)))
    return found, card


def write_overlay(prediction: Prediction, out: Path, *, finding: str | None = None) -> str | None:
    """The finding shown in the picture written to `out` (PNG): heat and boxes over the image.

    By default the finding that scores highest, if any has boxes; None = the bare image was written.
    """
    sure = [name for name, boxes in prediction.boxes.items() if boxes]
    shown = finding or max(sure, key=lambda name: prediction.scores[name], default=None)
    picture = draw_overlay(
        read_image(prediction.path).image,
        heatmap=None if shown is None else prediction.heatmaps[shown],
        boxes=[] if shown is None else [box[:4] for box in prediction.boxes[shown]],
        centres=prediction.centres,
    )
    work = out.with_name(f".{out.name}.{os.getpid()}")
    picture.save(work, "PNG")
    work.replace(out)
    return shown


def _boxes(prediction: Prediction, threshold: float) -> dict[str, tuple[Box, ...]]:
    """The boxes of the findings that score enough; none of the others."""
    return {
        name: tuple(
            boxes_from_heatmap(
                prediction.heatmaps[name], image_size=prediction.size, centres=prediction.centres
            )
        )
        if score >= threshold
        else ()
        for name, score in prediction.scores.items()
    }
