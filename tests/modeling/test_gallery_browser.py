"""The gallery in a real browser: sorts, filters, switches layers, and asks for nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from modeling.gallery import render_gallery
from tests.modeling.browser import Page, open_browser
from tests.modeling.gallery_case import cards, heatmaps, images_in

pytestmark = pytest.mark.browser
SHOWN = (
    "Array.from(document.querySelectorAll('.card:not([hidden]) .text > .id'))"
    ".map(e => e.textContent.slice(0, 5))"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with open_browser() as page:
        yield page


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gallery")
    page = render_gallery(
        cards(), images_in(folder), heatmaps=heatmaps(), title="A gallery", total=9
    )
    page.write(folder / "gallery.html")
    return folder / "gallery.html"


@pytest.fixture
def page(browser: Page, file: Path) -> Page:
    browser.problems.clear()
    browser.requests.clear()
    browser.open(file)
    browser.wait("document.documentElement.dataset.ready === 'yes'")
    return browser


def shown(page: Page) -> list[str]:
    return list(page.evaluate(SHOWN))


@pytest.mark.parametrize(
    ("order", "ids"),
    [("best", "abc"), ("worst", "bac"), ("sure", "bca"), ("unsure", "acb")],
)
def test_cards_are_sorted(page: Page, order: str, ids: str) -> None:
    page.choose("order", order)
    assert [name[0] for name in shown(page)] == list(ids)


def test_cards_are_filtered_by_finding(page: Page) -> None:
    page.choose("finding", "Mass")
    assert shown(page) == ["a.png", "c.png"]
    assert (
        page.evaluate("document.getElementById('count').textContent")
        == "2 of 3 shown, chosen from 9"
    )


def test_cards_are_filtered_by_true_boxes(page: Page) -> None:
    page.choose("kind", "none")
    assert shown(page) == ["c.png"]


def test_no_match_is_said(page: Page) -> None:
    hidden = "document.querySelector('main > .nothing:not(noscript *)').hidden"
    assert page.evaluate(hidden) is True
    page.choose("finding", "Nodule")
    page.choose("kind", "none")
    assert (shown(page), page.evaluate(hidden)) == ([], False)


@pytest.mark.parametrize(
    ("name", "layer"), [("heat", ".heat-layer"), ("predicted", ".predicted"), ("true", ".true")]
)
def test_a_layer_is_switched_off_and_on(page: Page, name: str, layer: str) -> None:
    display = f"getComputedStyle(document.querySelector('{layer}')).display"
    assert page.evaluate(display) != "none"
    for expected in (True, False):
        page.evaluate(f"document.forms[0].elements['show-{name}'].click()")
        assert (page.evaluate(display) == "none") is expected


def test_pictures_and_heat_are_shown(page: Page) -> None:
    page.wait("Array.from(document.querySelectorAll('.card img')).every(i => i.naturalWidth > 0)")
    assert page.evaluate("document.querySelectorAll('.card img').length") == 6


def test_a_picture_can_be_enlarged_and_put_away(page: Page) -> None:
    page.evaluate("document.querySelector('.frame').click()")
    assert page.evaluate("document.querySelector('dialog').open") is True
    page.evaluate("document.querySelector('dialog .frame').click()")
    assert page.evaluate("document.querySelector('dialog').open") is False


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_no_wider_than_the_window(page: Page, file: Path, width: int) -> None:
    page.open(file, width=width)
    page.wait("document.documentElement.dataset.ready === 'yes'")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.picture().startswith(b"\x89PNG")


def test_a_text_in_a_report_runs_nothing(page: Page) -> None:
    assert page.evaluate("window.evil === undefined") is True
    assert "<script>window.evil" in page.evaluate(
        "document.querySelector('blockquote').textContent"
    )


def test_nothing_is_asked_for_and_nothing_complained_about(page: Page, file: Path) -> None:
    page.wait("document.querySelector('.xray').naturalWidth > 0")
    assert page.problems == []
    outside = [url for url in page.requests if not url.startswith("data:")]
    assert outside == [file.as_uri()]
