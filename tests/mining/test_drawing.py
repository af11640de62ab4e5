"""Trees as drawings: what fired stands out, words of a report run nothing."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

import pytest
from defusedxml.ElementTree import fromstring

from mining.drawing import Fired, climbed_arcs, draw_fired, draw_tree
from mining.parsing import Parse

# No effusion or large pneumothorax .  -> the mention climbs a conjunct to the cue's governor
WORDS = ["No", "effusion", "or", "large", "pneumothorax", "."]
PARSE = Parse(
    (0, 3, 12, 15, 21, 33),
    (2, 11, 14, 20, 33, 34),
    (1, 1, 4, 4, 1, 1),
    ("det", "root", "cc", "amod", "conj", "punct"),
)
FIRED = Fired(mention=(4,), cues=(0,), arcs=((0, 1),))


def groups(svg: str, kind: str) -> list[str]:
    found: list[Element] = [
        e for e in fromstring(svg).iter() if kind in (e.get("class") or "").split()
    ]
    return ["".join(e.itertext()).strip() for e in found]


def test_arcs_that_were_walked_and_climbed_stand_out() -> None:
    svg = draw_fired(WORDS, PARSE, FIRED, key="a")
    assert (groups(svg, "fired"), groups(svg, "climbed")) == (["det"], ["conj"])
    assert (groups(svg, "cue"), groups(svg, "mention")) == (["No"], ["pneumothorax"])
    assert len(groups(svg, "displacy-arrow")) == 2


def test_only_the_words_around_what_fired_are_drawn() -> None:
    long = [f"w{n}" for n in range(40)]
    heads = (*[1] * 2, *range(1, 39))
    labels = ("det", "root", *["dep"] * 38)
    places = tuple(range(0, 80, 2))
    parse = Parse(places, tuple(p + 1 for p in places), heads, labels)
    words = groups(
        draw_fired(long, parse, Fired((7,), (5,), ((7, 6), (6, 5))), key="a"), "displacy-word"
    )
    assert words == ["w4", "w5", "w6", "w7", "w8"]


def test_a_path_that_skips_arcs_of_the_tree_is_drawn_as_one() -> None:
    svg = draw_fired(WORDS, PARSE, Fired((4,), (0,), ((0, 4),)), key="a")
    assert groups(svg, "fired") == ["…"]


def test_the_whole_tree_has_every_arc() -> None:
    svg = draw_tree(WORDS, PARSE, key="a", fired=[(0, 1)], marked={0: "cue"})
    assert groups(svg, "displacy-word") == WORDS
    assert groups(svg, "displacy-label") == ["det", "cc", "amod", "conj", "punct"]
    assert groups(svg, "fired") == ["det"]


@pytest.mark.parametrize("word", ["<script>x</script>", '"><img onerror=x>', "&amp;", "a&b"])
def test_words_are_escaped(word: str) -> None:
    svg = draw_tree([word, *WORDS[1:]], PARSE, key="a")
    assert groups(svg, "displacy-word")[0] == word
    assert "<script" not in svg and "<img" not in svg


def test_drawings_of_one_page_share_no_ids() -> None:
    ids = [set(re.findall(r'id="([^"]+)"', draw_tree(WORDS, PARSE, key=k))) for k in "ab"]
    assert ids[0] and ids[0].isdisjoint(ids[1])


def test_nothing_was_climbed_where_the_path_starts_at_the_mention() -> None:
    assert climbed_arcs(PARSE, Fired((1,), (0,), ((0, 1),))) == ()


def test_nothing_is_climbed_to_a_path_that_lies_elsewhere() -> None:
    assert climbed_arcs(PARSE, Fired((1,), (3,), ((3, 4),))) == ()


def test_a_single_word_is_drawn() -> None:
    parse = Parse((0,), (5,), (0,), ("root",))
    assert groups(draw_tree(["Clear"], parse, key="a"), "displacy-word") == ["Clear"]
