"""Boxes that never look at the image: what any result must beat at equal numbers of boxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import BOXES

from .box_overlaps import corners, row_codes
from .nih import patient_of

Floats = npt.NDArray[np.float64]
Pair = tuple[str, str]  # image id and finding

FIXED_SOURCE = "fixed box per finding and side"
SHUFFLED_SOURCE = "boxes of another image of the finding"

_COLUMNS = BOXES.columns


def learn_fixed_boxes(
    truth: pa.Table, *, width: float = 1024.0, height: float = 1024.0
) -> dict[str, Floats]:
    """The boxes each finding gets whatever the image: finding -> (boxes, 5), x, y, w, h, score.

    First the medians of the edges of the true boxes on either side of the midline, the more
    frequent side first; then, for comparisons that need more boxes, the medians per quarter.
    The score is the share of the finding's boxes that a median stands for, lower for quarters.
    Learn it from tuning folds only.
    """
    edges = corners(truth)
    right = (edges[:, 0] + edges[:, 2]) / 2 > width / 2
    low = (edges[:, 1] + edges[:, 3]) / 2 > height / 2
    names = np.asarray(truth["finding"].to_pylist(), object)
    learnt = {}
    for finding in sorted(set(names.tolist())):
        own = names == finding
        sides = [own & (right == side) for side in (False, True)]
        quarters = [side & (low == half) for side in sides for half in (False, True)]
        rows = [
            (_median_box(edges[part]), part.sum() / own.sum() - penalty)
            for parts, penalty in ((sides, 0), (quarters, 1))
            for part in parts
            if part.any()
        ]
        rows.sort(key=lambda row: -row[1])
        learnt[finding] = np.array([(*box, score) for box, score in rows])
    return learnt


def fixed_boxes(
    learnt: dict[str, Floats], wanted: dict[Pair, int], *, source: str = FIXED_SOURCE
) -> pa.Table:
    """The `boxes` table that gives each (image, finding) its first `wanted` fixed boxes.

    Take `wanted` from `boxes_per_row` of the result to compare with. A finding has at most six
    fixed boxes, two sides and four quarters: of more wanted, it gets these (`equal_numbers`).
    """
    rows = [
        (image, finding, *box, source)
        for (image, finding), count in wanted.items()
        for box in learnt.get(finding, np.zeros((0, 5)))[:count].tolist()
    ]
    return _boxes_table(rows)


def cross_validated_fixed_boxes(
    truth: pa.Table,
    wanted: dict[Pair, int] | None = None,
    *,
    folds: int = 2,
    seed: int = 0,
    patient: Callable[[str], str] = patient_of,
    width: float = 1024.0,
    height: float = 1024.0,
) -> pa.Table:
    """Fixed boxes for every row, learnt from the boxes of other patients only.

    Patients of the truth and of `wanted` (default: two boxes for each annotated row) are dealt into
    folds. ValueError for fewer than two folds or more than patients.
    """
    wanted = wanted if wanted is not None else dict.fromkeys(_pairs(truth), 2)
    owner = {image: patient(image) for image in truth["image_id"].to_pylist()}
    owner |= {image: patient(image) for image, _ in wanted}
    patients = sorted(set(owner.values()))
    if not 2 <= folds <= len(patients):
        raise ValueError(f"folds: found {folds}, expected 2 to {len(patients)}, the patients.")
    order = np.random.default_rng(seed).permutation(len(patients))
    fold = {patients[number]: place % folds for place, number in enumerate(order.tolist())}
    of_truth = np.array([fold[owner[image]] for image in truth["image_id"].to_pylist()], np.int64)
    pieces = []
    for held_out in range(folds):
        learnt = learn_fixed_boxes(
            truth.filter(pa.array(of_truth != held_out)), width=width, height=height
        )
        rows = {pair: n for pair, n in wanted.items() if fold[owner[pair[0]]] == held_out}
        pieces.append(fixed_boxes(learnt, rows))
    return pa.concat_tables(pieces)


def shuffled_order(
    images: Sequence[str], *, seed: int, patient: Callable[[str], str] = patient_of
) -> npt.NDArray[np.int64]:
    """Which image's heatmap each image gets: a permutation, of another patient where possible.

    Possible whenever no patient has more than half of the images. For heatmaps of one finding:
    `heatmaps[shuffled_order(...)]`.
    """
    generator = np.random.default_rng(seed)
    owners = [patient(image) for image in images]
    rank = dict(zip(sorted(set(owners)), generator.permutation(len(set(owners))), strict=True))
    # Patients side by side, then moved on by the most images that one has.
    order = np.lexsort((generator.random(len(images)), [rank[owner] for owner in owners]))
    step = max(Counter(owners).values(), default=0)
    if step >= len(images):
        step = 1  # one patient: at least another image
    donors = np.empty(len(images), np.int64)
    donors[order] = np.roll(order, -step)
    return donors


def shuffle_boxes(
    boxes: pa.Table, *, seed: int, patient: Callable[[str], str] = patient_of
) -> pa.Table:
    """The boxes dealt to other images of the same finding, each row keeping its number of boxes.

    Within a finding, images with equally many boxes pass theirs on, to another patient where
    possible. An image that is alone with its number takes the best-scored boxes of others. A
    finding with a single image cannot be shuffled and is left out: `equal_numbers` drops it from
    the result as well.
    """
    generator = np.random.default_rng(seed)
    table = boxes.select(_COLUMNS).to_pylist()
    by_pair: dict[Pair, list[dict[str, Any]]] = {}
    for row in table:
        by_pair.setdefault((row["image_id"], row["finding"]), []).append(row)
    rows: list[tuple[Any, ...]] = []
    for finding in sorted({pair[1] for pair in by_pair}):
        own = {image: drawn for (image, name), drawn in by_pair.items() if name == finding}
        for image, drawn in _dealt(own, generator, patient).items():
            numbers = ((box["x"], box["y"], box["w"], box["h"], box["score"]) for box in drawn)
            rows += [(image, finding, *box, SHUFFLED_SOURCE) for box in numbers]
    return _boxes_table(rows)


def boxes_per_row(boxes: pa.Table) -> dict[Pair, int]:
    """How many boxes each (image, finding) has."""
    return dict(Counter(_pairs(boxes)))


def equal_numbers(one: pa.Table, other: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Both tables with the same number of boxes in each row: the lesser, best-scored first."""
    counts = [boxes_per_row(table) for table in (one, other)]
    limits = {pair: min(n, counts[1].get(pair, 0)) for pair, n in counts[0].items()}
    return _best(one, limits), _best(other, limits)


