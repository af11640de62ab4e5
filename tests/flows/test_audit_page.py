"""The auditor's page: figures, errors, cases to walk; tested in a real browser."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import typer

from data_contracts import CHESTXRAY14, Verdict, labels_contract
from flows.audit_page import audit_page
from flows.label_sets import LabelSet
from flows.tables import NotFound
from mining.audit import audit
from mining.audit.gold import build_gold
from tests.flows.desk_case import cxrmine, mine_case, write_gold
from tests.modeling.browser import Page, open_browser


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mine_case(tmp_path_factory.mktemp("audited"), "openi-mesh")


@pytest.fixture(scope="module")
def gold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gold(tmp_path_factory.mktemp("gold") / "gold.csv")


@pytest.fixture(scope="module")
def file(run: Path, gold: Path) -> Path:
    """The page with the text of reports."""
    path = run.parent / "audit.html"
    assert cxrmine("audit", run, gold, "--html", path, "--with-text") == 0
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with open_browser() as page:
        yield page


@pytest.fixture
def page(browser: Page, file: Path) -> Page:
    browser.problems.clear()
    browser.requests.clear()
    browser.open(file)
    browser.wait("document.documentElement.dataset.ready === 'yes'")
    return browser


def shown(page: Page) -> list[str]:
    found: list[str] = page.evaluate(
        "Array.from(document.querySelectorAll('.list li:not([hidden])'))"
        ".map(e => e.querySelector('.line span').textContent"
        " + ' ' + e.querySelector('.sub').textContent.split(' ')[0])"
    )
    return found


def text(page: Page, selector: str) -> str:
    found: str = page.evaluate(f"document.querySelector({json.dumps(selector)}).textContent")
    return found


def press(page: Page, key: str) -> None:
    event = f"new KeyboardEvent('keydown', {{key: '{key}', bubbles: true}})"
    page.evaluate(f"document.body.dispatchEvent({event})")


def test_the_page_holds_text_and_only_the_owner_reads_it(file: Path) -> None:
    assert file.stat().st_mode & 0o777 == 0o600
    assert "There is a large </mark>" in file.read_text()


def test_without_text_no_word_of_a_report_is_in_it(run: Path, gold: Path, tmp_path: Path) -> None:
    path = tmp_path / "audit.html"
    assert cxrmine("audit", run, gold, "--html", path) == 0
    html = path.read_text()
    assert path.stat().st_mode & 0o777 == 0o644
    assert "false positive" in html and "default.present" in html
    for words in ("large pneumothorax", "window.evil", "costophrenic", "displacy-word"):
        assert words not in html


def test_a_bare_table_has_a_page_without_rules(run: Path, gold: Path, tmp_path: Path) -> None:
    shutil.copy(run / "labels.parquet", tmp_path / "labels.parquet")
    path = tmp_path / "audit.html"
    assert cxrmine("audit", tmp_path / "labels.parquet", gold, "--html", path) == 0
    assert "Rules are known for the folder of a run" in path.read_text()
    with pytest.raises(NotFound, match=r"reports\.parquet"):
        cxrmine("audit", tmp_path / "labels.parquet", gold, "--html", path, "--with-text")


def test_text_without_a_page_is_a_mistake(run: Path, gold: Path) -> None:
    with pytest.raises(typer.BadParameter, match="--html"):
        cxrmine("audit", run, gold, "--with-text")


@pytest.mark.browser
def test_errors_are_shown_first_and_right_labels_beside(page: Page) -> None:
    assert shown(page) == ["Pneumonia D4", "Pneumothorax D2", "Pneumothorax D3"]
    page.choose("outcome", "right")
    assert "Cardiomegaly D1" in shown(page)


@pytest.mark.browser
@pytest.mark.parametrize(
    ("field", "value", "cases"),
    [
        ("outcome", "false negative", ["Pneumonia D4", "Pneumothorax D2"]),
        ("outcome", "false positive", ["Pneumothorax D3"]),
        ("finding", "Pneumonia", ["Pneumonia D4"]),
        ("state", "absent", ["Pneumothorax D2"]),
        ("rule", "neg.no", ["Pneumothorax D2"]),
    ],
)
def test_filters(page: Page, field: str, value: str, cases: list[str]) -> None:
    page.choose(field, value)
    assert shown(page) == cases


@pytest.mark.browser
def test_no_match_is_said_and_reset_brings_the_errors_back(page: Page) -> None:
    page.choose("rule", "neg.no")
    page.choose("finding", "Pneumonia")
    assert (shown(page), text(page, ".detail .body")) == ([], "")
    assert page.evaluate("document.querySelector('.nothing.filtered').hidden") is False
    page.evaluate("document.querySelector('button[type=reset]').click()")
    page.wait("document.querySelectorAll('.list li:not([hidden])').length === 3")


@pytest.mark.browser
def test_the_keyboard_walks_the_errors(page: Page) -> None:
    places = [text(page, "#place")]
    for key in "jjjkkk":
        press(page, key)
        places.append(text(page, "#place"))
    assert [place[0] for place in places] == list("1233211")
    assert text(page, ".detail .id") == "D4"


@pytest.mark.browser
def test_a_case_shows_mention_cue_arcs_rule_and_examples(page: Page) -> None:
    page.choose("finding", "Pneumothorax")
    assert text(page, ".detail mark.mention.absent") == "pneumothorax"
    assert text(page, ".detail mark.cue") == "No"
    assert text(page, ".detail .tree .fired .displacy-label") == "det"
    assert text(page, ".detail .tree .climbed .displacy-label") == "conj"
    assert "there is no evidence of FINDING" in text(page, ".detail .rule .reads")
    assert page.evaluate("document.querySelectorAll('.detail .examples li').length") >= 2


@pytest.mark.browser
def test_an_error_in_a_group_leads_to_its_cases(page: Page) -> None:
    page.evaluate(
        "Array.from(document.querySelectorAll('button.jump'))"
        ".find(b => b.textContent === 'default.present').click()"
    )
    assert shown(page) == ["Pneumothorax D3"]


@pytest.mark.browser
def test_a_script_in_a_report_is_text(page: Page) -> None:
    page.choose("outcome", "false positive")
    assert "<script>window.evil = 1</script>" in text(page, ".detail .report")
    assert page.evaluate("window.evil === undefined") is True
    assert page.evaluate("document.querySelector('.report script, .report img')") is None


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_fits_the_window_asks_for_nothing_and_complains_of_nothing(
    page: Page, file: Path, width: int
) -> None:
    page.open(file, width=width)
    page.wait("document.documentElement.dataset.ready === 'yes'")
    for _ in range(3):
        press(page, "j")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.picture().startswith(b"\x89PNG")
    assert page.problems == []
    assert {url for url in page.requests if not url.startswith("data:")} == {file.as_uri()}


@pytest.mark.browser
def test_the_figures_are_those_of_the_audit(page: Page, run: Path, gold: Path) -> None:
    cxrmine("audit", run, gold, "--json", run.parent / "audit.json")
    micro = json.loads((run.parent / "audit.json").read_text())["micro"]
    tiles = page.evaluate(
        "Array.from(document.querySelectorAll('.tile b')).map(e => e.textContent)"
    )
    assert tiles[:3] == [f"{micro[name]:.3f}" for name in ("precision", "recall", "f1")]
    bar = page.evaluate("document.querySelector('.frow.pooled .track i').getAttribute('style')")
    low, width = (float(n) for n in re.findall(r"[\d.]+", bar))
    assert (low / 100, (low + width) / 100) == pytest.approx(micro["precision_interval"], abs=2e-4)


@pytest.mark.browser
def test_a_page_over_a_hundred_thousand_labels_stays_small_and_filters(
    browser: Page, tmp_path: Path
) -> None:
    reports, random = 7200, np.random.default_rng(0)
    states = np.array([*Verdict, None], dtype=object)
    columns = {name: states[random.integers(0, 5, reports)] for name in CHESTXRAY14}
    ids = [f"R{n}" for n in range(reports)]
    blank = [False] * reports
    labels = pa.table(
        {"report_id": ids, **columns, "no_finding": blank, "normal": blank},
        schema=labels_contract(CHESTXRAY14).schema,
    )
    truth = {name: random.random(reports) < 0.3 for name in CHESTXRAY14}
    values = {name: list(map(bool, flags)) for name, flags in truth.items()}
    gold = build_gold(
        {"report_id": ids, **values, "normal": blank, "judged": [True] * reports}, annotator="x"
    )
    html = audit_page(
        audit(labels, gold, bootstrap=200),
        LabelSet(tmp_path / "labels.parquet", labels, None, None, None),
        "gold.csv",
    )
    assert len(html) < 4_000_000
    (tmp_path / "audit.html").write_text(html)
    browser.open(tmp_path / "audit.html")
    browser.wait("document.documentElement.dataset.ready === 'yes'")
    assert "2,000 of 2,000 shown, chosen from" in text(browser, "#count")
    browser.evaluate(
        "(() => { const form = document.forms[0]; form.elements.finding.value = 'Mass';"
        "form.dispatchEvent(new Event('change')); })()"
    )
    shown = int(text(browser, "#count").split(" of ")[0].replace(",", ""))
    assert 0 < shown < 1000  # one finding of fourteen
