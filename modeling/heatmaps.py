"""Heatmaps of all findings: where in an image each is seen; from one pass, kept on disk.

A heatmap is the transition layer's activations times the prediction layer's weights (Wang et al.,
CVPR 2017, section 4.2); the network hands out those of all findings with its logits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from numpy.lib.format import open_memmap
from torch import Tensor
from torch.nn import functional

from modeling.attention import MiningNetwork
from modeling.choices import choose
from modeling.gradcam import grad_cam_plus_plus
from modeling.network import Network

Floats = npt.NDArray[np.float32]

METHODS = ("cam", "gradcam++")
_VALUES, _FACTS = "heatmaps.npy", "heatmaps.json"


class HeatmapFileError(ValueError):
    """Heatmaps on disk cannot be used: the `folder`, what was `found`, what was `expected`."""

    def __init__(self, folder: Path, found: str, expected: str) -> None:
        self.folder, self.found, self.expected = folder, found, expected
        super().__init__(
            f"{folder}: found {found}, expected {expected}. Run localise again, which writes them."
        )


@dataclass(frozen=True)
class Heatmaps:
    """Heatmaps (N, C, S, S): `values` by image and finding; how and by which checkpoint made.

    `centres`: where rows and columns lie, as shares of the image's side (`modeling.cells`); None
    for the middles of even parts.
    """

    values: Floats
    image_ids: tuple[str, ...]
    findings: tuple[str, ...]
    method: str
    checkpoint_id: str
    centres: tuple[float, ...] | None = None

    def of(self, image_id: str, finding: str) -> Floats | None:
        """The heatmap (S, S) of a finding in an image; None when there is none of it."""
        try:
            row, column = self._rows[image_id], self.findings.index(finding)
        except (KeyError, ValueError):
            return None
        heat: Floats = np.asarray(self.values[row, column])
        return heat

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {image_id: row for row, image_id in enumerate(self.image_ids)}


def predict_batch(
    network: Network | MiningNetwork, images: Tensor, *, method: str = "cam"
) -> tuple[Tensor, Tensor]:
    """Logits (N, C) and heatmaps (N, C, S, S) of images (N, 1 or 3, H, W), on their device.

    "cam": both from one pass; "gradcam++" runs once more forward and back for each finding. The
    network must be in evaluation mode. UnknownChoiceError for another method.
    """
    if choose("method", method, METHODS) == "cam":
        with torch.inference_mode():
            output = network(images)
        return output.logits.float(), output.heatmaps.float()
    with torch.no_grad():
        logits = network(images).logits.float()
    return logits, grad_cam_plus_plus(network, images)


def upsample(heatmaps: Tensor, size: int | tuple[int, int]) -> Tensor:
    """Heatmaps (N, C, H, W) at `size` (a side, or height and width), bilinearly, in one go."""
    side = (size, size) if isinstance(size, int) else size
    return functional.interpolate(heatmaps, size=side, mode="bilinear", align_corners=False)


def normalise(heat: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """A heatmap taken to 0 … 255 by its least and largest value; a constant one to 0.

    >>> normalise(np.array([[1.0, 2.0], [3.0, 1.5]])).tolist()
    [[0, 128], [255, 64]]
    """
    low, high = float(heat.min()), float(heat.max())
    if high - low <= 1e-6 * max(abs(low), abs(high)):
        return np.zeros(heat.shape, np.uint8)
    level: npt.NDArray[np.uint8] = np.rint((heat - low) * (255 / (high - low))).astype(np.uint8)
    return level


class HeatmapWriter:
    """Writes heatmaps batch by batch into `folder`, without holding them in memory.

    A context manager; `heatmaps.json`, without which nothing can be loaded, comes last.
    """

    def __init__(
        self,
        folder: Path,
        image_ids: Sequence[str],
        findings: Sequence[str],
        *,
        method: str,
        checkpoint_id: str,
        centres: Callable[[int], tuple[float, ...] | None] | None = None,
    ) -> None:
        """`centres` of maps with a side of so many cells."""
        self.folder, self._centres = folder, centres
        self._facts = {
            "image_ids": list(image_ids),
            "findings": list(findings),
            "method": method,
            "checkpoint_id": checkpoint_id,
        }
        self._shape = (len(image_ids), len(findings))
        self._values: Any = None  # a memory map
        self._row = 0

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def write(self, heatmaps: Tensor) -> None:
        """Adds the heatmaps (n, C, S, S) of the next n images."""
        batch = heatmaps.detach().float().cpu().numpy()
        if self._values is None:  # only now is S known
            shape = (*self._shape, *batch.shape[2:])
            path = self.folder / _VALUES
            self._values = open_memmap(path, "w+", np.float32, shape)  # type: ignore[no-untyped-call]
        self._values[self._row : self._row + len(batch)] = batch
        self._row += len(batch)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            return
        if self._row != self._shape[0]:
            raise HeatmapFileError(
                self.folder, f"heatmaps of {self._row} images", f"those of {self._shape[0]}"
            )
        if self._values is None:
            np.save(self.folder / _VALUES, np.zeros((*self._shape, 1, 1), np.float32))
        else:
            self._values.flush()
        centres = None
        if self._centres is not None and self._values is not None:
            centres = self._centres(self._values.shape[-1])
        self._values = None
        facts = self._facts | ({"centres": list(centres)} if centres else {})
        (self.folder / _FACTS).write_text(json.dumps(facts) + "\n", encoding="utf-8")


def save_heatmaps(heatmaps: Heatmaps, folder: Path) -> None:
    """Writes them as `HeatmapWriter` does."""
    facts = asdict(heatmaps)
    del facts["values"], facts["centres"]
    with HeatmapWriter(folder, **facts, centres=lambda _: heatmaps.centres) as writer:
        if heatmaps.image_ids:
            writer.write(torch.from_numpy(np.asarray(heatmaps.values)))


def load_heatmaps(folder: str | Path) -> Heatmaps:
    """The heatmaps in a folder, mapped into memory. HeatmapFileError when they are not whole."""
    folder = Path(folder)
    try:
        facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
        values = np.load(folder / _VALUES, mmap_mode="r", allow_pickle=False)
        names = {key: tuple(facts[key]) for key in ("image_ids", "findings")}
        found = Heatmaps(
            values,
            **names,
            method=facts["method"],
            checkpoint_id=facts["checkpoint_id"],
            centres=tuple(facts["centres"]) if facts.get("centres") else None,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HeatmapFileError(
            folder, f"no readable heatmaps ({type(error).__name__})", f"{_VALUES} and {_FACTS}"
        ) from None
    expected = (len(found.image_ids), len(found.findings))
    if values.ndim != 4 or values.shape[:2] != expected:
        raise HeatmapFileError(folder, f"heatmaps {values.shape}", f"{expected} × S × S")
    return found