def _dealt(
    own: dict[str, list[dict[str, Any]]],
    generator: np.random.Generator,
    patient: Callable[[str], str],
) -> dict[str, list[dict[str, Any]]]:
    """Each image of one finding with boxes of others."""
    by_count: dict[int, list[str]] = {}
    for image in sorted(own):
        by_count.setdefault(len(own[image]), []).append(image)
    dealt: dict[str, list[dict[str, Any]]] = {}
    for count, images in sorted(by_count.items()):
        if len(images) > 1:
            seed = int(generator.integers(1 << 32))
            donors = shuffled_order(images, seed=seed, patient=patient)
            dealt |= {image: own[images[d]] for image, d in zip(images, donors, strict=True)}
        elif len(own) > 1:
            others = [image for image in sorted(own) if image != images[0]]
            others = [others[number] for number in generator.permutation(len(others))]
            # Another patient's first; those with enough boxes before those with too few.
            others.sort(key=lambda o: (patient(o) == patient(images[0]), len(own[o]) < count))
            pool = [box for donor in others for box in _ranked(own[donor])]
            dealt[images[0]] = pool[:count]
    return dealt


def _ranked(drawn: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(drawn, key=lambda box: -(box["score"] or 0.0))


def _best(boxes: pa.Table, limits: dict[Pair, int]) -> pa.Table:
    """At most so many boxes of each row, in the table's order."""
    (codes,) = row_codes([boxes])
    scores = pc.fill_null(boxes["score"], 0.0).to_numpy()
    order = np.lexsort((-scores, codes))  # stable
    rank = np.empty(len(codes), np.int64)
    rank[order] = np.arange(len(codes)) - np.searchsorted(codes[order], codes[order])
    limit = np.array([limits.get(pair, 0) for pair in _pairs(boxes)], np.int64)
    return boxes.filter(pa.array(rank < limit))


def _median_box(edges: Floats) -> tuple[float, float, float, float]:
    left, top, right, bottom = np.median(edges, axis=0).tolist()
    return left, top, right - left, bottom - top


def _pairs(boxes: pa.Table) -> list[Pair]:
    return list(zip(boxes["image_id"].to_pylist(), boxes["finding"].to_pylist(), strict=True))


def _boxes_table(rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(_COLUMNS)
    return pa.table(dict(zip(_COLUMNS, columns, strict=True)), schema=BOXES.schema)
