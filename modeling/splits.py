"""Which images train and which test: split by patient, as a table with a hash."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from data_contracts.checks import NotBlank, UniqueKey
from data_contracts.contract import Contract, column, schema_of

from .image_rejects import reject, reject_table

TRAIN, VAL, TEST = "train", "val", "test"
PAPER_SHARES = {TRAIN: 0.7, VAL: 0.1, TEST: 0.2}  # ChestX-ray8, section 4
STAGE = "split"

SPLITS = Contract(
    name="splits",
    version=1,
    schema=schema_of(
        column("image_id", pa.string(), "The image"),
        column("patient_id", pa.string(), "Its patient, who is on one side only"),
        column("split", pa.string(), "train, val or test; or fold-0, fold-1, …"),
    ),
    key=("image_id",),
    checks=(
        NotBlank("image_id"),
        NotBlank("patient_id"),
        NotBlank("split"),
        UniqueKey(("image_id",)),
    ),
)


class SplitError(ValueError):
    """A split cannot be made or is none: what was `found`, what `expected`, what `to_do`."""

    def __init__(self, found: str, expected: str, to_do: str) -> None:
        self.found, self.expected, self.to_do = found, expected, to_do
        super().__init__(f"split: found {found}, expected {expected}. {to_do}")


@dataclass(frozen=True)
class Split:
    """`table` (contract SPLITS) in the order of the images, `rejects`, and the table's `sha256`."""

    table: pa.Table
    rejects: pa.Table
    sha256: str

    def rows(self, images: pa.Table, *sides: str) -> npt.NDArray[np.int64]:
        """The rows of an `images` table that are on one of these sides, ascending."""
        wanted = set(sides)
        chosen = {
            image_id
            for image_id, side in zip(
                self.table["image_id"].to_pylist(), self.table["split"].to_pylist(), strict=True
            )
            if side in wanted
        }
        ids = images["image_id"].to_pylist()
        return np.array([row for row, key in enumerate(ids) if key in chosen], dtype=np.int64)


