"""Attention mining step by step, for a page: the heat of each look, what was blocked, why it ended.

What is merged into one heatmap, for boxes, is here apart: `modeling.attention` mines, this only
keeps what it saw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from modeling.attention import MiningNetwork, MiningOptions, MiningStep, enough, normalised, summits
from modeling.attention_training import load_mined
from modeling.localisation import pick_device
from modeling.pixel_cache import build_cache

Pair = tuple[str, str]  # image id, finding

NOTHING = "nothing is left to look at"
SLOPE = "a slope, no summit"
TOO_LITTLE = "too little is left to see"
AFTER = "an earlier step was left out"


@dataclass(frozen=True)
class Look:
    """What one step saw of a finding: its `heat` (S, S) in [0, 1], 0 where it was `blocked`.

    `score` is the probability with that blocked; `left_out` says why the step is not in the merged
    map, "" when it is.
    """

    heat: npt.NDArray[np.float32]
    blocked: npt.NDArray[np.bool_]
    score: float
    left_out: str = ""


def mined_looks(
    checkpoint: str | Path,
    images: pa.Table,
    pairs: Sequence[Pair],
    *,
    device: str = "auto",
    cache: str | Path | None = None,
) -> dict[Pair, tuple[Look, ...]]:
    """The first look and each step of these pairs; {} for a checkpoint that mines nothing.

    `images` are those that were looked at: their pixels come from the cache. Pairs of an image that
    cannot be read, or of a finding that the checkpoint does not know, are left out. Errors: those
    of the checkpoint and the device.
    """
    network, card = load_mined(checkpoint)
    if not isinstance(network, MiningNetwork):
        return {}
    where = pick_device(device)
    network = network.to(where)
    pixels = build_cache(images, size=int(card.preset["image_size"]), root=cache)
    by_image: dict[str, list[str]] = {}
    for image_id, finding in pairs:
        if image_id in pixels and finding in card.findings:
            by_image.setdefault(image_id, []).append(finding)
    found: dict[Pair, tuple[Look, ...]] = {}
    for image_id, findings in by_image.items():
        picture = torch.from_numpy(pixels.read(pixels.rows([image_id]))).unsqueeze(1).to(where)
        columns = [card.findings.index(finding) for finding in findings]
        with torch.inference_mode():
            steps = network.steps_of(picture, columns)
        for row, finding in enumerate(findings):
            found[image_id, finding] = looks_of(steps, network.options, row)
    return found


def looks_of(steps: Sequence[MiningStep], options: MiningOptions, row: int) -> tuple[Look, ...]:
    """The looks of one pair: row `row` of what `mine` gave."""
    looks: list[Look] = []
    for number, step in enumerate(steps):
        reason = AFTER if any(look.left_out for look in looks) else ""
        if number and not reason:
            reason = _reason(step, steps[0], options, row)
        looks.append(
            Look(
                normalised(step)[row].cpu().numpy(),
                step.blocked[row].cpu().numpy(),
                float(torch.sigmoid(step.logits[row].float())),
                reason,
            )
        )
    return tuple(looks)


def _reason(step: MiningStep, first: MiningStep, options: MiningOptions, row: int) -> str:
    if bool(step.blocked[row].all()):
        return NOTHING
    if not bool(summits(step, options)[row]):
        return SLOPE
    return "" if bool(enough(step, first, options)[row]) else TOO_LITTLE
