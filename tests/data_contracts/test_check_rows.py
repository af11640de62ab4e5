"""Rows that break their contract become rejects, without a word of what they held."""

import hashlib
import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts import (
    BOXES,
    DISTINCT_SENTENCES,
    IMAGES,
    MENTIONS,
    PARSES,
    PREDICTIONS,
    REJECTS,
    REPORTS,
    SENTENCES,
    ContractError,
    check_rows,
    gold_contract,
    labels_contract,
)

HEX = "0123456789abcdef" * 2
GOOD = {
    "reports": {"report_id": "R1", "text": "Lungs are clear.", "status": "final", "version": 1},
    "sentences": {
        **{"report_id": "R1", "section": "", "sentence_index": 0},
        **{"start": 0, "end": 5, "sentence_id": HEX},
    },
    "distinct_sentences": {"sentence_id": HEX, "text": "Clear.", "count": 1},
    "parses": {
        **{"sentence_id": HEX, "starts": [0], "ends": [5], "heads": [0], "labels": ["root"]},
        **{"parser_id": "hand", "unparsed_reason": None},
    },
    "mentions": {
        **{"report_id": "R1", "section": "findings", "sentence_index": 0, "sentence_id": HEX},
        **{"start": 3, "end": 9, "text": "nodule", "finding": "Nodule", "cui": None},
        **{"concept_form": "plain", "concept_source": "phrase", "similarity": None},
        **{"verdict": "absent", "certainty": 0.0, "temporality": "current"},
        **{"experiencer": "patient", "rule_id": "neg.no", "cue_starts": [0], "cue_ends": [2]},
    },
    "labels": {"report_id": "R1", "Mass": "present", "no_finding": False, "normal": False},
    "gold": {"report_id": "R1", "annotator": "A", "Mass": True, "judged": True},
    "images": {"image_id": "I1", "path": "a/b.png", "width": 10, "height": 10, "sha256": HEX * 2},
    "boxes": {"image_id": "I1", "finding": "Mass", "x": 0.0, "y": 0.0, "w": 1.0, "h": 1.0},
    "predictions": {"image_id": "I1", "finding": "Mass", "score": 0.5, "checkpoint_id": "c"},
    "rejects": {"stage": "ingest", "table": "reports", "key": "R1", "reason": "empty"},
}
CONTRACTS = {
    contract.name: contract
    for contract in (
        *(REPORTS, SENTENCES, DISTINCT_SENTENCES, PARSES, MENTIONS, IMAGES, BOXES, PREDICTIONS),
        *(REJECTS, labels_contract(["Mass"]), gold_contract(["Mass"])),
    )
}
BROKEN = [
    ("reports", {"report_id": None}, "report_id", "null"),
    ("reports", {"report_id": " "}, "report_id", "blank"),
    ("reports", {"text": "\n\t"}, "text", "blank"),
    ("reports", {"status": "done"}, "status", "not one of preliminary"),
    ("reports", {"version": -1}, "version", "0 <= value"),
    ("sentences", {"start": 6}, "end", "less than start"),
    ("sentences", {"sentence_id": HEX + "0"}, "sentence_id", "does not match"),
    ("sentences", {"sentence_id": HEX + "\n"}, "sentence_id", "does not match"),
    ("distinct_sentences", {"count": 0}, "count", "not above 0"),
    ("parses", {"heads": None}, "unparsed_reason", "exactly one"),
    ("parses", {"unparsed_reason": "too long"}, "unparsed_reason", "exactly one"),
    ("parses", {"labels": ["root", "det"]}, "labels", "not as long as starts"),
    ("mentions", {"verdict": "maybe"}, "verdict", "not one of present"),
    ("mentions", {"certainty": 1.5}, "certainty", "value <= 1"),
    ("mentions", {"certainty": math.nan}, "certainty", "value <= 1"),
    ("mentions", {"temporality": "now"}, "temporality", "not one of current"),
    ("mentions", {"experiencer": "mother"}, "experiencer", "not one of patient"),
    ("mentions", {"concept_source": "guess"}, "concept_source", "not one of phrase"),
    ("mentions", {"cue_ends": []}, "cue_ends", "not as long as cue_starts"),
    ("labels", {"Mass": "yes"}, "Mass", "not one of present"),
    ("labels", {"normal": None}, "normal", "null"),
    ("gold", {"judged": None}, "judged", "null"),
    ("images", {"width": 0}, "width", "not above 0"),
    ("images", {"sha256": HEX}, "sha256", "does not match"),
    ("boxes", {"w": 0.0}, "w", "not above 0"),
    ("boxes", {"x": -1.0}, "x", "0 <= value"),
    ("predictions", {"score": 2.0}, "score", "value <= 1"),
    ("rejects", {"reason": None}, "reason", "null"),
]


