"""From a checkpoint and images to predictions, heatmaps and the table of boxes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import torch

from data_contracts import BOXES, PREDICTIONS
from modeling.attention_training import load_mined
from modeling.box_options import BoxOptions
from modeling.boxes import boxes_from_heatmaps
from modeling.cell_centres import cell_shares
from modeling.checkpoints import Card
from modeling.choices import choose
from modeling.heatmaps import METHODS, Heatmaps, HeatmapWriter, load_heatmaps, predict_batch
from modeling.image_rejects import reject, reject_table
from modeling.pixel_cache import PixelCache, build_cache
from modeling.presets import Preset
from modeling.scoring import probability
from modeling.untrained import UNTRAINED, untrained_network

STAGE = "localise"
_DRAWN_AT_ONCE = 2048  # images whose heatmaps are in memory while their boxes are drawn
Progress = Callable[[int, int], None]
# (image id, finding), or an image id for all findings of the image.
Row = str | tuple[str, str]


class LocalisationError(ValueError):
    """Nothing can be localised: what was `found`, what was `expected`, what `to_do`."""

    def __init__(self, found: str, expected: str, to_do: str) -> None:
        self.found, self.expected, self.to_do = found, expected, to_do
        super().__init__(f"localisation: found {found}, expected {expected}. {to_do}")


@dataclass(frozen=True)
class Sight:
    """What a checkpoint sees in images: `predictions`, `heatmaps`; images not read are `rejects`.

    `images` are the rows of the images table that the heatmaps are of, in their order.
    """

    predictions: pa.Table
    heatmaps: Heatmaps
    images: pa.Table
    rejects: pa.Table
    card: Card


def look_at(
    checkpoint: str | Path,
    images: pa.Table,
    out: Path,
    *,
    method: str = "cam",
    batch: int = 32,
    device: str = "auto",
    cache: str | Path | None = None,
    progress: Progress | None = None,
    untrained: bool = False,
) -> Sight:
    """What the checkpoint sees in these images; the heatmaps are in the folder `out`.

    Images are read from the pixel cache (under `cache`, default: the usual one) at the size the
    checkpoint was trained at. `device` "auto" is a GPU where there is one. With `untrained` it is
    what the same network saw before any training. Errors: CheckpointError, LocalisationError for
    an image without width or height, UnknownChoiceError for another method.
    """
    choose("method", method, METHODS)
    network, card = load_mined(checkpoint)
    if untrained:
        network, card = untrained_network(checkpoint), replace(card, checkpoint_id=UNTRAINED)
    _check_sizes(images)
    pixels = build_cache(images, size=int(card.preset["image_size"]), root=cache)
    readable = pa.array([key in pixels for key in images["image_id"].to_pylist()], pa.bool_())
    seen = images.filter(readable)
    image_ids = tuple(seen["image_id"].to_pylist())
    logits = []
    centres = partial(cell_shares, network, Preset(**card.preset))
    with HeatmapWriter(
        out,
        image_ids,
        card.findings,
        method=method,
        checkpoint_id=card.checkpoint_id,
        centres=centres,
    ) as writer:
        where = pick_device(device)
        network = network.to(where)
        for part in _batches(pixels, pixels.rows(image_ids), batch, where):
            values, maps = predict_batch(network, part, method=method)
            logits.append(values.cpu().double().numpy())
            writer.write(maps)
            if progress is not None:
                progress(sum(map(len, logits)), len(image_ids))
    scores = probability(np.concatenate(logits or [np.zeros((0, len(card.findings)))]))
    predictions = predictions_table(scores, image_ids, card)
    refused = [
        reject(STAGE, key, "path", "no readable image")
        for key in images.filter(pc.invert(readable))["image_id"].to_pylist()
    ]
    return Sight(predictions, load_heatmaps(out), seen, reject_table(refused), card)


def predictions_table(
    scores: npt.NDArray[np.float64], image_ids: Collection[str], card: Card
) -> pa.Table:
    """The `predictions` table of scores (N, C), image by image."""
    count = len(card.findings)
    columns = {
        "image_id": np.repeat(np.array(list(image_ids), object), count),
        "finding": list(card.findings) * len(image_ids),
        "score": scores.reshape(-1),
        "checkpoint_id": [card.checkpoint_id] * scores.size,
    }
    return pa.table(columns, schema=PREDICTIONS.schema)


def draw_boxes(
    heatmaps: Heatmaps,
    images: pa.Table,
    *,
    options: BoxOptions | None = None,
    rows: Collection[Row] | None = None,
    min_score: float = 0.0,
    predictions: pa.Table | None = None,
    device: str = "cpu",
) -> pa.Table:
    """The `boxes` table of these heatmaps, in pixels of the images' width and height.

    Only the `rows` (default: every finding in every image) whose predicted score is at least
    `min_score` get boxes. On a GPU the maps are up-sampled there. LocalisationError when an image
    is not in the table or has no size, or `min_score` is given without predictions.
    """
    wanted = _wanted(heatmaps, rows, min_score, predictions)
    sizes = _sizes_of(heatmaps, images)
    pieces = [BOXES.empty()]
    where = pick_device(device)
    for start in range(0, len(heatmaps.image_ids), _DRAWN_AT_ONCE):
        piece = slice(start, start + _DRAWN_AT_ONCE)
        places = np.flatnonzero(wanted[piece].any(1)) + start
        if not len(places):
            continue
        values = np.asarray(heatmaps.values[places])
        maps = torch.from_numpy(values).to(where) if where.type != "cpu" else values
        drawn = boxes_from_heatmaps(
            maps,
            image_ids=[heatmaps.image_ids[place] for place in places],
            findings=heatmaps.findings,
            image_size=sizes[places],
            options=options,
            source=heatmaps.checkpoint_id,
            centres=heatmaps.centres,
        )
        pieces.append(_only(drawn, heatmaps, wanted))
    return pa.concat_tables(pieces)


def rows_of(table: pa.Table) -> set[Row]:
    """The (image, finding) pairs of a table of boxes or predictions."""
    return set(zip(table["image_id"].to_pylist(), table["finding"].to_pylist(), strict=True))


def with_original_size(images: pa.Table, size: tuple[int, int]) -> pa.Table:
    """The images table with this width and height throughout, for files that are smaller copies.

    Boxes are then drawn in the pixels of the originals.
    """
    for name, side in zip(("width", "height"), size, strict=True):
        column = pa.array([side] * images.num_rows, pa.int32())
        place = images.schema.get_field_index(name)
        images = images.set_column(place, images.schema.field(place), column)
    return images


def pick_device(name: str = "auto") -> torch.device:
    """The device of this name; "auto" is a GPU where there is one. LocalisationError if absent."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise LocalisationError(
            f"device {name!r}", "auto, cpu, cuda or cuda:N", "Choose."
        ) from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise LocalisationError(
            f"{torch.cuda.device_count()} GPUs", f"the device {name}", "Use --device cpu."
        )
    return device


