"""The gallery's page: whole in itself, every text escaped, every image in it once."""

import json
import re
from pathlib import Path

import pytest

from modeling.gallery import Gallery, render_gallery
from modeling.pages import script_hash
from tests.modeling.gallery_case import EVIL, cards, heatmaps, images_in


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    return render_gallery(
        cards(), images_in(tmp_path), heatmaps=heatmaps(), title=EVIL, facts={"note": EVIL}, total=9
    )


def pictures(page: str) -> list[str]:
    found = re.search(r'<script type="application/json" id="pictures">(.*?)</script>', page, re.S)
    assert found
    result: list[str] = json.loads(found[1])
    return result


def test_every_card_and_every_image_is_counted(gallery: Gallery) -> None:
    assert (gallery.cards, gallery.images, gallery.unreadable) == (3, 3, ())
    assert gallery.html.count("<article") == 3
    assert "3 of 9 image–finding pairs" in gallery.html


def test_nothing_is_loaded_from_anywhere(gallery: Gallery) -> None:
    addresses = re.findall(r'(?:src|href|data-src)="([^"]*)"', gallery.html)
    assert addresses and all(address.startswith("data:") for address in addresses)
    assert "http" not in gallery.html.replace("http-equiv", "")


def test_a_text_never_becomes_markup(gallery: Gallery) -> None:
    assert EVIL not in gallery.html
    assert gallery.html.count("&lt;script&gt;window.evil") >= 3  # title, fact, sentence
    assert gallery.html.count("<script") == 2  # ours, and the pictures


def test_only_our_own_script_may_run(gallery: Gallery) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', gallery.html)
    script = re.search(r"<script>(.*?)</script>", gallery.html, re.S)
    assert policy and script
    assert f"script-src '{script_hash(script[1])}'" in policy[1]
    assert "default-src 'none'" in policy[1]


def test_an_image_with_two_findings_is_in_the_page_once(tmp_path: Path) -> None:
    first, second, _ = cards()
    both = [first, second.__class__(**{**second.__dict__, "image_id": "a.png"})]
    page = render_gallery(both, images_in(tmp_path)).html
    assert len(pictures(page)) == 1
    assert page.count('data-image="0"') == 2


def test_the_mention_is_marked_in_its_sentence(gallery: Gallery) -> None:
    assert '<blockquote class="present">A <mark>mass</mark> &lt;script' in gallery.html


def test_boxes_stand_in_pixels_of_the_original(gallery: Gallery) -> None:
    assert 'viewBox="0 0 80 100"' in gallery.html
    assert '<rect x="10.0" y="20.0" width="30.0" height="40.0"' in gallery.html


def test_boxes_are_named_as_trace_wants_them(gallery: Gallery) -> None:
    for name in ("a.png:Mass:1", "a.png:Mass:2", "b.png:Nodule:1"):
        assert f"<code>{name}</code>" in gallery.html


def test_a_missing_image_leaves_an_empty_frame(tmp_path: Path) -> None:
    images = images_in(tmp_path)
    (tmp_path / "b.png").unlink()
    gallery = render_gallery(cards(), images)
    assert gallery.unreadable == ("b.png",)
    assert gallery.html.count("image file not readable") == 1
    assert "1 images could not be read" in gallery.html


def test_without_heatmaps_there_is_no_switch_for_heat(tmp_path: Path) -> None:
    page = render_gallery(cards(), images_in(tmp_path)).html
    assert 'name="show-heat"' not in page
    assert 'name="show-true"' in page


def test_no_card_is_a_page_all_the_same(tmp_path: Path) -> None:
    assert render_gallery([], images_in(tmp_path)).cards == 0


def test_equal_input_gives_an_equal_page(tmp_path: Path) -> None:
    images = images_in(tmp_path)
    pages = {render_gallery(cards(), images, heatmaps=heatmaps()).html for _ in range(2)}
    assert len(pages) == 1


def test_the_page_is_readable_by_its_owner_only(gallery: Gallery, tmp_path: Path) -> None:
    gallery.write(tmp_path / "new" / "gallery.html")
    assert (tmp_path / "new" / "gallery.html").stat().st_mode & 0o077 == 0
