"""Text with marks: cut where marks begin and end, so that a page can show each piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Mark:
    """text[start:end] is of this kind, and what to say about it."""

    start: int
    end: int
    kind: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of text and the kinds of the marks over it, widest first; "" where there is none."""

    text: str
    kinds: str = ""
    title: str = ""


def cut_at_marks(text: str, marks: Sequence[Mark], *, start: int = 0) -> list[Piece]:
    """The pieces of a text that begins at offset `start`; marks may overlap and reach beyond it.

    >>> [(p.text, p.kinds) for p in cut_at_marks("No effusion.", [Mark(3, 11, "mention")])]
    [('No ', ''), ('effusion', 'mention'), ('.', '')]
    """
    end = start + len(text)
    inside = [m for m in marks if m.start < end and m.end > start and m.start < m.end]
    wide = sorted(inside, key=lambda m: m.start - m.end)
    edges = {start, end} | {min(max(e, start), end) for m in inside for e in (m.start, m.end)}
    ordered = sorted(edges)
    pieces = []
    for left, right in pairwise(ordered):
        over = [m for m in wide if m.start <= left and right <= m.end]
        kinds = " ".join(dict.fromkeys(m.kind for m in over))
        titles = "; ".join(dict.fromkeys(m.title for m in over if m.title))
        pieces.append(Piece(text[left - start : right - start], kinds, titles))
    return pieces
