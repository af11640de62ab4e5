"""The figures of an arm of the ablation, and how far chance moves them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from benchmarks.phantom_images import PhantomImages
from modeling.auc import bootstrap_auc, macro_replicates, patient_draws, patient_numbers
from modeling.box_counts import boxes_in_rows
from modeling.box_overlaps import overlaps, row_codes

Floats = npt.NDArray[np.float64]

LEVEL = 0.1  # of IoBB, the lowest of the papers' tables: a nodule is smaller than a cell
FIGURES = ("AUC", "AUC Nodule", "Acc", "Acc Nodule", "AFP", "2nd", "3rd")


@dataclass(frozen=True)
class Judged:
    """What one training gives: logits and targets (N, C), and ratios' parts by image.

    `parts` (N, 5, 2): how much of Acc, Acc of nodules, AFP, 2nd and 3rd, and of how much.
    """

    logits: Floats
    targets: Floats
    nodule: int
    parts: Floats


def judge(logits: Floats, boxes: pa.Table, test: PhantomImages, level: float = LEVEL) -> Judged:
    """The figures' parts of boxes drawn on the test images, where the finding is shown.

    A lesion is found by a box of its own whose IoBB with it is above `level`.
    """
    truth = test.boxes
    boxes, _ = boxes_in_rows(boxes, truth, "own", test.findings)
    place = {name: row for row, name in enumerate(test.image_ids)}
    where = [np.array([place[i] for i in t["image_id"].to_pylist()], int) for t in (boxes, truth)]
    found, false = match(boxes, truth, level)
    nodules = np.array([name == "Nodule" for name in truth["finding"].to_pylist()])
    parts = np.zeros((len(test), 5, 2))

    def add(figure: int, rows: npt.NDArray[np.int64], some: Floats, of: Floats) -> None:
        np.add.at(parts[:, figure, 0], rows, some)
        np.add.at(parts[:, figure, 1], rows, of)

    every = np.ones(len(found))
    add(0, where[1], found, every)
    add(1, where[1], found * nodules, nodules.astype(float))
    add(2, where[0], false, np.zeros(len(false)))
    add(2, where[1], np.zeros(len(found)), every)
    group = row_codes([truth])[0]
    lesions, hits = np.bincount(group), np.bincount(group, found)
    _, first = np.unique(group, return_index=True)
    for figure, count in ((3, 2), (4, 3)):
        several = lesions >= count
        add(
            figure,
            where[1][first],
            (several & (hits >= count)).astype(float),
            several.astype(float),
        )
    targets = test.targets.double().numpy()
    return Judged(logits, targets, test.findings.index("Nodule"), parts)


def save_seen(logits: Floats, boxes: pa.Table, home: Path) -> None:
    """Writes what a training said and drew beside its folder `home`; the boxes come last."""
    arrays, table = _kept(home)
    np.savez(arrays, logits=logits)
    work = table.with_suffix(".tmp")
    pq.write_table(boxes, work)
    work.replace(table)


def load_seen(home: Path) -> tuple[Floats, pa.Table] | None:
    """The logits and boxes that `save_seen` wrote; None when there are none."""
    arrays, table = _kept(home)
    if not table.is_file():
        return None
    with np.load(arrays) as kept:
        return kept["logits"], pq.read_table(table)


def _kept(home: Path) -> tuple[Path, Path]:
    return home.with_name(f"{home.name}.logits.npz"), home.with_name(f"{home.name}.parquet")


def match(boxes: pa.Table, truth: pa.Table, level: float = LEVEL) -> tuple[Floats, Floats]:
    """Whether each true box is found, and whether each drawn one is false.

    Drawn and true boxes of a finding are paired one to one, as many as possible, among those whose
    IoBB is above `level`: a box that lies over two lesions finds one. A drawn box is false when it
    overlaps no true one so.
    """
    pairs = overlaps(boxes, truth)
    near = pairs.iobb > level
    drawn, true = pairs.detected[near], pairs.true[near]
    graph = csr_matrix((np.ones(len(drawn)), (drawn, true)), shape=(boxes.num_rows, truth.num_rows))
    of_truth = maximum_bipartite_matching(graph, perm_type="row")
    false = np.ones(boxes.num_rows)
    false[drawn] = 0.0
    return (of_truth >= 0).astype(float), false


def sample(
    seeds: Sequence[Judged], patients: Sequence[str], *, replicates: int, seed: int = 0
) -> Floats:
    """FIGURES of the mean over the seeds, then of samples: (1 + replicates, figures).

    A sample draws patients, the same for all seeds, and seeds; the same draws for any arm of as
    many seeds.
    """
    draws = patient_draws(patients, replicates, seed)
    draws = np.concatenate([np.ones_like(draws[:1]), draws])
    of_patient = patient_numbers(patients)
    each = np.stack([_figures(judged, draws, of_patient) for judged in seeds])  # (seeds, R, F)
    generator = np.random.default_rng([seed, 1])
    drawn = generator.multinomial(
        len(seeds), np.full(len(seeds), 1 / len(seeds)), size=len(draws)
    ).astype(float)
    drawn[0] = 1.0
    known = ~np.isnan(each)
    weight = drawn.T[:, :, None] * known
    total = (np.where(known, each, 0.0) * weight).sum(axis=0)
    result: Floats = np.divide(
        total, weight.sum(axis=0), out=np.full_like(total, np.nan), where=weight.sum(axis=0) > 0
    )
    return result


def _figures(
    judged: Judged, draws: npt.NDArray[np.int32], of_patient: npt.NDArray[np.int64]
) -> Floats:
    auc = bootstrap_auc(judged.logits, judged.targets, draws, of_patient)
    by_patient = np.zeros((draws.shape[1], *judged.parts.shape[1:]))
    np.add.at(by_patient, of_patient, judged.parts)
    sums = np.tensordot(draws.astype(float), by_patient, axes=1)  # (R, 5, 2)
    ratios = np.divide(
        sums[..., 0], sums[..., 1], out=np.full(sums.shape[:2], np.nan), where=sums[..., 1] > 0
    )
    mean = macro_replicates(auc)[:, None]
    return np.concatenate([mean, auc[:, [judged.nodule]], ratios], axis=1)
