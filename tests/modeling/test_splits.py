"""Splits by patient: no patient on two sides, ever."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts import IMAGES
from modeling.splits import (
    PAPER_SHARES,
    SPLITS,
    SplitError,
    check_split,
    fold_by_patient,
    official_nih_split,
    split_by_patient,
    split_hash,
)

# What the hash gave when it was written, so that no release moves patients.
FROZEN = ["train", "train", "train", "train", "train", "val", "train", "train"]


def _images(patients: list[str | None]) -> pa.Table:
    rows = [
        {"image_id": f"{n}.png", "patient_id": patient, "path": f"{n}.png"}
        for n, patient in enumerate(patients)
    ]
    return pa.Table.from_pylist(rows, schema=IMAGES.schema)


def _sides(table: pa.Table) -> dict[str, set[str]]:
    sides = defaultdict(set)
    for row in table.to_pylist():
        sides[row["patient_id"]].add(row["split"])
    return sides


@settings(max_examples=60, deadline=None)
@given(
    patients=st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=60),
    seed=st.integers(0, 5),
    folds=st.integers(2, 6),
    data=st.data(),
)
def test_no_patient_is_on_two_sides_and_no_image_is_lost(
    patients: list[str | None], seed: int, folds: int, data: st.DataObject
) -> None:
    images = _images(patients)
    values = st.lists(st.sampled_from([0.0, 1.0, np.nan]), min_size=3, max_size=3)
    drawn = data.draw(st.lists(values, min_size=len(patients), max_size=len(patients)))
    targets = np.array(drawn, np.float32).reshape(len(patients), 3)
    for stratify in (None, targets):
        for split in (
            split_by_patient(images, seed=seed, stratify=stratify),
            fold_by_patient(images, folds, seed=seed, stratify=stratify),
        ):
            assert all(len(found) == 1 for found in _sides(split.table).values())
            assert split.table.num_rows + split.rejects.num_rows == len(patients)


def test_shares_are_kept_among_many_patients() -> None:
    split = split_by_patient(_images([f"p{n}" for n in range(5000)]))
    found = split.table["split"].to_pylist()
    for side, share in PAPER_SHARES.items():
        assert found.count(side) / 5000 == pytest.approx(share, abs=0.02)


def test_a_new_patient_moves_nobody() -> None:
    few, many = (split_by_patient(_images([f"p{n}" for n in range(n)])) for n in (50, 80))
    assert few.table.to_pylist() == many.table.to_pylist()[:50]


def test_the_seed_decides_and_nothing_else() -> None:
    images = _images([f"p{n}" for n in range(200)])
    assert split_by_patient(images, seed=3).sha256 == split_by_patient(images, seed=3).sha256
    assert split_by_patient(images, seed=3).sha256 != split_by_patient(images, seed=4).sha256


def test_split_is_the_same_on_every_machine() -> None:
    table = split_by_patient(_images([f"p{n}" for n in range(8)]), seed=0).table
    assert table["split"].to_pylist() == FROZEN


def test_stratified_shares_hold_for_a_rare_finding() -> None:
    patients = [f"p{n}" for n in range(1000)]
    targets = np.zeros((1000, 2), np.float32)
    targets[:20, 0] = 1
    targets[::2, 1] = 1
    split = fold_by_patient(_images(patients), 5, stratify=targets)
    side_of = {row["patient_id"]: row["split"] for row in split.table.to_pylist()}
    rare = [side_of[patient] for patient in patients[:20]]
    assert sorted(rare.count(f"fold-{n}") for n in range(5)) == [4] * 5
    assert [list(side_of.values()).count(f"fold-{n}") for n in range(5)] == pytest.approx(
        [200] * 5, abs=2
    )


def test_images_without_patient_are_rejects() -> None:
    split = split_by_patient(_images(["a", None, ""]))
    assert split.rejects["key"].to_pylist() == ["1.png", "2.png"]
    assert set(split.rejects["reason"].to_pylist()) == {"no patient"}


def test_rows_of_a_side() -> None:
    images = _images([f"p{n}" for n in range(40)])
    split = split_by_patient(images)
    parts = [split.rows(images, side) for side in PAPER_SHARES]
    assert sorted(np.concatenate(parts).tolist()) == list(range(40))
    assert split.rows(images, "train", "val", "test").tolist() == list(range(40))


def test_hash_does_not_hang_on_the_order() -> None:
    table = split_by_patient(_images([f"p{n}" for n in range(9)])).table
    assert split_hash(table) == split_hash(table.take(list(range(8, -1, -1))))


@pytest.mark.parametrize("shares", [{"train": 0.5}, {"train": 1.5, "test": -0.5}])
def test_bad_shares(shares: dict[str, float]) -> None:
    with pytest.raises(SplitError, match="add up to 1"):
        split_by_patient(_images(["a"]), shares=shares)


def test_targets_must_fit() -> None:
    with pytest.raises(SplitError, match="one row per image"):
        split_by_patient(_images(["a", "b"]), stratify=np.zeros((1, 2), np.float32))


def test_a_torn_patient_is_an_error() -> None:
    rows = [
        {"image_id": "1", "patient_id": "p", "split": "train"},
        {"image_id": "2", "patient_id": "p", "split": "test"},
    ]
    with pytest.raises(SplitError, match="two sides"):
        check_split(pa.Table.from_pylist(rows, schema=SPLITS.schema))


def _lists(folder: Path, train_val: list[str], test: list[str]) -> tuple[Path, Path]:
    paths = folder / "train_val_list.txt", folder / "test_list.txt"
    for path, names in zip(paths, (train_val, test), strict=True):
        path.write_text("\r\n".join(names) + "\n")
    return paths


def test_official_lists(tmp_path: Path) -> None:
    patients = [f"p{n // 2}" for n in range(400)]
    names = [f"{n}.png" for n in range(400)]
    split = official_nih_split(_images(patients), *_lists(tmp_path, names[:300], names[300:398]))
    sides = split.table["split"].to_pylist()
    assert sides[300:] == ["test"] * 98
    assert set(sides[:300]) == {"train", "val"}
    assert sides.count("val") / 300 == pytest.approx(0.1, abs=0.06)
    assert split.rejects["reason"].to_pylist() == ["in no list"] * 2


def test_official_lists_that_tear_a_patient(tmp_path: Path) -> None:
    with pytest.raises(SplitError, match="two sides"):
        official_nih_split(_images(["p", "p"]), *_lists(tmp_path, ["0.png"], ["1.png"]))


def test_official_lists_that_overlap(tmp_path: Path) -> None:
    with pytest.raises(SplitError, match="both lists"):
        official_nih_split(_images(["p"]), *_lists(tmp_path, ["0.png"], ["0.png"]))


def test_empty_list(tmp_path: Path) -> None:
    with pytest.raises(SplitError, match="no names"):
        official_nih_split(_images(["p"]), *_lists(tmp_path, [], ["0.png"]))
