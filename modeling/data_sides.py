"""Which images train, validate and test, with what targets; and a data set as files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_contracts import IMAGES, REJECTS, findings_in, labels_contract, read_table, write_table
from modeling.dataset import CachedImages
from modeling.image_rejects import reject, reject_table
from modeling.images import PEOPLE_SCHEMA
from modeling.labelled_images import LabelledImages, LabelledImagesError
from modeling.pixel_cache import build_cache
from modeling.splits import (
    SPLITS,
    TEST,
    TRAIN,
    VAL,
    Split,
    check_split,
    official_nih_split,
    split_by_patient,
)
from modeling.splits import split_hash as hash_of_split
from modeling.targets import targets_from_labels

_SIDES = (TRAIN, VAL, TEST)
_JOINS, _PEOPLE, _FACTS = "joins.parquet", "people.parquet", "data.json"
_CERTAINTIES = "certainties.parquet"
# NIH's own names of its official lists.
_TRAIN_VAL_LIST, _TEST_LIST = "train_val_list.txt", "test_list.txt"
_SPLIT_SEED = 0  # the split is a property of the data: another seed of a training leaves it alone


@dataclass(frozen=True)
class Sides:
    """The parts of a data set by name (train, val, test), and by which hashes it is known.

    `images` are the rows of the images table that each part is of; `unread` are rejects.
    """

    parts: Mapping[str, CachedImages]
    images: Mapping[str, pa.Table]
    people: pa.Table
    provenance: Mapping[str, str]
    unread: pa.Table

    def part(self, name: str) -> tuple[CachedImages, pa.Table]:
        """A part and its images. LabelledImagesError when it is empty."""
        if name not in self.parts:
            raise LabelledImagesError(
                f"no image of split {name!r}", f"some, as of {', '.join(sorted(self.parts))}",
                "Give more patients, or a split that has one.",
            )  # fmt: skip
        return self.parts[name], self.images[name]


def with_split(data: LabelledImages, split: str | Path | None = None) -> LabelledImages:
    """The images with their side of the split, those that have none as rejects.

    The split is the Parquet table `split` (contract of splits) or the folder of NIH's official
    lists (train_val_list.txt, test_list.txt), else the images' own column where all have one, else
    70/10/20 by patient as in ChestX-ray8. SplitError for a patient on two sides.
    """
    chosen = _split(data.images, split)
    columns = (chosen.table[name].to_pylist() for name in ("image_id", "split"))
    sides = dict(zip(*columns, strict=True))
    ids = data.images["image_id"].to_pylist()
    rows = [row for row, image_id in enumerate(ids) if image_id in sides]
    images = data.images.take(pa.array(rows, pa.int64()))
    place = images.schema.get_field_index("split")
    column = pa.array([sides[ids[row]] for row in rows], pa.string())
    return replace(
        data,
        images=images.set_column(place, images.schema.field(place), column),
        report_ids=tuple(data.report_ids[row] for row in rows),
        rejects=pa.concat_tables([data.rejects, chosen.rejects]),
        split_hash=chosen.sha256,
    )


def everything(data: LabelledImages) -> LabelledImages:
    """The same images as one part named "all"."""
    place = data.images.schema.get_field_index("split")
    column = pa.array(["all"] * data.images.num_rows, pa.string())
    images = data.images.set_column(place, data.images.schema.field(place), column)
    return replace(data, images=images, split_hash="all")


def make_sides(
    data: LabelledImages,
    *,
    findings: Sequence[str],
    size: int,
    uncertain: str = "ignore",
    not_mentioned: str = "zero",
    cache: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Sides:
    """The parts of data that has a split, at `size` × `size` pixels, decoded once into the cache.

    With uncertain = "certainty" an uncertain label is 1 at the weight of its surest mention.
    Errors: TargetError for findings without labels, or without mentions where they are needed;
    CacheError.
    """
    policy: Any = {"uncertain": uncertain, "not_mentioned": not_mentioned}
    targets = targets_from_labels(
        data.labels,
        findings,
        report_ids=data.report_ids,
        certainties=data.certainties if uncertain == "certainty" else None,
        **policy,
    )
    cache_of = build_cache(data.images, size=size, root=cache, progress=progress)
    rows: dict[str, list[int]] = {}
    columns = (data.images[name].to_pylist() for name in ("image_id", "split"))
    for row, (image_id, side) in enumerate(zip(*columns, strict=True)):
        if image_id in cache_of:
            rows.setdefault(side, []).append(row)
    return Sides(
        {side: CachedImages(cache_of, data.images, targets, found) for side, found in rows.items()},
        {side: data.images.take(pa.array(found)) for side, found in rows.items()},
        data.people,
        {
            "labels": data.labels_hash,
            "split": data.split_hash,
            "images": cache_of.folder.name,
            "targets": json.dumps({"findings": list(findings), **policy}),
        },
        cache_of.rejects,
    )


def write_data(data: LabelledImages, out: Path) -> None:
    """Leaves the data in `out`: images, joins, labels, people and rejects, and data.json."""
    reports = pa.array(data.report_ids, pa.string())
    joins = pa.table({"image_id": data.images["image_id"], "report_id": reports})
    labels = data.labels.filter(pc.is_in(data.labels["report_id"], value_set=reports))
    contract = labels_contract(findings_in(labels.schema))
    made_from = {"labels": data.labels_hash, "split": data.split_hash}
    write_table(out / "images.parquet", data.images, IMAGES, made_from)
    write_table(out / "labels.parquet", labels, contract, made_from)
    write_table(out / "rejects.parquet", data.rejects, REJECTS, made_from)
    pq.write_table(joins, out / _JOINS)
    pq.write_table(data.people, out / _PEOPLE)
    if data.certainties is not None:
        own = pc.is_in(data.certainties["report_id"], value_set=reports)
        pq.write_table(data.certainties.filter(own), out / _CERTAINTIES)
    work = out / f".{_FACTS}"
    work.write_text(json.dumps(made_from, indent=1) + "\n")
    work.replace(out / _FACTS)  # last: where it is, everything is


def read_data(folder: str | Path) -> LabelledImages:
    """What `write_data` has left. LabelledImagesError when there is none."""
    folder = Path(folder)
    try:
        facts = json.loads((folder / _FACTS).read_text())
        joins = pq.read_table(folder / _JOINS)
        people = pq.read_table(folder / _PEOPLE).cast(PEOPLE_SCHEMA)
    except (OSError, ValueError) as error:
        raise LabelledImagesError(
            f"no data of a training in {folder} ({type(error).__name__})",
            f"{_FACTS}, {_JOINS} and {_PEOPLE}",
            "Give the folder that train has written, or labels and images.",
        ) from None
    labels = folder / "labels.parquet"
    contract = labels_contract(findings_in(pq.read_schema(labels)))
    return LabelledImages(
        read_table(folder / "images.parquet", IMAGES),
        tuple(joins["report_id"].to_pylist()),
        read_table(labels, contract),
        people,
        read_table(folder / "rejects.parquet", REJECTS),
        facts["labels"],
        facts["split"],
        pq.read_table(folder / _CERTAINTIES) if (folder / _CERTAINTIES).is_file() else None,
    )


def _split(images: pa.Table, split: str | Path | None) -> Split:
    if split is None and images["split"].null_count:
        return split_by_patient(images, seed=_SPLIT_SEED)
    if split is not None and (Path(split) / _TEST_LIST).is_file():
        lists = (Path(split) / name for name in (_TRAIN_VAL_LIST, _TEST_LIST))
        return official_nih_split(images, *lists, seed=_SPLIT_SEED)
    table = images.select(SPLITS.columns) if split is None else read_table(split, SPLITS)
    table = table.cast(SPLITS.schema)
    strange = sorted(set(table["split"].to_pylist()) - set(_SIDES))
    if strange:
        raise LabelledImagesError(
            f"sides {', '.join(strange[:3])}", f"only {', '.join(_SIDES)}", "Rename them."
        )
    check_split(table)
    listed = set(table["image_id"].to_pylist())
    refused = [
        reject("split", key, "split", "in no list")
        for key in images["image_id"].to_pylist()
        if key not in listed
    ]
    return Split(table, reject_table(refused), hash_of_split(table))
