"""Sides of a data set: NIH's lists as a split, and uncertain labels weighted by their mentions."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts import CHESTXRAY8
from modeling.data_sides import Sides, make_sides, read_data, with_split, write_data
from modeling.labelled_images import bring_together
from modeling.phantom import generate_phantoms
from modeling.splits import SplitError
from modeling.targets import TargetError


@pytest.fixture
def phantoms(tmp_path: Path) -> Path:
    return generate_phantoms(tmp_path / "set", count=30, seed=0, size=64, uncertain=0.3).folder


def sides_of(folder: Path, cache: Path, uncertain: str) -> Sides:
    return make_sides(
        read_data(folder), findings=CHESTXRAY8, size=64, cache=cache, uncertain=uncertain
    )


def test_the_folder_of_nihs_lists_is_a_split(phantoms: Path, tmp_path: Path) -> None:
    data = bring_together(phantoms, phantoms)
    pairs = (data.images[name].to_pylist() for name in ("image_id", "patient_id"))
    whose = dict(zip(*pairs, strict=True))
    held = set(sorted(set(whose.values()))[:3])
    lists = tmp_path / "lists"
    lists.mkdir()
    for name, wanted in (("train_val_list.txt", False), ("test_list.txt", True)):
        own = [key for key, patient in whose.items() if (patient in held) == wanted]
        (lists / name).write_text("\n".join(own))
    split = with_split(data, lists)
    sides = zip(*(split.images[name].to_pylist() for name in ("patient_id", "split")), strict=True)
    assert {patient for patient, side in sides if side == "test"} == held
    (lists / "test_list.txt").write_text("\n".join(whose))
    with pytest.raises(SplitError):
        with_split(data, lists)


def test_an_uncertain_label_weighs_what_its_mention_is_certain(
    phantoms: Path, tmp_path: Path
) -> None:
    labels = pq.read_table(phantoms / "labels.parquet")
    doubtful = [
        {"report_id": row["report_id"], "finding": name, "verdict": "uncertain", "certainty": 0.6}
        for row in labels.to_pylist()
        for name in CHESTXRAY8
        if row[name] == "uncertain"
    ]
    assert doubtful
    surest = {**doubtful[0], "certainty": 0.75}
    pq.write_table(pa.Table.from_pylist([*doubtful, surest]), phantoms / "mentions.parquet")
    folder = tmp_path / "data"
    folder.mkdir()
    write_data(with_split(bring_together(phantoms, phantoms)), folder)
    weights = []
    for part in sides_of(folder, tmp_path / "cache", "certainty").parts.values():
        light = (part.weights > 0) & (part.weights < 1)
        assert bool((part.targets[light] == 1).all())
        weights += part.weights[light].tolist()
    masked = sides_of(folder, tmp_path / "cache", "ignore").parts.values()
    unknown = sum(int(part.targets.isnan().sum()) for part in masked)
    assert len(weights) == unknown == len(doubtful)
    np.testing.assert_allclose(sorted(weights), [0.6] * (unknown - 1) + [0.75], rtol=1e-6)


def test_without_mentions_nothing_is_certain(phantoms: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    write_data(with_split(bring_together(phantoms, phantoms)), folder)
    with pytest.raises(TargetError, match="mentions"):
        sides_of(folder, tmp_path / "cache", "certainty")
