from __future__ import annotations

import json

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_contracts import CHESTXRAY14
from mining.audit import AuditError, audit
from mining.audit.holdout import held_out_ids

HELD_OUT = min(held_out_ids())
SMALL = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
report_findings = st.lists(st.sets(st.sampled_from(CHESTXRAY14[:4])), min_size=1, max_size=12)


@pytest.fixture
def tables(make_labels, make_gold):
    """Atelectasis: 2 TP, 1 FP, 1 FN, 1 TN. Hernia: 1 FP. Normal: 1 TP."""
    labels = make_labels(
        {
            "r1": {"Atelectasis": "present", "Mass": "present"},
            "r2": {"Atelectasis": "present"},
            "r3": {"Atelectasis": "present", "Hernia": "present"},
            "r4": {"Atelectasis": "uncertain"},
            "r5": {"Atelectasis": "absent", "normal": True},
        }
    )
    gold = make_gold(
        {
            "r1": {"Atelectasis": True, "Mass": True},
            "r2": {"Atelectasis": True},
            "r3": {},
            "r4": {"Atelectasis": True},
            "r5": {"normal": True},
        }
    )
    return labels, gold


def test_finding_has_its_counts_and_figures(tables):
    score = audit(*tables).findings["Atelectasis"]
    assert (score.tp, score.fp, score.fn, score.tn, score.n) == (2, 1, 1, 1, 5)
    assert (score.precision, score.recall, score.f1) == (2 / 3, 2 / 3, 2 / 3)


def test_micro_pools_the_findings_without_normal(tables):
    result = audit(*tables)
    assert (result.micro.tp, result.micro.fp, result.micro.fn) == (3, 2, 1)
    assert result.micro.f1 == 6 / 9
    assert result.micro.n == 5 * 14
    assert (result.normal.tp, result.normal.fp, result.normal.fn) == (1, 0, 0)


def test_subsets_are_micro_over_their_findings(tables):
    subsets = audit(*tables).micro_subsets
    assert subsets["without_hernia"].precision == 3 / 4
    assert subsets["without_hernia"].n == 5 * 13
    assert subsets["chestxray8"].n == 5 * 8


def test_macro_is_the_mean_over_findings_that_occur(tables):
    macro = audit(*tables).macro
    assert macro.findings == 3  # Atelectasis, Mass, Hernia
    assert macro.f1 == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert macro.precision == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert macro.recall == pytest.approx((2 / 3 + 1) / 2)  # Hernia has no gold


def test_finding_that_never_occurs_has_no_figures(tables):
    score = audit(*tables).findings["Edema"]
    assert (score.precision, score.recall, score.f1, score.f1_interval) == (None,) * 4
    assert score.tn == 5


def test_uncertain_counts_as_positive_on_request(tables):
    score = audit(*tables, positive=("present", "uncertain")).findings["Atelectasis"]
    assert (score.tp, score.fp, score.fn) == (3, 1, 0)


@pytest.mark.parametrize("state", ["absent", "uncertain", "unparsed", None])
def test_no_other_state_is_positive(make_labels, make_gold, state):
    labels = make_labels({"r1": {"Edema": state}})
    score = audit(labels, make_gold({"r1": {"Edema": True}})).findings["Edema"]
    assert (score.tp, score.fn) == (0, 1)


def test_confusion_counts_each_state(tables):
    found = audit(*tables).confusion["Atelectasis"]
    assert found == {
        "present": {"gold_positive": 2, "gold_negative": 1},
        "absent": {"gold_positive": 0, "gold_negative": 1},
        "uncertain": {"gold_positive": 1, "gold_negative": 0},
        "unparsed": {"gold_positive": 0, "gold_negative": 0},
        "not_mentioned": {"gold_positive": 0, "gold_negative": 0},
    }


def test_disagreements_are_listed(tables):
    rows = audit(*tables).disagreements.to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("r3", "Atelectasis", "present", False),
        ("r4", "Atelectasis", "uncertain", True),
        ("r3", "Hernia", "present", False),
    ]


def test_unjudged_reports_are_left_out_and_figures_given_with_them(make_labels, make_gold):
    labels = make_labels({"r1": {"Mass": "present"}, "r2": {"Mass": "present"}})
    gold = make_gold({"r1": {"Mass": True}, "r2": {}}, unjudged=("r2",))
    result = audit(labels, gold)
    assert (result.counts["scored"], result.counts["unjudged"]) == (1, 1)
    assert result.micro.precision == 1
    assert result.alternatives["with_unjudged"].precision == 1 / 2
    included = audit(labels, gold, include_unjudged=True)
    assert included.micro.precision == 1 / 2
    assert included.alternatives["without_unjudged"].precision == 1


def test_report_without_label_is_counted_not_scored(make_labels, make_gold):
    gold = make_gold({"r1": {"Mass": True}, "r2": {"Mass": True, "Edema": True}})
    result = audit(make_labels({"r1": {"Mass": "present"}, "r9": {}}), gold)
    assert result.counts["missing_in_labels"] == 1
    assert result.counts["missing_in_labels_positives"] == 2
    assert result.counts["missing_in_gold"] == 1
    assert result.micro.recall == 1
    assert result.alternatives["missing_as_not_mentioned"].recall == 1 / 3