def split_by_patient(
    images: pa.Table,
    *,
    shares: Mapping[str, float] = PAPER_SHARES,
    seed: int = 0,
    stratify: npt.NDArray[np.float32] | None = None,
) -> Split:
    """Every patient on one side, by a hash of seed and patient: the same on every machine.

    Without `stratify` a patient's side depends on nothing else, so that new patients move nobody.
    With it (targets, (N, C), NaN = unknown) the shares hold within each group of patients that
    have the same rarest positive finding. Images without patient are rejects.
    SplitError for shares that are not positive or do not add up to 1.
    """
    if any(share <= 0 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-9:
        raise SplitError(
            f"shares {dict(shares)}", "positive ones that add up to 1", "Correct them."
        )
    known = _with_patient(images)
    sides, ends = list(shares), np.cumsum(list(shares.values()))
    places = _places(known, images, seed, stratify)
    chosen = {
        patient: sides[min(int(np.searchsorted(ends, place, side="right")), len(sides) - 1)]
        for patient, place in places.items()
    }
    return _split(images, known, [chosen[patient] for _, patient in known])


def fold_by_patient(
    images: pa.Table,
    folds: int,
    *,
    seed: int = 0,
    stratify: npt.NDArray[np.float32] | None = None,
) -> Split:
    """The images in `folds` parts named fold-0, fold-1, …; else as `split_by_patient`."""
    if folds < 2:
        raise SplitError(f"{folds} folds", "2 or more", "Ask for more.")
    shares = {f"fold-{n}": 1 / folds for n in range(folds)}
    return split_by_patient(images, shares=shares, seed=seed, stratify=stratify)


def official_nih_split(
    images: pa.Table,
    train_val_list: str | Path,
    test_list: str | Path,
    *,
    val_share: float = 0.1,
    seed: int = 0,
) -> Split:
    """NIH's published split (train_val_list.txt, test_list.txt: a file name per line).

    `val_share` of the patients of the first list become "val", by hash as in `split_by_patient`.
    Images in neither list are rejects. SplitError when a list is empty, or an image or a patient is
    in both.
    """
    lists = [_names(train_val_list), _names(test_list)]
    both = lists[0] & lists[1]
    if both:
        raise SplitError(f"{len(both)} images in both lists", "none", "Fetch NIH's lists again.")
    known = _with_patient(images)
    listed = [(key, patient) for key, patient in known if key in lists[0] or key in lists[1]]
    sides = [
        TEST if key in lists[1] else VAL if _uniform(seed, patient) < val_share else TRAIN
        for key, patient in listed
    ]
    return _split(images, listed, sides)


def check_split(table: pa.Table) -> None:
    """Nothing, if every patient is on one side. SplitError otherwise."""
    sides: dict[str, set[str]] = defaultdict(set)
    for patient, side in zip(
        table["patient_id"].to_pylist(), table["split"].to_pylist(), strict=True
    ):
        sides[patient].add(side)
    torn = sorted(patient for patient, found in sides.items() if len(found) > 1)
    if torn:
        raise SplitError(
            f"{len(torn)} patients on two sides, the first {torn[0]!r}",
            "each patient on one side",
            "Split by patient; check that patient ids are those of the images.",
        )


def split_hash(table: pa.Table) -> str:
    """SHA-256 of the split: of image, patient and side of every row, in the order of image ids."""
    columns = (table[name].to_pylist() for name in SPLITS.columns)
    lines = sorted("\t".join(row) + "\n" for row in zip(*columns, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _split(images: pa.Table, known: Sequence[tuple[str, str]], sides: Iterable[str]) -> Split:
    rows = [(*pair, side) for pair, side in zip(known, sides, strict=True)]
    columns = zip(*rows, strict=True) if rows else ((), (), ())
    table = pa.table([pa.array(list(c), pa.string()) for c in columns], schema=SPLITS.schema)
    check_split(table)
    kept = {row[0] for row in rows}
    refused = [
        reject(STAGE, key, "patient_id", "in no list" if patient else "no patient")
        for key, patient in zip(
            images["image_id"].to_pylist(), images["patient_id"].to_pylist(), strict=True
        )
        if key not in kept
    ]
    return Split(table, reject_table(refused), split_hash(table))


def _with_patient(images: pa.Table) -> list[tuple[str, str]]:
    ids, patients = images["image_id"].to_pylist(), images["patient_id"].to_pylist()
    return [(key, patient) for key, patient in zip(ids, patients, strict=True) if patient]


def _uniform(seed: int, patient: str) -> float:
    """A number in [0, 1) that only seed and patient decide."""
    digest = hashlib.blake2b(f"{seed}\n{patient}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)


def _places(
    known: Sequence[tuple[str, str]],
    images: pa.Table,
    seed: int,
    stratify: npt.NDArray[np.float32] | None,
) -> dict[str, float]:
    """Where in [0, 1) each patient lies."""
    places = {patient: _uniform(seed, patient) for _, patient in known}
    if stratify is None:
        return places
    groups: dict[int, list[str]] = defaultdict(list)
    for patient, group in _groups(images, stratify).items():
        groups[group].append(patient)
    for group, members in groups.items():
        members.sort(key=lambda patient: (places[patient], patient))
        # Evenly over [0, 1), from a start that differs by group: else every small group's first
        # patients would fall on the same side.
        start = _uniform(seed, f"group {group}")
        for n, patient in enumerate(members):
            places[patient] = (n + start) / len(members)
    return places


def _groups(images: pa.Table, targets: npt.NDArray[np.float32]) -> dict[str, int]:
    """Each patient's rarest positive finding (rare by patients), -1 for none."""
    if targets.ndim != 2 or len(targets) != images.num_rows:
        raise SplitError(
            f"targets of shape {targets.shape}",
            f"({images.num_rows}, findings)",
            "Give one row per image, in the images' order.",
        )
    positive: dict[str, npt.NDArray[np.bool_]] = {}
    for patient, row in zip(images["patient_id"].to_pylist(), targets == 1, strict=True):
        if patient:
            positive[patient] = positive[patient] | row if patient in positive else row
    counts = sum(positive.values(), np.zeros(targets.shape[1], dtype=np.int64))
    order = np.argsort(counts, kind="stable")
    groups = {}
    for patient, row in positive.items():
        present = [int(finding) for finding in order if row[finding]]
        groups[patient] = present[0] if present else -1
    return groups


def _names(path: str | Path) -> set[str]:
    lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    names = {line.strip() for line in lines if line.strip()}
    if not names:
        raise SplitError(f"no names in {path}", "a file name per line", "Fetch the list again.")
    return names
