"""The lineage of a box: every link checked, down to the sentences that taught it."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from data_contracts import (
    BOXES,
    IMAGES,
    MENTIONS,
    REPORTS,
    UnknownFindingError,
    content_hash,
    labels_contract,
    write_table,
)
from modeling.checkpoints import CheckpointError
from modeling.lineage import BoxName, Lineage, LineageError, find_box, trace_box
from modeling.lineage_views import lineage_page, lineage_text
from tests.modeling.sight import small_checkpoint

FINDINGS = ("Mass", "Effusion")
# report id -> its text, verdict of its mention of a mass, rule
REPORTS_SAY = {
    "R1": ("A mass is seen.", "present", "default.present"),
    "R2": ("A mass is seen.", "present", "default.present"),
    "R3": ("There is no mass.", "absent", "neg.no"),
    "R4": ("Round <b>mass</b> on the left.", "present", "default.present"),
    "R5": ("All is well.", None, None),
}


def write_run(folder: Path) -> Path:
    """A label table with mentions and reports beside it; its path."""
    folder.mkdir()
    labels, mentions, texts = [], [], []
    for number, (report_id, (text, verdict, rule)) in enumerate(REPORTS_SAY.items()):
        texts.append({"report_id": report_id, "text": text, "study_id": f"S{number}"})
        labels.append({"report_id": report_id, "Mass": verdict, "no_finding": verdict != "present",
                       "normal": False})  # fmt: skip
        if verdict:
            start = text.index("mass")
            mentions.append({
                "report_id": report_id, "section": "", "sentence_index": 0,
                "sentence_id": f"{len(text):032x}", "start": start, "end": start + 4,
                "text": "mass", "finding": "Mass", "concept_source": "phrase", "verdict": verdict,
                "temporality": "current", "experiencer": "patient", "rule_id": rule,
                "cue_starts": [], "cue_ends": [],
            })  # fmt: skip
    contract = labels_contract(FINDINGS)
    for name, rows, kind in (
        ("labels", labels, contract), ("mentions", mentions, MENTIONS), ("reports", texts, REPORTS)
    ):  # fmt: skip
        table = pa.Table.from_pylist(rows, schema=kind.schema)
        write_table(folder / f"{name}.parquet", table, kind, {"profile": "clinical " + "a" * 64})
    return folder / "labels.parquet"


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run")


@pytest.fixture
def checkpoint(tmp_path: Path, labels: Path) -> Path:
    small_checkpoint(tmp_path / "trained", provenance={"labels": content_hash(labels)})
    return tmp_path / "trained"


@pytest.fixture
def boxes(checkpoint: Path) -> pa.Table:
    source = json.loads((checkpoint / "card.json").read_text())["checkpoint_id"]
    rows = [
        {"image_id": "a.png", "finding": "Mass", "x": x, "y": 1, "w": 2, "h": 3, "score": score,
         "source": source}
        for x, score in ((1, 0.2), (2, 0.9), (3, 0.9))
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=BOXES.schema)


def trace(boxes: pa.Table, checkpoint: Path, **settings: Any) -> Lineage:
    return trace_box(boxes, BoxName("a.png", "Mass"), checkpoint=checkpoint, **settings)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a.png:Mass", BoxName("a.png", "Mass", 1)),
        ("a.png:mass:3", BoxName("a.png", "Mass", 3)),
        ("C:x/a.png:Pleural Thickening:2", BoxName("C:x/a.png", "Pleural_Thickening", 2)),
        ("12:Mass", BoxName("12", "Mass", 1)),
    ],
)
def test_a_name_is_read(text: str, name: BoxName) -> None:
    assert BoxName.parse(text) == name
    assert BoxName.parse(str(name)) == name


@pytest.mark.parametrize("text", ["", "a.png", ":Mass", "a.png:", "a.png:Mass:0"])
def test_what_is_no_name_is_told(text: str) -> None:
    with pytest.raises(LineageError, match="IMAGE:FINDING"):
        BoxName.parse(text)


def test_a_finding_that_is_none_is_told() -> None:
    with pytest.raises(UnknownFindingError):
        BoxName.parse("a.png:Opacity:1")


@pytest.mark.parametrize(("rank", "x"), [(1, 2), (2, 3), (3, 1)])
def test_boxes_are_ranked_by_score_and_equal_ones_as_they_stand(
    boxes: pa.Table, rank: int, x: float
) -> None:
    box, count = find_box(boxes, BoxName("a.png", "Mass", rank))
    assert (box["x"], count) == (x, 3)


def test_a_box_that_is_not_there_is_told(boxes: pa.Table) -> None:
    with pytest.raises(LineageError, match=r"found 3 boxes .* expected at least 4"):
        find_box(boxes, BoxName("a.png", "Mass", 4))


def test_the_labels_are_counted_for_the_finding(
    boxes: pa.Table, checkpoint: Path, labels: Path
) -> None:
    learnt = trace(boxes, checkpoint, labels=labels).labels
    assert learnt is not None
    assert learnt.states == {"present": 3, "absent": 1, "not mentioned": 1}
    rules = [(rule.rule_id, rule.verdict, rule.mentions) for rule in learnt.rules]
    assert rules == [("default.present", "present", 3), ("neg.no", "absent", 1)]


def test_sentences_come_by_the_number_of_reports_that_say_them(
    boxes: pa.Table, checkpoint: Path, labels: Path
) -> None:
    learnt = trace(boxes, checkpoint, labels=labels).labels
    assert learnt is not None
    said = [(quote.count, quote.text) for quote in learnt.sentences]
    assert said == [(2, "A mass is seen."), (1, "Round <b>mass</b> on the left.")]


def test_only_the_reports_trained_on_count(boxes: pa.Table, checkpoint: Path, labels: Path) -> None:
    some = pa.array(["R1", "R3"])
    learnt = trace(boxes, checkpoint, labels=labels, trained_on=some).labels
    assert learnt is not None
    assert (learnt.reports, learnt.states) == (2, {"absent": 1, "present": 1})
    assert [quote.count for quote in learnt.sentences] == [1]


def test_the_images_own_report_is_quoted_even_if_it_was_not_trained_on(
    boxes: pa.Table, checkpoint: Path, labels: Path
) -> None:
    found = trace(
        boxes, checkpoint, labels=labels, report_id="R3", trained_on=pa.array(["R1"])
    )  # fmt: skip
    assert found.label == "absent"
    assert [quote.text for quote in found.report] == ["There is no mass."]


def test_a_report_that_says_nothing_of_it(boxes: pa.Table, checkpoint: Path, labels: Path) -> None:
    found = trace(boxes, checkpoint, labels=labels, report_id="R5")
    assert (found.label, found.report) == ("not mentioned", ())


def test_without_labels_the_chain_ends_at_the_checkpoint(boxes: pa.Table, checkpoint: Path) -> None:
    found = trace(boxes, checkpoint)
    assert found.labels is None
    assert found.card.checkpoint_id == found.box["source"]
    assert "the chain ends here" in lineage_text(found)


def test_labels_without_mentions_end_the_chain_there(
    boxes: pa.Table, checkpoint: Path, labels: Path
) -> None:
    labels.with_name("mentions.parquet").unlink()
    learnt = trace(boxes, checkpoint, labels=labels).labels
    assert learnt is not None
    assert (learnt.rules, learnt.sentences, learnt.states["present"]) == ((), (), 3)


def test_another_checkpoint_is_refused(boxes: pa.Table, tmp_path: Path) -> None:
    small_checkpoint(tmp_path / "other", seed=1)
    with pytest.raises(LineageError, match="Give the checkpoint that drew the boxes"):
        trace(boxes, tmp_path / "other")


def test_a_checkpoint_that_is_not_there_is_told(boxes: pa.Table, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        trace(boxes, tmp_path / "nowhere")


def test_other_labels_are_refused(boxes: pa.Table, checkpoint: Path, labels: Path) -> None:
    table = pa.Table.from_pylist(
        [{"report_id": "R1", "no_finding": True, "normal": True}],
        schema=labels_contract(FINDINGS).schema,
    )
    write_table(labels, table, labels_contract(FINDINGS))
    with pytest.raises(LineageError, match="Give the labels of its training"):
        trace(boxes, checkpoint, labels=labels)


def test_a_part_of_the_labels_that_says_whose_part_it_is_will_do(
    boxes: pa.Table, checkpoint: Path, labels: Path, tmp_path: Path
) -> None:
    table = pa.Table.from_pylist(
        [{"report_id": "R1", "Mass": "present", "no_finding": False, "normal": False}],
        schema=labels_contract(FINDINGS).schema,
    )
    part = tmp_path / "labels.parquet"
    write_table(part, table, labels_contract(FINDINGS), {"labels": content_hash(labels)})
    learnt = trace(boxes, checkpoint, labels=part).labels
    assert learnt is not None and learnt.states == {"present": 1}


def test_labels_without_the_finding_are_told(
    boxes: pa.Table, checkpoint: Path, labels: Path
) -> None:
    renamed = boxes.set_column(1, boxes.schema.field(1), pa.array(["Hernia"] * 3))
    with pytest.raises(LineageError, match="no column Hernia"):
        trace_box(renamed, BoxName("a.png", "Hernia"), checkpoint=checkpoint, labels=labels)


def test_the_text_shows_every_link(boxes: pa.Table, checkpoint: Path, labels: Path) -> None:
    text = lineage_text(trace(boxes, checkpoint, labels=labels, report_id="R3"))
    for part in (
        "a.png:Mass:1 (of 3)", str(checkpoint), "profile: clinical aaaaaaaaaaaa…", "neg.no",
        "A «mass» is seen.", "the label table says: absent", "There is no «mass».",
    ):  # fmt: skip
        assert part in text


def test_the_page_escapes_what_reports_say(boxes: pa.Table, checkpoint: Path, labels: Path) -> None:
    page = lineage_page(trace(boxes, checkpoint, labels=labels, report_id="R4"))
    assert "Round &lt;b&gt;<mark>mass</mark>&lt;/b&gt; on the left." in page
    assert "http://" not in page and "https://" not in page and "<script" not in page


def test_the_page_shows_the_picture_or_an_empty_frame(
    boxes: pa.Table, checkpoint: Path, tmp_path: Path
) -> None:
    row = {"image_id": "a.png", "path": str(tmp_path / "gone.png"), "width": 80, "height": 100}
    images = pa.Table.from_pylist([row], schema=IMAGES.schema)
    page = lineage_page(trace(boxes, checkpoint), images=images, folder=tmp_path)
    assert 'viewBox="0 0 80 100"' in page and "<img" not in page


def test_the_lineage_is_plain_json(boxes: pa.Table, checkpoint: Path, labels: Path) -> None:
    found = trace(boxes, checkpoint, labels=labels, report_id="R1")
    read = json.loads(json.dumps(found.to_json()))
    assert read["labels"]["sentences"][0]["text"] == "A mass is seen."
    assert read["card"]["checkpoint_id"] == found.box["source"]
