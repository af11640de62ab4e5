"""Label sets laid side by side: what flipped, what is missing, when it is too much."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from data_contracts import FLIPS, labels_contract
from mining.audit import AuditError
from mining.diff_view import print_diff
from mining.diffing import diff_labels, steps_by_rule, with_reasons

FINDINGS = ("Mass", "Edema")
STATES = ["present", "absent", "uncertain", "unparsed", None]


def labels(rows: Mapping[str, tuple[str | None, str | None]]) -> pa.Table:
    records = [
        {"report_id": key, "Mass": mass, "Edema": edema, "no_finding": False, "normal": False}
        for key, (mass, edema) in rows.items()
    ]
    return pa.Table.from_pylist(records, schema=labels_contract(FINDINGS).schema)


BEFORE = labels({"a": ("present", None), "b": ("absent", "absent"), "gone": ("present", None)})
AFTER = labels({"b": (None, "absent"), "a": ("uncertain", None), "new": (None, None)})


def test_flips_are_found_whatever_the_order_of_the_reports() -> None:
    flips = diff_labels(BEFORE, AFTER).flips
    assert flips.to_pylist() == [
        {"report_id": "a", "finding": "Mass", "before": "present", "after": "uncertain"},
        {"report_id": "b", "finding": "Mass", "before": "absent", "after": "not_mentioned"},
    ]


def test_the_share_is_of_labels_that_either_set_mentions() -> None:
    diff = diff_labels(BEFORE, AFTER)
    assert (diff.compared, diff.mentioned, diff.flipped) == (2, 3, 2)
    assert diff.share == pytest.approx(2 / 3)
    assert diff.findings["Edema"].share == 0


def test_reports_of_one_set_only_are_counted_and_are_no_flips() -> None:
    diff = diff_labels(BEFORE, AFTER)
    assert (diff.only_before, diff.only_after) == (("gone",), ("new",))


def test_findings_of_one_set_only_are_named() -> None:
    diff = diff_labels(BEFORE, AFTER.drop_columns(["Edema"]))
    assert (list(diff.findings), diff.findings_only_before) == (["Mass"], ("Edema",))


def test_the_same_set_has_no_flips() -> None:
    diff = diff_labels(BEFORE, BEFORE)
    assert (diff.flipped, diff.share, diff.over(max_flipped=0, max_lost=0)) == (0, 0.0, [])


def test_sets_of_other_reports_are_refused() -> None:
    with pytest.raises(AuditError, match="no report in both"):
        diff_labels(BEFORE, labels({"x": (None, None)}))


def test_a_report_twice_is_refused() -> None:
    with pytest.raises(AuditError, match="after: 1 reports with several rows"):
        diff_labels(BEFORE, pa.concat_tables([AFTER, AFTER.slice(0, 1)]))


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"max_flipped": 0.5, "max_lost": None}, ["2 of 3 labels flipped (66.67%)"]),
        ({"max_flipped": 0.7, "max_lost": None}, []),
        ({"max_flipped": None, "max_lost": 0.3}, ["1 of 3 reports of the first set are gone"]),
        ({"max_flipped": 0, "max_lost": 0}, ["labels flipped", "reports of the first set"]),
        ({"max_flipped": None, "max_lost": None}, []),
    ],
)
def test_limits(limits: dict[str, float | None], words: list[str]) -> None:
    problems = diff_labels(BEFORE, AFTER).over(**limits)
    assert len(problems) == len(words)
    assert all(word in problem for word, problem in zip(words, problems, strict=True))


cells = st.lists(st.tuples(st.sampled_from(STATES), st.sampled_from(STATES)), min_size=1)


@given(cells, st.randoms(use_true_random=False))
def test_flips_and_unchanged_labels_add_up(
    rows: list[tuple[str | None, str | None]], random: object
) -> None:
    before = labels({str(n): row for n, row in enumerate(rows)})
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    after = labels({str(n): row for n, row in enumerate(shuffled)})
    forth, back = diff_labels(before, after), diff_labels(after, before)
    assert forth.flipped == sum(
        a != b for x, y in zip(rows, shuffled, strict=True) for a, b in zip(x, y, strict=True)
    )
    assert forth.steps == {(b, a): n for (a, b), n in back.steps.items()}
    assert forth.mentioned == back.mentioned >= forth.flipped


def test_reasons_make_a_table_under_its_contract() -> None:
    flips = diff_labels(BEFORE, AFTER).flips
    rules = ({("a", "Mass"): ("default.present",)}, {("a", "Mass"): ("unc.may", "unc.versus")})
    table = with_reasons(flips, rules)
    assert table.schema.equals(FLIPS.schema)
    assert steps_by_rule(table) == {("default.present", "unc.may + unc.versus"): 1, ("", ""): 1}
    assert table["sentences_after"].to_pylist() == [[], []]


def test_the_terminal_names_findings_steps_and_rules() -> None:
    diff = diff_labels(BEFORE, AFTER)
    rules = ({("a", "Mass"): ("default.present",)}, {("a", "Mass"): ("unc.may",)})
    console = Console(width=100, record=True)
    print_diff(diff, with_reasons(diff.flips, rules), console=console)
    text = console.export_text()
    assert "2 of 3 labels flipped (66.67%), in 2 reports that both sets have." in text
    assert "present → uncertain 1" in text and "absent → not mentioned 1" in text
    assert "default.present" in text and "unc.may" in text
    assert "Only in the first set: 1 reports, gone for one." in text
