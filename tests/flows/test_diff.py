"""`cxrmine diff`: counts, tables, a page, and an exit code to build a gate on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_contracts import FLIPS, read_provenance, read_table
from flows.tables import NotFound
from tests.flows.desk_case import cxrmine, mine_case
from tests.modeling.browser import Page, open_browser


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("diff")
    return mine_case(folder, "openi-mesh"), mine_case(folder, "clinical")


def test_flips_have_rules_and_no_text_unless_asked(sets: tuple[Path, Path], tmp_path: Path) -> None:
    assert cxrmine("diff", *sets, "--parquet", tmp_path / "flips.parquet") == 0
    table = read_table(tmp_path / "flips.parquet", FLIPS)
    row = next(r for r in table.to_pylist() if (r["report_id"], r["finding"]) == ("D5", "Edema"))
    assert (row["before"], row["after"]) == ("present", "uncertain")
    assert row["rules_before"] == row["rules_after"] == ["unc.consistent_with"]
    assert row["sentences_before"] == []
    assert (tmp_path / "flips.parquet").stat().st_mode & 0o777 == 0o644
    assert len(read_provenance(tmp_path / "flips.parquet")["before"]) == 64


def test_with_text_the_sentences_are_there_for_the_owner_only(
    sets: tuple[Path, Path], tmp_path: Path
) -> None:
    flips, page = tmp_path / "flips.parquet", tmp_path / "diff.html"
    assert cxrmine("diff", *sets, "--with-text", "--parquet", flips, "--html", page) == 0
    rows = {(r["report_id"], r["finding"]): r for r in read_table(flips, FLIPS).to_pylist()}
    assert rows["D5", "Edema"]["sentences_after"] == ["Findings consistent with mild edema."]
    assert [path.stat().st_mode & 0o777 for path in (flips, page)] == [0o600, 0o600]
    assert "Findings consistent with mild edema." in page.read_text()


def test_a_page_without_text_has_none(sets: tuple[Path, Path], tmp_path: Path) -> None:
    assert cxrmine("diff", *sets, "--html", tmp_path / "diff.html") == 0
    html = (tmp_path / "diff.html").read_text()
    assert "unc.consistent_with" in html and "mild edema" not in html


@pytest.mark.parametrize(("limit", "code"), [("0", 1), ("0.05", 1), ("1", 0)])
def test_the_exit_code_is_a_gate(
    sets: tuple[Path, Path], limit: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cxrmine("diff", *sets, "--max-flipped", limit) == code
    assert ("allowed" in capsys.readouterr().err) is bool(code)


def test_the_same_set_passes_the_strictest_gate(sets: tuple[Path, Path]) -> None:
    assert cxrmine("diff", sets[0], sets[0], "--max-flipped", 0, "--max-lost", 0) == 0


def test_counts_as_json(sets: tuple[Path, Path], tmp_path: Path) -> None:
    cxrmine("diff", *sets, "--json", tmp_path / "diff.json")
    counts = json.loads((tmp_path / "diff.json").read_text())
    assert counts["flipped"] == sum(f["flipped"] for f in counts["findings"].values()) > 0
    assert ["present", "uncertain", 1] in counts["findings"]["Edema"]["steps"]


def test_bare_tables_can_be_compared_without_reasons(
    sets: tuple[Path, Path], tmp_path: Path
) -> None:
    bare = [tmp_path / f"{n}.parquet" for n in range(2)]
    for source, target in zip(sets, bare, strict=True):
        shutil.copy(source / "labels.parquet", target)
    assert cxrmine("diff", *bare, "--parquet", tmp_path / "flips") == 0
    assert set(map(tuple, read_table(tmp_path / "flips", FLIPS)["rules_after"].to_pylist())) == {()}
    with pytest.raises(NotFound, match=r"reports\.parquet"):
        cxrmine("diff", *bare, "--with-text")


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with open_browser() as page:
        yield page


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_walks_and_filters_in_a_browser(
    sets: tuple[Path, Path], tmp_path: Path, browser: Page, width: int
) -> None:
    path = tmp_path / "diff.html"
    cxrmine("diff", *sets, "--with-text", "--html", path)
    browser.problems.clear()
    browser.requests.clear()
    browser.open(path, width=width)
    browser.wait("document.documentElement.dataset.ready === 'yes'")
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    browser.choose("finding", "Edema")
    assert browser.evaluate("document.querySelector('.detail h3').textContent") == "Edema"
    assert browser.evaluate("document.querySelectorAll('.list li:not([hidden])').length") == 1
    assert "mild edema" in browser.evaluate("document.querySelector('.detail').textContent")
    assert browser.evaluate("window.evil === undefined") is True
    assert browser.problems == []
    assert browser.requests == [path.as_uri()]