def _batches(
    pixels: PixelCache, rows: npt.NDArray[np.int64], batch: int, device: torch.device
) -> Iterator[torch.Tensor]:
    """Images (n, 1, S, S) uint8 on the device."""
    for start in range(0, len(rows), batch):
        part = torch.from_numpy(pixels.read(rows[start : start + batch])).unsqueeze(1)
        if device.type == "cuda":
            part = part.pin_memory()
        yield part.to(device, non_blocking=True)


def _wanted(
    heatmaps: Heatmaps,
    rows: Collection[Row] | None,
    min_score: float,
    predictions: pa.Table | None,
) -> npt.NDArray[np.bool_]:
    """(N, C): which findings of which images get boxes."""
    pairs = [(image, finding) for image in heatmaps.image_ids for finding in heatmaps.findings]
    wanted = np.ones(len(pairs), bool)
    if rows is not None:
        chosen = set(rows)
        wanted &= np.array([pair[0] in chosen or pair in chosen for pair in pairs], bool)
    if min_score > 0:
        if predictions is None:
            raise LocalisationError("no predictions", "them, with min_score", "Give both.")
        sure = rows_of(predictions.filter(pc.field("score") >= min_score))
        wanted &= np.array([pair in sure for pair in pairs], bool)
    return wanted.reshape(len(heatmaps.image_ids), len(heatmaps.findings))


def _only(boxes: pa.Table, heatmaps: Heatmaps, wanted: npt.NDArray[np.bool_]) -> pa.Table:
    """The boxes of wanted rows."""
    place = {
        name: pc.index_in(boxes[name], pa.array(values, pa.string())).to_numpy()
        for name, values in (("image_id", heatmaps.image_ids), ("finding", heatmaps.findings))
    }
    return boxes.filter(pa.array(wanted[place["image_id"], place["finding"]], pa.bool_()))


def _sizes_of(heatmaps: Heatmaps, images: pa.Table) -> npt.NDArray[np.float64]:
    """Width and height of each image of the heatmaps: (N, 2)."""
    _check_sizes(images)
    columns = (images[name].to_pylist() for name in ("image_id", "width", "height"))
    sizes = {key: (width, height) for key, width, height in zip(*columns, strict=True)}
    missing = [key for key in heatmaps.image_ids if key not in sizes]
    if missing:
        raise LocalisationError(
            f"no row for {len(missing)} images, the first {missing[0]!r}",
            "the images table that the heatmaps were made from",
            "Give that table.",
        )
    return np.array([sizes[key] for key in heatmaps.image_ids], float).reshape(-1, 2)


def _check_sizes(images: pa.Table) -> None:
    for name in ("width", "height"):
        if images[name].null_count:
            row = pc.index(pc.is_null(images[name]), True).as_py()
            raise LocalisationError(
                f"image {images['image_id'][row].as_py()!r} without {name}",
                "the size of every original, in whose pixels boxes are drawn",
                "Scan the images again, or give the size of the originals.",
            )
