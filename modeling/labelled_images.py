"""Labels and images brought together, from wherever they are: each image with its report."""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_contracts import (
    CHESTXRAY14,
    IMAGES,
    REJECTS,
    REPORTS,
    Verdict,
    content_hash,
    findings_in,
    labels_contract,
    part_paths,
    read_table,
)
from modeling.chexpert import chexpert_findings, join_chexpert
from modeling.image_joins import join_entries, join_reports, named_after_studies
from modeling.images import PEOPLE_SCHEMA, ImageSet, image_set, scan_images
from modeling.nih import read_data_entry
from modeling.openi import join_openi, parse_name
from modeling.views import is_frontal


class LabelledImagesError(ValueError):
    """Labels and images do not make a data set: what was `found`, `expected`, what `to_do`."""

    def __init__(self, found: str, expected: str, to_do: str) -> None:
        self.found, self.expected, self.to_do = found, expected, to_do
        super().__init__(f"labels and images: found {found}, expected {expected}. {to_do}")


@dataclass(frozen=True)
class LabelledImages:
    """Images with the report each has; `people` knows sex and age; refused are `rejects`.

    `certainties` are the uncertain mentions behind mined labels: report_id, finding, verdict,
    certainty; none where nobody has judged sentences.
    """

    images: pa.Table
    report_ids: tuple[str, ...]
    labels: pa.Table
    people: pa.Table
    rejects: pa.Table
    labels_hash: str
    split_hash: str = ""
    certainties: pa.Table | None = None


def bring_together(
    labels: str | Path, images: str | Path, *, workers: int | None = None
) -> LabelledImages:
    """The images that have labels.

    `labels` is a label table or the folder of a run (whose reports say which study is whose), NIH's
    Data_Entry CSV or a CheXpert-style CSV. `images` is an `images` table or a folder of PNG, JPEG
    or DICOM files, whose study is the StudyInstanceUID or, where no report has that, the accession
    number; a file that names no study is of the one it is named after (12345.png); files
    with OpenI's names find their report by it, and of these lateral views stay out. Everything left
    out is in `rejects`. LabelledImagesError when nothing is left; those of the
    readers.
    """
    labels, images = Path(labels), Path(images)
    kind = _kind(labels)
    scanned = images.is_dir() and not (images / "images.parquet").is_file()
    if scanned:
        how: Any = "path" if kind == "chexpert" else "name"
        found = scan_images(images, image_ids=how, workers=workers)
    else:
        found = _table(images / "images.parquet" if images.is_dir() else images)
    joined = {"nih": _nih, "chexpert": _chexpert, "table": _mined}[kind](labels, found)
    if scanned and kind == "table" and not joined.images.num_rows:
        # Reports often know the accession number and not the UID of their study.
        joined = _mined(labels, scan_images(images, dicom_study="accession", workers=workers))
    if not joined.images.num_rows:
        reasons = ", ".join(sorted(set(joined.rejects["reason"].to_pylist()))) or "none given"
        raise LabelledImagesError(
            f"no image with labels in {images} (reasons: {reasons})",
            "images whose study has a row in the labels",
            "Check that study_id of the images is the study, or the report, of the labels.",
        )
    return joined


def label_findings(labels: str | Path) -> tuple[str, ...]:
    """The findings that a label file has columns for; ChestX-ray14's for NIH's list."""
    path = Path(labels)
    kind = _kind(path)
    if kind != "table":
        return CHESTXRAY14 if kind == "nih" else chexpert_findings(path)
    return findings_in(pq.read_schema(part_paths(labels_path(path))[0]))


def _kind(labels: Path) -> str:
    if not labels.name.endswith((".csv", ".csv.gz")):
        return "table"
    opener: Any = gzip.open if labels.suffix == ".gz" else open
    with opener(labels, "rt", encoding="utf-8-sig", newline="") as stream:
        header = next(csv.reader(stream), [])
    return "nih" if header[:1] == ["Image Index"] else "chexpert"


def _nih(labels: Path, found: ImageSet) -> LabelledImages:
    entries = read_data_entry(labels)
    joined = join_reports(join_entries(found, entries.entries), entries.labels)
    return _together(joined.found, joined.report_ids, entries.labels, content_hash(labels))


def _chexpert(labels: Path, found: ImageSet) -> LabelledImages:
    read = join_chexpert(found, labels)
    joined = join_reports(read.found, read.labels)
    return _together(joined.found, joined.report_ids, read.labels, content_hash(labels))


def _mined(labels: Path, found: ImageSet) -> LabelledImages:
    path = labels_path(labels)
    findings = findings_in(pq.read_schema(part_paths(path)[0]))
    table = read_table(path, labels_contract(findings))
    beside = labels / "reports.parquet" if labels.is_dir() else labels.with_name("reports.parquet")
    reports = None
    if beside.exists():
        reports = read_table(beside, REPORTS, columns=["report_id", "study_id", "patient_id"])
    names = found.images["image_id"].to_pylist()
    if names and all(parse_name(name) is not None for name in names):
        found, reports = _frontal(join_openi(found)), None
    joined = join_reports(named_after_studies(found, table, reports), table, reports)
    together = _together(joined.found, joined.report_ids, table, content_hash(path))
    return replace(together, certainties=_certainties(path.with_name("mentions.parquet")))


def _certainties(mentions: Path) -> pa.Table | None:
    if not mentions.exists():
        return None
    table = read_table(mentions, columns=["report_id", "finding", "verdict", "certainty"])
    return table.filter(pc.equal(table["verdict"], Verdict.UNCERTAIN.value))


def labels_path(labels: Path) -> Path:
    """The label table, given it or the folder that it is in."""
    inside = labels / "labels.parquet"
    return inside if inside.exists() else labels


def _table(path: Path) -> ImageSet:
    """An `images` table as it is; relative paths are relative to it."""
    table = read_table(path, IMAGES)
    paths = [
        str(item if item.is_absolute() or item.exists() else path.parent / item)
        for item in map(Path, table["path"].to_pylist())
    ]
    place = table.schema.get_field_index("path")
    table = table.set_column(place, table.schema.field(place), pa.array(paths, pa.string()))
    people = path.with_name("people.parquet")
    known = pq.read_table(people).cast(PEOPLE_SCHEMA) if people.is_file() else None
    return image_set(
        table, REJECTS.empty(), known or PEOPLE_SCHEMA.empty_table(), found=table.num_rows
    )


def _frontal(found: ImageSet) -> ImageSet:
    """The frontal views; the others are no rejects, nobody asked for them."""
    kept = found.images.filter(is_frontal(found.images))
    return image_set(
        kept, found.rejects, found.people, found=kept.num_rows + found.rejects.num_rows
    )


def _together(
    found: ImageSet, report_ids: tuple[str, ...], labels: pa.Table, digest: str
) -> LabelledImages:
    return LabelledImages(found.images, report_ids, labels, found.people, found.rejects, digest)
