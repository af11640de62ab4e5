"""`cxrmine explain --html`: a text with marks, trees and the way to its labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows.desk_case import EVIL, cxrmine, mine_case
from tests.modeling.browser import open_browser


def test_the_page_of_a_report_of_a_run(tmp_path: Path) -> None:
    run, page = mine_case(tmp_path, "openi-mesh"), tmp_path / "why.html"
    assert cxrmine("explain", "D5", "--labels", run, "--html", page) == 0
    html = page.read_text()
    assert page.stat().st_mode & 0o777 == 0o600
    assert "Why report D5 has its labels" in html
    assert "openi-mesh" in html and "unc.consistent_with" in html


def test_the_terminal_is_silent_about_the_text_when_a_page_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cxrmine("explain", "No effusion.", "--html", tmp_path / "why.html")
    assert capsys.readouterr().out.strip() == str(tmp_path / "why.html")


@pytest.mark.browser
def test_the_page_in_a_browser(tmp_path: Path) -> None:
    path = tmp_path / "why.html"
    text = f"FINDINGS: {EVIL} No effusion. Opacity may represent pneumonia. IMPRESSION: Pneumonia."
    cxrmine("explain", text, "--html", path)
    with open_browser() as page:
        for width in (1280, 390):
            page.open(path, width=width)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        marked = "Array.from(document.querySelectorAll('.report mark.{}')).map(e => e.textContent)"
        assert page.evaluate(marked.format("mention")) == ["effusion", "pneumonia", "Pneumonia"]
        assert page.evaluate(marked.format("cue")) == ["No", "may", "represent"]
        fired = "Array.from(document.querySelectorAll('.fired .displacy-label'))"
        labels = page.evaluate(f"{fired}.map(e => e.textContent)")
        assert sorted(labels) == ["aux", "det", "obj"]
        assert EVIL in page.evaluate("document.querySelector('.report').textContent")
        assert page.evaluate("window.evil === undefined") is True
        assert "present + uncertain" in page.evaluate("document.body.textContent")
        assert page.problems == []
        assert set(page.requests) == {path.as_uri()}