def test_finding_that_the_gold_leaves_open_is_scored_nowhere(make_labels, make_gold):
    gold = make_gold({"r1": {"Mass": None}, "r2": {"Mass": True}})
    labels = make_labels({"r1": {"Mass": "present"}, "r2": {"Mass": "present"}})
    result = audit(labels, gold)
    assert (result.findings["Mass"].n, result.findings["Mass"].precision) == (1, 1)
    assert result.micro.n == 2 * 14 - 1


def test_test_split_is_left_out_and_counted(make_labels, make_gold):
    rows = {"r1": {}, HELD_OUT: {}}
    result = audit(make_labels(rows), make_gold(rows))
    assert result.counts["scored"] == 1
    assert result.counts["left_out"]["test_split"] == 1


def test_test_split_is_scored_when_named(make_labels, make_gold):
    rows = {"r1": {}, HELD_OUT: {}}
    result = audit(make_labels(rows), make_gold(rows), ids=[HELD_OUT])
    assert result.counts["scored"] == 1
    assert result.counts["left_out"] == {"test_split": 0, "excluded": 0, "not_named": 1}


def test_excluded_reports_are_not_scored(tables):
    result = audit(*tables, exclude_ids=["r3"])
    assert result.micro.fp == 0
    assert result.counts["left_out"]["excluded"] == 1


def test_order_of_rows_does_not_matter(tables):
    labels, gold = tables
    turned = labels.take(pa.array([4, 2, 0, 1, 3]))
    assert audit(turned, gold).to_json() == audit(labels, gold).to_json()


def test_same_seed_gives_the_same_intervals(tables):
    first, again, other = (audit(*tables, seed=seed).micro.f1_interval for seed in (3, 3, 4))
    assert first == again
    assert first[0] <= 6 / 9 <= first[1]
    assert other is not None


def test_without_bootstrap_there_is_no_f1_interval(tables):
    result = audit(*tables, bootstrap=0)
    assert result.micro.f1_interval is None
    assert result.micro.precision_interval is not None


def test_json_has_the_published_layout(tables):
    data = json.loads(json.dumps(audit(*tables).to_json(), allow_nan=False))
    assert {"micro", "micro_subsets", "findings", "macro", "counts", "normal"} <= set(data)
    assert set(data["findings"]) == set(CHESTXRAY14)
    assert data["findings"]["Atelectasis"]["f1"] == 2 / 3
    assert data["micro_subsets"]["without_hernia"]["fp"] == 1
    keys = {"precision", "recall", "f1", "tp", "fp", "fn", "n", "precision_interval"}
    assert keys <= set(data["findings"]["Mass"])


def test_only_some_findings_can_be_audited(tables):
    result = audit(*tables, findings=("Atelectasis",))
    assert set(result.findings) == {"Atelectasis"}
    assert result.micro.n == 5


def test_tables_without_common_reports_are_an_error(make_labels, make_gold):
    with pytest.raises(AuditError, match=r"no report in both.*'a1'.*'r1'"):
        audit(make_labels({"a1": {}}), make_gold({"r1": {}}))


def test_missing_column_is_an_error(tables):
    labels, gold = tables
    with pytest.raises(AuditError, match="gold: no column 'Mass'"):
        audit(labels, gold.drop_columns(["Mass"]))


@pytest.mark.parametrize("side", ["labels", "gold"])
def test_report_with_two_rows_is_an_error(tables, side):
    doubled = [
        pa.concat_tables([t, t.slice(0, 1)]) if s == side else t
        for s, t in zip(("labels", "gold"), tables, strict=True)
    ]
    with pytest.raises(AuditError, match=f"{side}: 1 reports with several rows, the first 'r1'"):
        audit(*doubled)


def test_unknown_state_is_an_error(tables):
    labels, gold = tables
    index = labels.schema.get_field_index("Mass")
    wrong = labels.set_column(index, "Mass", pa.array(["maybe"] * 5))
    with pytest.raises(AuditError, match="'Mass': 5 cells"):
        audit(wrong, gold)
    with pytest.raises(AuditError, match="'maybe'"):
        audit(labels, gold, positive=("maybe",))


@SMALL
@given(report_findings, st.data())
def test_micro_is_the_sum_of_the_findings(make_labels, make_gold, truth, data):
    mined = [data.draw(st.sets(st.sampled_from(CHESTXRAY14[:4]))) for _ in truth]
    result = _audit_sets(make_labels, make_gold, mined, truth)
    for count in ("tp", "fp", "fn", "tn"):
        summed = sum(getattr(score, count) for score in result.findings.values())
        assert getattr(result.micro, count) == summed


@SMALL
@given(report_findings, st.data())
def test_swapping_labels_and_gold_swaps_precision_and_recall(make_labels, make_gold, truth, data):
    mined = [data.draw(st.sets(st.sampled_from(CHESTXRAY14[:4]))) for _ in truth]
    there = _audit_sets(make_labels, make_gold, mined, truth).micro
    back = _audit_sets(make_labels, make_gold, truth, mined).micro
    assert (there.precision, there.recall, there.f1) == (back.recall, back.precision, back.f1)


def _audit_sets(make_labels, make_gold, mined, truth):
    labels = {f"r{i}": dict.fromkeys(found, "present") for i, found in enumerate(mined)}
    gold = {f"r{i}": dict.fromkeys(found, True) for i, found in enumerate(truth)}
    return audit(make_labels(labels), make_gold(gold), bootstrap=0)
