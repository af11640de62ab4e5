"""What the reports say of images: mining's sentences beside modeling's cards and boxes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import REJECTS, REPORTS, read_table
from flows.tables import find_labels, read_labels
from mining.quoting import sentence_of
from modeling.gallery_cards import Pair
from modeling.image_joins import join_reports
from modeling.images import PEOPLE_SCHEMA, image_set
from modeling.lineage import NOT_MENTIONED
from modeling.quotes import Quote, quote_mentions, read_mentions


@dataclass(frozen=True)
class Said:
    """By (image, finding): the label and the sentences of the image's own report."""

    labels: Mapping[Pair, str | None] = field(default_factory=dict)
    quotes: Mapping[Pair, list[Quote]] = field(default_factory=dict)


def reports_of_images(images: pa.Table, labels: Path) -> dict[str, str]:
    """The one report of each image that has one, by image id; joined as for training."""
    reports = labels.with_name("reports.parquet")
    columns = ["report_id", "study_id", "patient_id"]
    studies = read_table(reports, REPORTS, columns=columns) if reports.exists() else None
    people = PEOPLE_SCHEMA.empty_table()
    found = image_set(images, REJECTS.empty(), people, found=images.num_rows)
    joined = join_reports(found, read_labels(labels), studies)
    ids = joined.found.images["image_id"].to_pylist()
    return dict(zip(ids, joined.report_ids, strict=True))


def what_reports_say(images: pa.Table, labels: Path | None, pairs: Collection[Pair]) -> Said:
    """What the reports of these images say of these (image, finding) pairs; nothing without labels.

    `labels` is a label table or the folder of a run; sentences need mentions.parquet and
    reports.parquet beside it. Errors: NotFound, ContractError.
    """
    if labels is None:
        return Said()
    path = find_labels(labels)
    wanted = {image for image, _ in pairs}
    report_of = {
        image: report
        for image, report in reports_of_images(images, path).items()
        if image in wanted
    }
    table = read_labels(path)
    rows = {row["report_id"]: row for row in _of_reports(table, report_of.values()).to_pylist()}
    states = {
        (image, finding): rows[report_of[image]][finding] or NOT_MENTIONED
        for image, finding in pairs
        if image in report_of and finding in table.column_names
    }
    return Said(states, _quotes(path, report_of, pairs))


def _quotes(
    labels: Path, report_of: Mapping[str, str], pairs: Collection[Pair]
) -> dict[Pair, list[Quote]]:
    mentions, reports = labels.with_name("mentions.parquet"), labels.with_name("reports.parquet")
    if not (mentions.exists() and reports.exists()):
        return {}
    here = pc.field("report_id").isin(sorted(set(report_of.values())))
    found: dict[Pair, list[Quote]] = {}
    said = quote_mentions(read_mentions(mentions, here).to_pylist(), reports, sentence_of)
    for quote in said:
        own = found.setdefault((quote.report_id, quote.finding), [])
        if quote.text not in (other.text for other in own):  # findings and impression repeat
            own.append(quote)
    return {
        (image, finding): found[report_of[image], finding]
        for image, finding in pairs
        if image in report_of and (report_of[image], finding) in found
    }


def _of_reports(table: pa.Table, report_ids: Collection[str]) -> pa.Table:
    wanted = pa.array(sorted(set(report_ids)), pa.string())
    return table.filter(pc.is_in(table["report_id"], value_set=wanted))
