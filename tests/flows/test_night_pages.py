"""The audit pages of nights: one for the same labels, the last ones kept, found by a browser."""

import os
from pathlib import Path

import pytest

from flows import night_pages
from flows.forget import forget
from flows.night_pages import VARIABLE, address_of_page, keep_audit_page
from flows.page_server import serve_pages
from tests.flows.desk_case import mine_case, write_gold
from tests.modeling.browser import open_browser


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run."""
    return mine_case(tmp_path_factory.mktemp("audited"), "openi-mesh")


@pytest.fixture(scope="module")
def gold(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What somebody says is in its reports."""
    return str(write_gold(tmp_path_factory.mktemp("gold") / "gold.csv"))


def test_the_same_labels_have_the_same_page(run: Path, gold: str, tmp_path: Path) -> None:
    first = keep_audit_page(run, gold, tmp_path)
    written = first.stat().st_ino
    assert keep_audit_page(run, gold, tmp_path) == first
    assert first.stat().st_ino == written
    html = first.read_text(encoding="utf-8")
    assert "false positive" in html and "costophrenic" not in html


def test_another_gold_has_another_page(run: Path, gold: str, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text(Path(gold).read_text().replace("1", "0", 1))
    pages = {keep_audit_page(run, one, tmp_path / "pages").name for one in (gold, str(other))}
    assert len(pages) == 2


def test_the_oldest_pages_go(
    run: Path, gold: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(night_pages, "KEPT", 2)
    for number in range(3):
        old = tmp_path / f"audit-{number:016}.html"
        old.write_text("old")
        os.utime(old, (number, number))
    (tmp_path / "2026-11-21.md").write_text("# Run")
    page = keep_audit_page(run, gold, tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"audit-{2:016}.html", page.name, "2026-11-21.md"}


def test_an_address_is_the_users_or_that_of_the_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    page = Path("/out/labels.reports/audit-0a.html")
    monkeypatch.delenv(VARIABLE, raising=False)
    assert address_of_page(page, "") is None
    monkeypatch.setenv(VARIABLE, "http://127.0.0.1:4201")
    assert address_of_page(page, "") == "http://127.0.0.1:4201/audit-0a.html"
    assert address_of_page(page, "https://pages.example/x/") == (
        "https://pages.example/x/audit-0a.html"
    )


def test_forgetting_a_report_takes_the_pages_that_name_it(
    run: Path, gold: str, tmp_path: Path
) -> None:
    folder, kept = tmp_path / "labels.reports", f"audit-{1:016}.html"
    page = keep_audit_page(run, gold, folder)
    assert "D1" in page.read_text(encoding="utf-8")
    (folder / kept).write_text("<h1>of other reports</h1>")
    (folder / "2026-11-21.md").write_text("# Run")
    done = forget(tmp_path / "cache", [folder], frozenset({"D1"}))
    assert {path.name for path in folder.iterdir()} == {kept, "2026-11-21.md"}
    assert done.left == ()


@pytest.mark.browser
def test_a_browser_shows_the_page_at_its_address(run: Path, gold: str, tmp_path: Path) -> None:
    page = keep_audit_page(run, gold, tmp_path)
    with serve_pages(tmp_path) as address, open_browser() as browser:
        browser.open(address_of_page(page, address) or "")
        browser.wait("document.documentElement.dataset.ready === 'yes'")
        assert "Audit of a label set" in browser.evaluate("document.title")
        assert browser.evaluate("document.querySelectorAll('.list li:not([hidden])').length") > 0
        assert [p for p in browser.problems if "favicon" not in p and "404" not in p] == []
