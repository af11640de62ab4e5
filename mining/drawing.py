"""Dependency trees as SVG (displaCy), with the arcs that a rule walked standing out."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mining.parsing import Parse

_FIRED, _CLIMBED = "fired", "climbed"
_LETTER = 9  # pixels, at displaCy's size of type
_TAG_LINE = 30  # pixels that displaCy leaves under the words for tags, which we have none of
_SCALE, _LEAST_SCALE = 0.85, 0.65
_LEAST_DISTANCE = 74
_MOST_WORDS = 26  # of a window; a page cannot show more side by side anyway


@dataclass(frozen=True, slots=True)
class Fired:
    """What decided about a mention, in tokens of its sentence; arcs are (governed, governor)."""

    mention: tuple[int, ...]
    cues: tuple[int, ...]
    arcs: tuple[tuple[int, int], ...]


def climbed_arcs(parse: Parse, fired: Fired) -> tuple[tuple[int, int], ...]:
    """The arcs from the mention up to the word where the rule's path begins, (governed, governor).

    A cue on the phrase that a mention belongs to is a cue on the mention; these arcs say how.
    """
    walked = {token for arc in fired.arcs for token in arc}
    if not walked:
        return ()
    arcs = []
    node = head_of(parse, fired.mention)
    while node not in walked:
        head = parse.heads[node]
        if head == node:
            return ()  # the path begins elsewhere: nothing that could be shown was climbed
        arcs.append((node, head))
        node = head
    return tuple(arcs)


def head_of(parse: Parse, tokens: Sequence[int]) -> int:
    """The token of these whose governor is none of them; the first if there are several."""
    return next((t for t in tokens if parse.heads[t] not in tokens or parse.heads[t] == t), 0)


def draw_fired(words: Sequence[str], parse: Parse, fired: Fired, *, key: str) -> str:
    """The SVG of what decided about a mention: its words, the cues, and the arcs between them.

    Arcs have the class `fired` where the rule walked them and `climbed` where the mention's phrase
    led there; a path that skips arcs of the tree is drawn as one. The words are those from the
    first to the last of them, one more on each side. Words are escaped; `key` must differ between
    the drawings of a page.
    """
    climbed = climbed_arcs(parse, fired)
    kinds = {**dict.fromkeys(climbed, _CLIMBED), **dict.fromkeys(fired.arcs, _FIRED)}
    used = {*fired.mention, *fired.cues, *(token for arc in kinds for token in arc)}
    first, last = _window(used, len(words))
    arcs = [
        _arc(
            token - first, head - first, parse.labels[token] if parse.heads[token] == head else "…"
        )
        for token, head in kinds
        if max(token, head) <= last
    ]
    marked = dict.fromkeys((t - first for t in fired.cues), "cue")
    marked |= dict.fromkeys((t - first for t in fired.mention), "mention")
    shifted = {(min(a) - first, max(a) - first): kind for a, kind in kinds.items()}
    return _render(words[first : last + 1], arcs, key, shifted, marked)


def draw_tree(
    words: Sequence[str], parse: Parse, *, key: str, marked: Mapping[int, str] | None = None,
    fired: Collection[tuple[int, int]] = (),
) -> str:  # fmt: skip
    """The SVG of a sentence's whole tree; arcs of `fired` stand out, words get classes by `marked`.

    Words are escaped; `key` must differ between the drawings of a page.
    """
    arcs = [
        _arc(token, head, parse.labels[token])
        for token, head in enumerate(parse.heads)
        if head != token
    ]
    kinds = {(min(arc), max(arc)): _FIRED for arc in fired}
    return _render(words, arcs, key, kinds, marked or {})


def _window(used: Collection[int], length: int) -> tuple[int, int]:
    first, last = max(min(used) - 1, 0), min(max(used) + 1, length - 1)
    return first, min(last, first + _MOST_WORDS - 1)


def _label(parse: Parse, token: int, head: int) -> str:
    return parse.labels[token] if parse.heads[token] == head else "…"


def _arc(token: int, head: int, label: str) -> dict[str, Any]:
    """The arc as displaCy wants it: its arrow points at the governed word."""
    start, end = min(token, head), max(token, head)
    return {"start": start, "end": end, "label": label, "dir": "left" if token < head else "right"}


def _render(
    words: Sequence[str],
    arcs: list[dict[str, Any]],
    key: str,
    kinds: Mapping[tuple[int, int], str],
    marked: Mapping[int, str],
) -> str:
    from spacy.displacy.render import DependencyRenderer  # spaCy takes a second to import

    class Renderer(DependencyRenderer):
        def render_word(self, text: str, tag: str, lemma: str | None, i: int) -> str:
            return _with_class(super().render_word(text, tag, lemma, i), marked.get(i))

        def render_arrow(self, label: str, start: int, end: int, direction: str, i: int) -> str:
            svg = super().render_arrow(label, start, end, direction, i)
            return _with_class(svg, kinds.get((start, end)))

    distance = max(_LEAST_DISTANCE, _LETTER * max(map(len, words)) + 14)
    renderer = Renderer(
        {
            "distance": distance,
            "word_spacing": 22,
            "arrow_spacing": 10,
            "offset_x": distance // 2,
            "color": "currentColor",
            "bg": "none",
            "font": "inherit",
        }
    )
    svg = renderer.render_svg(key, [{"text": word, "tag": ""} for word in words], arcs)
    return _scaled(svg, renderer.width, renderer.height - _TAG_LINE)


def _scaled(svg: str, width: float, height: float) -> str:
    """The drawing in the room of its page: smaller where it must be, but always readable."""
    head, rest = svg.split(">", 1)
    size = f"max-width: {_SCALE * width:.0f}px; min-width: {_LEAST_SCALE * width:.0f}px"
    head = re.sub(r' (?:width|height|style)="[^"]*"', "", head)
    return f'{head} viewBox="0 0 {width} {height}" style="width: 100%; {size}">{rest}'.strip()


def _with_class(svg: str, kind: str | None) -> str:
    return svg if kind is None else svg.replace('class="displacy-', f'class="{kind} displacy-', 1)
