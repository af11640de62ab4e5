from __future__ import annotations

import io

import pytest
from rich.console import Console

from mining.audit import audit
from mining.audit.holdout import held_out_ids
from mining.audit.table import audit_footer, audit_markdown, load_reference, print_audit


@pytest.fixture
def result(make_labels, make_gold):
    found = {"Mass": "present", "Pleural_Thickening": "present"}
    ids = [f"r{i}" for i in range(40)]
    labels = make_labels({**{r: found for r in ids}, "r99": {}, min(held_out_ids()): {}})
    gold = {r: {"Mass": i % 2 == 0, "Pleural_Thickening": True} for i, r in enumerate(ids)}
    return audit(labels, make_gold({**gold, "gone": {"Mass": True}}, unjudged=("r3",)))


def shown(result, reference=None) -> str:
    console = Console(file=io.StringIO(), width=80)
    print_audit(result, reference=reference, console=console)
    return console.file.getvalue()


def test_table_fits_80_columns_a_line_per_row(result):
    lines = shown(result, load_reference()).splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("Pleural_Thickening   1.0 .91–1.0") for line in lines)
    row = next(line for line in lines if line.startswith("Mass"))
    assert row.split() == ["Mass", ".513", ".36–.66", "1.0", ".83–1.0",
                           row.split()[5], row.split()[6], "20/19/0", ".800"]  # fmt: skip


def test_paper_stands_beside_with_its_source(result):
    text = shown(result, load_reference())
    assert ".873" in text
    assert "1705.02315v5" in text
    assert ".807" in text


def test_without_reference_nothing_is_said_of_a_paper(result):
    assert "paper" not in shown(result)


@pytest.mark.parametrize(
    "says",
    [
        "39 reports scored",
        "1 report of OpenI's published test split left out",
        "Judged by nobody: 1 report, left out; micro with them .750 / 1.0 / .857",
        "In the gold without a label row: 1 report (1 finding)",
        "Labelled but not in the gold: 1 report",
        "1,000 bootstrap samples",
    ],
)
def test_footer_says_what_was_left_out(result, says):
    assert says in "\n".join(audit_footer(result))


def test_markdown_has_the_rows_and_the_footer(result):
    text = audit_markdown(result, reference=load_reference())
    lines = text.splitlines()
    assert lines[0] == "| finding | precision | recall | F1 | tp/fp/fn | paper |"
    assert len({line.count("|") for line in lines if line.startswith("|")}) == 1
    assert any(line.startswith("| without Hernia |") for line in lines)
    assert "- 39 reports scored" in text


def test_reference_has_the_published_figures():
    reference = load_reference()
    assert reference.micro == pytest.approx(0.873)
    assert reference.findings["Pneumonia"] == pytest.approx(0.571)
    assert "Hernia" not in reference.findings
