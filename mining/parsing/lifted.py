"""Undoing lifted arcs: the trees of a projective parser that are not projective."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["lower_arcs"]

_MARK = "||"


def lower_arcs(heads: Sequence[int], labels: Sequence[str]) -> tuple[list[int], list[str]]:
    """The heads and labels with each "X||Y" hung on the first Y below its head, and labelled X.

    The first is found breadth first, from left to right (scheme "head" of Nivre & Nilsson 2005, as
    in spaCy's nonproj.pyx); where there is none the head stays. Roots govern themselves.

    >>> lower_arcs([1, 1, 1, 1], ["nsubj", "root", "xcomp", "obj||xcomp"])
    ([1, 1, 1, 2], ['nsubj', 'root', 'xcomp', 'obj'])
    """
    found, names = list(heads), list(labels)
    for word, label in enumerate(labels):
        own, mark, wanted = label.partition(_MARK)
        if mark:
            found[word] = _first_below(word, wanted, found, names)
            names[word] = own
    return found, names


def _first_below(word: int, wanted: str, heads: Sequence[int], labels: Sequence[str]) -> int:
    level = [heads[word]]
    while level:
        below = []
        for head in level:
            for child, governor in enumerate(heads):
                if governor != head or child in (head, word):
                    continue
                if labels[child] == wanted:
                    return child
                below.append(child)
        level = below
    return heads[word]
