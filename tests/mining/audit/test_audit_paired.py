from __future__ import annotations

import pytest

from mining.audit import AuditError, audit, paired_difference
from mining.audit.holdout import held_out_ids


@pytest.fixture
def sets(make_labels, make_gold):
    """60 reports with Mass; one set finds 50 of them, the other 30 of those."""
    ids = [f"r{i}" for i in range(60)]
    good = {r: {"Mass": "present"} if i < 50 else {} for i, r in enumerate(ids)}
    poor = {r: {"Mass": "present"} if i < 30 else {} for i, r in enumerate(ids)}
    return make_labels(good), make_labels(poor), make_gold({r: {"Mass": True} for r in ids})


def test_difference_is_that_of_the_two_audits(sets):
    good, poor, gold = sets
    found = paired_difference(good, poor, gold).micro
    assert found.one == audit(good, gold).micro.f1 == 100 / 110
    assert found.other == audit(poor, gold).micro.f1 == 60 / 90
    assert found.difference == pytest.approx(100 / 110 - 60 / 90)


def test_interval_of_a_clear_difference_leaves_out_nought(sets):
    found = paired_difference(*sets).findings["Mass"]
    assert 0 < found.interval[0] < found.difference < found.interval[1]
    assert found.share_better == 1


def test_swapping_the_sets_turns_the_sign(sets):
    good, poor, gold = sets
    there, back = (paired_difference(*pair, gold).micro for pair in ((good, poor), (poor, good)))
    assert back.difference == -there.difference


def test_equal_sets_do_not_differ(sets):
    good, _, gold = sets
    found = paired_difference(good, good, gold).micro
    assert (found.difference, found.interval, found.share_better) == (0, (0, 0), 0)


def test_pairing_is_narrower_than_two_separate_intervals(sets):
    good, poor, gold = sets
    paired = paired_difference(good, poor, gold).micro.interval
    one, other = (audit(table, gold).micro.f1_interval for table in (good, poor))
    assert paired[1] - paired[0] < (one[1] - other[0]) - (one[0] - other[1])


def test_only_reports_that_both_sets_have_count(sets):
    good, poor, gold = sets
    assert paired_difference(good.slice(10), poor.slice(0, 40), gold).reports == 30


def test_finding_that_never_occurs_has_no_difference(sets):
    found = paired_difference(*sets).findings["Hernia"]
    assert (found.difference, found.interval, found.share_better) == (None, None, None)


def test_test_split_is_left_out(make_labels, make_gold):
    rows = {"r1": {}, min(held_out_ids()): {}}
    found = paired_difference(make_labels(rows), make_labels(rows), make_gold(rows))
    assert (found.reports, found.left_out["test_split"]) == (1, 1)


def test_sets_without_common_reports_are_an_error(make_labels, make_gold):
    rows = {"r1": {}}
    with pytest.raises(AuditError, match="all three"):
        paired_difference(make_labels(rows), make_labels({"r2": {}}), make_gold(rows))
