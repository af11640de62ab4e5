"""Images joined to their studies: reports that were mined, NIH's entries, CheXpert's CSV."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa

from data_contracts import IMAGES

from .image_rejects import Reject, reject, reject_table
from .images import ImageSet, image_set, people_table, person

STAGE = "join_images"
NO_STUDY = "no study"
NO_REPORT = "no report of its study"
TWO_REPORTS = "two candidate reports"
MISSING = "missing file"

Row = dict[str, Any]


@dataclass(frozen=True)
class Joined:
    """Images with one report each: `report_ids[i]` is the report of row i of `found.images`."""

    found: ImageSet
    report_ids: tuple[str, ...]


def join_reports(found: ImageSet, labels: pa.Table, reports: pa.Table | None = None) -> Joined:
    """The images whose study has exactly one labelled report, and that report.

    `reports` says which study a report belongs to; a report without a study there, and every one
    when `reports` is None, is of the study of its own id (as in OpenI and NIH). The report's
    patient stands in for one that the image does not name. Images without study, without report or
    with two candidate reports are rejects.
    """
    labelled = set(labels["report_id"].to_pylist())
    candidates: dict[str, list[str]] = defaultdict(list)
    patients: dict[str, str | None] = {}
    for report_id, study_id, patient_id in _studies(labelled, reports):
        candidates[study_id].append(report_id)
        patients[report_id] = patient_id

    def settle(row: Row) -> str | None:
        if not row["study_id"]:
            return NO_STUDY
        of_study = candidates.get(row["study_id"], [])
        if len(of_study) != 1:
            return TWO_REPORTS if of_study else NO_REPORT
        row["patient_id"] = row["patient_id"] or patients[of_study[0]]
        return None

    joined = filled(found, settle)
    studies = joined.images["study_id"].to_pylist()
    return Joined(joined, tuple(candidates[study][0] for study in studies))


def named_after_studies(
    found: ImageSet, labels: pa.Table, reports: pa.Table | None = None
) -> ImageSet:
    """The images, of which one without a study is of that after which its file is named, if any.

    `12345.png` is of the study, or of the report, 12345; further arguments as of `join_reports`.
    """
    labelled = set(labels["report_id"].to_pylist())
    study_of: dict[str, str] = {}
    for report_id, study_id, _ in _studies(labelled, reports):
        study_of.setdefault(report_id, study_id)
        study_of[study_id] = study_id

    def settle(row: Row) -> None:
        stem = PurePosixPath(row["image_id"]).stem
        row["study_id"] = row["study_id"] or study_of.get(stem)

    return filled(found, settle)


def join_entries(found: ImageSet, entries: pa.Table) -> ImageSet:
    """The images that NIH's data entries name, with patient, view, sex and age from there.

    `entries` is `modeling.nih.read_data_entry(…).entries`. NIH labels images, so the study is the
    image's own id. An image without entry is a reject, and so is an entry without image: a missing
    file (what is wanted of a part of the collection are `counts` of these, no alarm).
    """
    rows = {row["image_id"]: row for row in entries.to_pylist()}

    def settle(row: Row) -> str | None:
        entry = rows.get(row["image_id"])
        if entry is None:
            return NO_STUDY
        row["study_id"], row["patient_id"] = row["image_id"], entry["patient_id"]
        row["view"] = entry["view"] or row["view"]
        return None

    # A file that was there and refused is not missing; it is known by its path below the folder.
    refused = (key.rsplit("/", 1)[-1] for key in found.rejects["key"].to_pylist())
    present = {*found.images["image_id"].to_pylist(), *refused}
    people = {key: person(key, row["sex"], row["age"]) for key, row in rows.items()}
    return filled(found, settle, missing=[key for key in rows if key not in present], people=people)


def filled(
    found: ImageSet,
    settle: Callable[[Row], str | None],
    *,
    missing: list[str] | None = None,
    people: Mapping[str, Row] | None = None,
) -> ImageSet:
    """The images after `settle` has filled each row in; those it gives a reason for are rejects.

    `missing` are ids that were announced and have no file. `people` replaces what was known.
    """
    rows, refused = [], list[Reject]()
    for row in found.images.to_pylist():
        reason = settle(row)
        if reason is None:
            rows.append(row)
        else:
            refused.append(reject(STAGE, row["image_id"], "study_id", reason, row["study_id"]))
    refused += [reject(STAGE, key, "path", MISSING) for key in missing or []]
    known = {row["image_id"]: row for row in found.people.to_pylist()} | dict(people or {})
    return image_set(
        pa.Table.from_pylist(rows, schema=IMAGES.schema),
        pa.concat_tables([found.rejects, reject_table(refused)]),
        people_table([known[row["image_id"]] for row in rows if row["image_id"] in known]),
        found=found.counts["found"] + len(missing or []),
    )


def _studies(labelled: set[str], reports: pa.Table | None) -> list[tuple[str, str, str | None]]:
    """Report, study and patient of each labelled report, in a fixed order."""
    if reports is None:
        return [(report_id, report_id, None) for report_id in sorted(labelled)]
    columns = (reports[name].to_pylist() for name in ("report_id", "study_id", "patient_id"))
    rows = [row for row in zip(*columns, strict=True) if row[0] in labelled]
    return [(report, study or report, patient) for report, study, patient in sorted(rows, key=str)]
