from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from mining.audit import AuditError, label_statistics
from mining.audit.stats_table import cooccurrence_table, statistics_markdown, statistics_table

MINED = {
    "r1": {"Mass": "present", "Nodule": "present"},
    "r2": {"Mass": "present", "Nodule": "absent", "Edema": "uncertain"},
    "r3": {"Mass": "unparsed"},
    "r4": {"normal": True},
}


def test_counts_total_and_overlap(make_labels):
    found = label_statistics(make_labels(MINED))
    assert str(found.findings["Mass"]) == "2 (1)"
    assert str(found.findings["Nodule"]) == "1 (1)"
    assert (found.reports, found.normal, found.no_finding) == (4, 1, 2)


def test_overlap_is_among_the_findings_asked_for(make_labels):
    found = label_statistics(make_labels(MINED), findings=("Mass", "Edema"))
    assert str(found.findings["Mass"]) == "2 (0)"


def test_cooccurrence_is_symmetric_with_totals_on_its_diagonal(make_labels):
    together = label_statistics(make_labels(MINED)).cooccurrence
    assert together["Mass"]["Nodule"] == together["Nodule"]["Mass"] == 1
    assert together["Mass"]["Mass"] == 2


def test_states_are_counted(make_labels):
    states = label_statistics(make_labels(MINED)).states["Mass"]
    assert states == {
        "present": 2, "absent": 0, "uncertain": 0, "unparsed": 1, "not_mentioned": 1,
    }  # fmt: skip


def test_other_states_may_count(make_labels):
    found = label_statistics(make_labels(MINED), positive=("present", "uncertain"))
    assert str(found.findings["Edema"]) == "1 (1)"


def test_gold_counts_alike(make_gold):
    gold = make_gold({"r1": {"Mass": True, "Nodule": True}, "r2": {"Mass": True, "Edema": None}})
    found = label_statistics(gold)
    assert str(found.findings["Mass"]) == "2 (1)"
    assert found.states == {}
    assert json.loads(json.dumps(found.to_json()))["findings"]["Mass"] == {"total": 2, "overlap": 1}


def test_empty_table_counts_nothing(make_labels):
    found = label_statistics(make_labels({}))
    assert (found.reports, str(found.findings["Mass"]), found.normal) == (0, "0 (0)", 0)


def test_finding_without_column_is_an_error(make_gold):
    with pytest.raises(AuditError, match="no column 'Fracture'"):
        label_statistics(make_gold({"r1": {}}), findings=("Fracture",))


def test_tables_show_the_papers_layout(make_labels):
    found = label_statistics(make_labels(MINED))
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(statistics_table(found), cooccurrence_table(found))
    shown = console.export_text()
    assert max(map(len, shown.splitlines())) <= 80
    assert "2 (1)" in shown
    assert "| Mass | 2 (1) |" in statistics_markdown(found)
