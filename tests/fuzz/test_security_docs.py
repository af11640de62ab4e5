"""docs/security.md names tests; all of them are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_test_that_the_page_names_exists():
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", page))
    files = (ROOT / "tests").rglob("test_*.py")
    there = {name for f in files for name in re.findall(r"def (test_\w+)", f.read_text("utf-8"))}
    assert len(named) > 40
    assert named - there == set()


def test_every_threat_has_a_test():
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    table = page.partition("| what comes |")[2].partition("\n\n")[0].splitlines()[2:]
    assert table
    assert [row for row in table if not re.search(r"`test_\w+`", row)] == []