def rows_of(contract, *changes):
    rows = [{**GOOD[contract.name], **change} for change in changes]
    return pa.Table.from_pylist(rows, schema=contract.schema)


@pytest.mark.parametrize("name", GOOD)
def test_good_rows_are_accepted(name):
    table = rows_of(CONTRACTS[name], {})
    checked = check_rows(table, CONTRACTS[name], stage="test")
    assert checked.accepted.equals(table)
    assert checked.rejects.num_rows == 0


@pytest.mark.parametrize(("name", "change", "column", "reason"), BROKEN)
def test_a_broken_row_is_a_reject(name, change, column, reason):
    checked = check_rows(rows_of(CONTRACTS[name], change), CONTRACTS[name], stage="test")
    assert checked.accepted.num_rows == 0
    (reject,) = checked.rejects.to_pylist()
    assert (reject["stage"], reject["table"], reject["column"]) == ("test", name, column)
    assert reason in reject["reason"]


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_every_column_has_a_meaning(contract):
    assert all(contract.meaning(column) for column in contract.columns)
    assert set(contract.key) <= set(contract.columns)


def test_only_the_later_of_two_rows_with_a_key_is_refused():
    table = rows_of(REPORTS, {"report_id": "A"}, {"report_id": "B"}, {"report_id": "A"})
    checked = check_rows(table, REPORTS, stage="test")
    assert checked.accepted["report_id"].to_pylist() == ["A", "B"]
    assert checked.rejects["reason"].to_pylist() == ["repeats the key report_id"]


def test_a_reject_holds_length_and_hash_but_no_text():
    text = "   \n"
    (reject,) = check_rows(rows_of(REPORTS, {"text": text}), REPORTS, stage="s").rejects.to_pylist()
    assert reject["value_length"] == len(text)
    assert reject["value_sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert text not in reject.values()


def test_a_row_without_key_is_named_by_its_place():
    table = rows_of(REPORTS, {}, {"report_id": None})
    assert check_rows(table, REPORTS, stage="s").rejects["key"].to_pylist() == ["row 1"]


def test_a_report_in_the_place_of_a_key_is_not_repeated():
    misplaced = "The lungs are clear. " * 20
    table = rows_of(REPORTS, {"report_id": misplaced, "status": "?"})
    (key,) = check_rows(table, REPORTS, stage="s").rejects["key"].to_pylist()
    assert key.startswith("sha256:")


def test_a_row_with_two_faults_is_one_reject():
    table = rows_of(REPORTS, {"text": " ", "status": "?"})
    assert check_rows(table, REPORTS, stage="s").rejects["column"].to_pylist() == ["text"]


@pytest.mark.parametrize(
    ("change", "column", "found"),
    [
        (lambda t: t.drop(["text"]), "text", "no such column"),
        (lambda t: t.append_column("x", t["text"]), "x", "does not know"),
        (lambda t: t.append_column("text", t["text"]), "text", "two of that name"),
        (lambda t: t.set_column(1, "version", pa.array(["1"])), "version", "string"),
    ],
    ids=["missing", "surplus", "twice", "other type"],
)
def test_other_columns_break_the_contract(change, column, found):
    with pytest.raises(ContractError) as caught:
        check_rows(change(rows_of(REPORTS, {})), REPORTS, stage="s")
    assert caught.value.column == column
    assert found in caught.value.found


def test_columns_may_come_in_any_order_and_layout():
    table = rows_of(REPORTS, {})
    table = table.select(table.column_names[::-1])
    large = table.set_column(0, "text_sha256", table["text_sha256"].cast(pa.large_string()))
    assert check_rows(large, REPORTS, stage="s").accepted.schema == REPORTS.schema


@given(st.lists(st.tuples(st.sampled_from(["A", "B", "C", " "]), st.sampled_from(["x", " "]))))
def test_no_row_is_lost(pairs):
    table = rows_of(REPORTS, *({"report_id": key, "text": text} for key, text in pairs))
    checked = check_rows(table, REPORTS, stage="s")
    assert checked.accepted.num_rows + checked.rejects.num_rows == len(pairs)
    good = dict.fromkeys(key for key, text in pairs if key != " " and text != " ")
    assert checked.accepted["report_id"].to_pylist() == list(good)
