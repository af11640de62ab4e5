"""Where a box comes from: checkpoint → label table → the training labels' mentions → sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_contracts import (
    Experiencer,
    Temporality,
    Verdict,
    content_hash,
    findings_in,
    nih_name,
    part_paths,
    read_provenance,
    read_table,
)
from modeling.checkpoints import Card, find_checkpoint, read_card
from modeling.quotes import Quote, SentenceOf, line_of, quote_mentions, read_mentions

NOT_MENTIONED = "not mentioned"


class LineageError(ValueError):
    """A link of the chain does not hold: `where`, what was `found`, what was `expected`."""

    def __init__(self, where: str, found: str, expected: str, to_do: str) -> None:
        self.where, self.found, self.expected, self.to_do = where, found, expected, to_do
        super().__init__(f"{where}: found {found}, expected {expected}. {to_do}")


@dataclass(frozen=True)
class BoxName:
    """Which box: of an image and a finding the `rank`-th by score, from 1.

    >>> str(BoxName.parse("00000001_000.png:effusion:2"))
    '00000001_000.png:Effusion:2'
    """

    image_id: str
    finding: str
    rank: int = 1

    @classmethod
    def parse(cls, text: str) -> BoxName:
        """IMAGE:FINDING or IMAGE:FINDING:RANK. LineageError for another form."""
        head, _, last = text.rpartition(":")
        rank = 1
        if last.isdecimal() and head.count(":"):
            rank = int(last)
            head, _, last = head.rpartition(":")
        if not head or not last or rank < 1:
            raise LineageError(
                "box", repr(text), "IMAGE:FINDING or IMAGE:FINDING:RANK, as a.png:Mass:1",
                "The gallery shows the name of every box.",
            )  # fmt: skip
        return cls(head, nih_name(last), rank)

    def __str__(self) -> str:
        return f"{self.image_id}:{self.finding}:{self.rank}"


@dataclass(frozen=True)
class Rule:
    """How many mentions a rule decided, and how."""

    rule_id: str | None
    verdict: str
    mentions: int


@dataclass(frozen=True)
class Labels:
    """The label table that a checkpoint learnt from, as far as one finding is concerned."""

    path: str
    sha256: str
    whole: bool  # the very table that the checkpoint names; else the part of it that was used
    provenance: Mapping[str, str]
    states: Mapping[str, int]  # of the finding, over the reports that were trained on
    reports: int
    rules: tuple[Rule, ...]  # over the mentions of the finding in these reports
    sentences: tuple[Quote, ...]  # behind the labels "present", the most frequent first


@dataclass(frozen=True)
class Lineage:
    """A box, the checkpoint that drew it, the labels that taught the checkpoint, the own report."""

    name: str
    box: Mapping[str, Any]
    boxes: int  # of this finding in this image
    checkpoint: str
    card: Card
    labels: Labels | None
    label: str | None  # what the label table says of the finding in the image's own report
    report: tuple[Quote, ...]  # what the image's own report says of the finding

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        return asdict(self)


def find_box(boxes: pa.Table, name: BoxName) -> tuple[dict[str, Any], int]:
    """The box of that name, and how many its row has. LineageError when there is none."""
    own = boxes.filter(
        (pc.field("image_id") == name.image_id) & (pc.field("finding") == name.finding)
    )
    if own.num_rows < name.rank:
        raise LineageError(
            f"box {name}", f"{own.num_rows} boxes of {name.finding} in {name.image_id}",
            f"at least {name.rank}", "Take the name from the gallery or the boxes table.",
        )  # fmt: skip
    order = pc.sort_indices(own, [("score", "descending")])  # equal scores: as in the table
    found: dict[str, Any] = own.take(order.slice(name.rank - 1, 1)).to_pylist()[0]
    return found, own.num_rows


def trace_box(
    boxes: pa.Table,
    name: BoxName,
    *,
    checkpoint: str | Path,
    labels: str | Path | None = None,
    report_id: str | None = None,
    trained_on: pa.Array | None = None,
    sentence_of: SentenceOf = line_of,
    most: int = 12,
) -> Lineage:
    """The lineage of a box, every link checked by the hash that the one before it names.

    `checkpoint` is the folder of it or of its training; `labels` the label table it was trained on,
    beside which mentions.parquet and reports.parquet are looked for (without `labels` the chain
    ends at the checkpoint). `report_id` is the image's own report, `trained_on` the ids of the
    reports that were trained on, if not all. LineageError where a link does not hold.
    """
    box, count = find_box(boxes, name)
    folder = find_checkpoint(checkpoint)
    card = read_card(folder)
    if box["source"] != card.checkpoint_id:
        raise LineageError(
            f"box {name}", f"source {box['source']!r}", f"{card.checkpoint_id!r} of {folder}",
            "Give the checkpoint that drew the boxes.",
        )  # fmt: skip
    learnt, label = None, None
    report: tuple[Quote, ...] = ()
    if labels is not None:
        path = Path(labels)
        _check_labels(path, card)
        table = read_table(path, columns=["report_id", *_column(path, name.finding)])
        learnt = _learnt(
            path, table, name.finding, trained_on, sentence_of, most, card.provenance["labels"]
        )
        label, report = _own_report(path, table, name.finding, report_id, sentence_of)
    return Lineage(str(name), box, count, str(folder), card, learnt, label, report)


def _check_labels(path: Path, card: Card) -> None:
    """Nothing, if it is the table that the card names, or says that it was taken from that one."""
    found, expected = content_hash(path), card.provenance.get("labels")
    if expected is None or expected not in (found, read_provenance(path).get("labels")):
        raise LineageError(
            str(path), f"a label table of hash {found[:12]}…",
            f"{expected[:12]}…, which the checkpoint names" if expected else
            "a checkpoint that names its label table", "Give the labels of its training.",
        )  # fmt: skip


def _column(path: Path, finding: str) -> list[str]:
    known = findings_in(pq.read_schema(part_paths(path)[0]))
    if finding not in known:
        raise LineageError(str(path), f"no column {finding}", ", ".join(known), "Mine it.")
    return [finding]


def _learnt(
    path: Path,
    table: pa.Table,
    finding: str,
    trained_on: pa.Array | None,
    sentence_of: SentenceOf,
    most: int,
    named: str,
) -> Labels:
    if trained_on is not None:
        table = table.filter(pc.is_in(table["report_id"], value_set=trained_on))
    states = pc.fill_null(table[finding], NOT_MENTIONED).value_counts().to_pylist()
    rules, sentences = _mentions_behind(path, table, finding, sentence_of, most)
    digest = content_hash(path)
    return Labels(
        path=str(path),
        sha256=digest,
        whole=digest == named,
        provenance=read_provenance(path),
        states={row["values"]: row["counts"] for row in sorted(states, key=_by_count)},
        reports=table.num_rows,
        rules=rules,
        sentences=sentences,
    )


def _mentions_behind(
    path: Path, table: pa.Table, finding: str, sentence_of: SentenceOf, most: int
) -> tuple[tuple[Rule, ...], tuple[Quote, ...]]:
    """The rules over all mentions, and the sentences behind the labels `present`."""
    mentions, reports = path.with_name("mentions.parquet"), path.with_name("reports.parquet")
    if not mentions.exists():
        return (), ()
    here = pc.field("report_id").isin(table["report_id"].combine_chunks())
    own = read_mentions(mentions, here & (pc.field("finding") == finding))
    counted = own.group_by(["rule_id", "verdict"]).aggregate([([], "count_all")]).to_pylist()
    rules = [Rule(row["rule_id"], row["verdict"], row["count_all"]) for row in counted]
    rules.sort(key=lambda rule: (-rule.mentions, rule.rule_id or ""))
    if not reports.exists():
        return tuple(rules), ()
    positive = table.filter(pc.field(finding) == Verdict.PRESENT.value)["report_id"]
    saying = own.filter(
        pc.field("report_id").isin(positive.combine_chunks())
        & (pc.field("verdict") == Verdict.PRESENT.value)
        & (pc.field("temporality") == Temporality.CURRENT.value)
        & (pc.field("experiencer") == Experiencer.PATIENT.value)
    )
    return tuple(rules), tuple(quote_mentions(_most_frequent(saying, most), reports, sentence_of))


def _most_frequent(mentions: pa.Table, most: int) -> list[dict[str, Any]]:
    """One mention for each of the most frequent distinct sentences, with its `count` of reports."""
    counted = mentions.group_by("sentence_id").aggregate([("report_id", "count_distinct")])
    order = [("report_id_count_distinct", "descending"), ("sentence_id", "ascending")]
    counts = {
        row["sentence_id"]: row["report_id_count_distinct"]
        for row in counted.sort_by(order).slice(0, most).to_pylist()
    }
    first: dict[str, dict[str, Any]] = {}
    for row in mentions.filter(pc.field("sentence_id").isin(list(counts))).to_pylist():
        first.setdefault(row["sentence_id"], row)
    return [{**first[key], "count": count} for key, count in counts.items()]


def _own_report(
    path: Path, table: pa.Table, finding: str, report_id: str | None, sentence_of: SentenceOf
) -> tuple[str | None, tuple[Quote, ...]]:
    if report_id is None:
        return None, ()
    own = table.filter(pc.field("report_id") == report_id)[finding].to_pylist()
    label = (own[0] or NOT_MENTIONED) if own else None
    mentions, reports = path.with_name("mentions.parquet"), path.with_name("reports.parquet")
    if not (mentions.exists() and reports.exists()):
        return label, ()
    here = (pc.field("report_id") == report_id) & (pc.field("finding") == finding)
    rows = read_mentions(mentions, here).to_pylist()
    return label, tuple(quote_mentions(rows, reports, sentence_of))


def _by_count(row: dict[str, Any]) -> tuple[int, str]:
    return -row["counts"], row["values"]
