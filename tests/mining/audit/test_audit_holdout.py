from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mining.audit import select_ids
from mining.audit.holdout import held_out_ids

HELD_OUT = sorted(held_out_ids())[:3]


def test_committed_split_is_the_published_one(data_folder):
    published = (data_folder / "openi" / "test_ids.txt").read_text().split()
    assert held_out_ids() == set(published)


def test_committed_split_has_771_reports():
    assert len(held_out_ids()) == 771


def test_test_split_is_left_out_and_counted():
    found = select_ids(["CXR1", *HELD_OUT])
    assert found.kept == ("CXR1",)
    assert found.left_out_counts == {"test_split": 3, "excluded": 0, "not_named": 0}


def test_naming_a_report_of_the_test_split_lets_it_in():
    found = select_ids(["CXR1", *HELD_OUT], ids=HELD_OUT[:1])
    assert found.kept == (HELD_OUT[0],)
    assert found.left_out_counts == {"test_split": 0, "excluded": 0, "not_named": 3}


def test_excluding_wins_over_naming():
    found = select_ids(["a", "b"], ids=["a", "b"], exclude_ids=["b"])
    assert found.kept == ("a",)
    assert found.left_out_counts["excluded"] == 1


def test_excluding_others_does_not_let_the_test_split_in():
    assert select_ids(["a", "b", *HELD_OUT], exclude_ids=["b"]).kept == ("a",)


def test_named_ids_that_nobody_has_are_listed():
    assert select_ids(["a"], ids=["a", "z"]).unknown_ids == ("z",)


def test_naming_no_report_keeps_none():
    assert select_ids(["a"], ids=[]).kept == ()


@pytest.mark.parametrize("wanted", [None, ("a", HELD_OUT[0])])
def test_test_split_may_be_switched_off(wanted):
    found = select_ids(["a", HELD_OUT[0]], ids=wanted, leave_out_test_split=False)
    assert found.kept == ("a", HELD_OUT[0])


ids = st.lists(st.sampled_from(["a", "b", "c", "d", *HELD_OUT]))


@given(ids, st.none() | ids, ids)
def test_every_report_is_kept_or_counted(everything, named, excluded):
    found = select_ids(everything, named, excluded)
    assert len(found.kept) + found.left_out == len(set(everything))
    assert named is not None or not held_out_ids() & set(found.kept)
