"""The gallery of attention mining in a real browser: each step's picture, and what was blocked."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from modeling.attention_views import SLOPE, Look
from modeling.gallery import render_gallery
from tests.modeling.browser import Page, open_browser
from tests.modeling.gallery_case import cards, heatmaps, images_in

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with open_browser() as page:
        yield page


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three cards; the first two were mined."""
    folder = tmp_path_factory.mktemp("gallery")
    heat = np.random.default_rng(0).random((3, 4, 4), np.float32)
    blocked = np.stack([np.zeros((4, 4), bool), np.eye(4, dtype=bool), np.tri(4, dtype=bool)])
    looks = tuple(
        Look(heat[step], blocked[step], 0.9 - 0.2 * step, SLOPE if step == 2 else "")
        for step in range(3)
    )
    given = {(card.image_id, card.finding): looks for card in cards()[:2]}
    page = render_gallery(cards(), images_in(folder), heatmaps=heatmaps(), looks=given)
    page.write(folder / "gallery.html")
    return folder / "gallery.html"


@pytest.fixture(params=[1280, 390])
def page(request: pytest.FixtureRequest, browser: Page, file: Path) -> Page:
    browser.problems.clear()
    browser.requests.clear()
    browser.open(file, width=request.param)
    browser.wait("document.documentElement.dataset.ready === 'yes'")
    return browser


def test_every_step_is_a_picture_of_its_own(page: Page) -> None:
    for place in range(3):  # pictures are decoded when their card comes near the window
        page.evaluate(f"document.querySelectorAll('.card')[{place}].scrollIntoView()")
        images = f"Array.from(document.querySelectorAll('.card')[{place}].querySelectorAll('img'))"
        page.wait(f"{images}.every(image => image.naturalWidth > 0)")
    steps = "document.querySelectorAll('.steps li')"
    assert page.evaluate(f"{steps}.length") == 6
    heats = f"new Set(Array.from({steps}).slice(0, 3).map(e => e.querySelector('.heat-layer').src))"
    assert page.evaluate(f"{heats}.size") == 3
    assert page.evaluate("document.querySelectorAll('.card .blocked-layer').length") == 4
    assert page.problems == []
    assert [url for url in page.requests if not url.startswith(("data:", "file:"))] == []


def test_steps_lie_side_by_side_inside_their_card(page: Page) -> None:
    inside = (
        "(() => { const card = document.querySelector('.card').getBoundingClientRect();"
        "const own = Array.from(document.querySelectorAll('.card:first-child .steps .frame'))"
        ".map(e => e.getBoundingClientRect());"
        "return own.every(r => r.left >= card.left && r.right <= card.right && r.width > 90)"
        "&& own[0].right <= own[1].left && own[1].right <= own[2].left"
        "&& own[0].top === own[2].top; })()"
    )
    assert page.evaluate(inside) is True
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")


def test_a_step_that_was_left_out_says_why(page: Page) -> None:
    said = "Array.from(document.querySelectorAll('.card:first-child .why')).map(e => e.textContent)"
    assert page.evaluate(said) == ["merged", "merged", f"left out: {SLOPE}"]
    colours = "Array.from(document.querySelectorAll('.why')).map(e => getComputedStyle(e).color)"
    merged, _, left_out = page.evaluate(colours)[:3]
    assert merged != left_out


def test_what_was_blocked_is_switched_off_and_on(page: Page) -> None:
    display = "getComputedStyle(document.querySelector('.blocked-layer')).display"
    for hidden in (True, False):
        page.evaluate("document.forms[0].elements['show-blocked'].click()")
        assert (page.evaluate(display) == "none") is hidden


def test_a_step_can_be_enlarged_and_put_away(page: Page) -> None:
    page.evaluate("document.querySelectorAll('.steps .frame')[1].click()")
    assert page.evaluate("document.querySelector('dialog').open") is True
    shown = "document.querySelector('dialog .blocked-layer').getBoundingClientRect().width"
    assert page.evaluate(shown) > 300
    page.evaluate("document.querySelector('dialog .frame').click()")
    assert page.evaluate("document.querySelector('dialog').open") is False
