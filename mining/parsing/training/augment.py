"""Copies of trees in the manner of clinical notes: lower case, telegraphic, fragments, no dot."""

from collections.abc import Iterator
from random import Random

from mining.parsing.training.treebanks import Tree
from mining.parsing.words import normal_form

__all__ = [
    "blank_words",
    "disguise_words",
    "fragments",
    "keep",
    "lower",
    "telegraphic",
    "without_final_dot",
]

_ARTICLES = frozenset({"a", "an", "the"})
_NOUN_PHRASE = frozenset({"nsubj", "nsubj:pass", "obj", "obl", "nmod", "conj"})
_MARKS = frozenset({"case", "cc", "mark", "punct"})


def lower(tree: Tree) -> Tree:
    """Return the tree in normal form (ASCII lower case), as every sentence is fed to the parser."""
    return Tree(tuple(normal_form(word) for word in tree.words), tree.heads, tree.labels)


def keep(tree: Tree, kept: list[int]) -> Tree:
    """Return the tree of the `kept` tokens (ascending).

    Every kept token's head must be kept, but for one token, which becomes the root.

    >>> keep(Tree(("no", "acute", "edema", "."), (2, 2, 2, 2), ("det", "amod", "root", "punct")),
    ...      [0, 2]).heads
    (1, 1)
    """
    place = {token: index for index, token in enumerate(kept)}
    heads, labels = [], []
    for token in kept:
        is_root = tree.heads[token] not in place or tree.heads[token] == token
        heads.append(place[token if is_root else tree.heads[token]])
        labels.append("root" if is_root else tree.labels[token])
    return Tree(tuple(tree.words[token] for token in kept), tuple(heads), tuple(labels))


def without_final_dot(tree: Tree) -> Tree:
    """Return the tree without its last token where that is a full stop governing nothing."""
    if len(tree) > 1 and tree.words[-1] == "." and len(tree) - 1 not in tree.heads[:-1]:
        return keep(tree, list(range(len(tree) - 1)))
    return tree


def telegraphic(tree: Tree, random: Random) -> Tree | None:
    """Return the tree without copulas, passive auxiliaries and articles, None if it has none."""
    governors = {head for token, head in enumerate(tree.heads) if head != token}
    dropped = {
        token
        for token, label in enumerate(tree.labels)
        if token not in governors
        and (
            label == "cop"
            or (label == "aux:pass" and random.random() < 0.7)
            or (label == "det" and tree.words[token].lower() in _ARTICLES)
        )
    }
    if not dropped:
        return None
    return keep(tree, [token for token in range(len(tree)) if token not in dropped])


def fragments(tree: Tree, random: Random) -> Iterator[Tree]:
    """Return the noun phrases of the tree (3 to 20 words), as sentences of their own.

    Half of those that open with an article or "any" are negated by putting "no" in its place.
    """
    for token, label in enumerate(tree.labels):
        if label not in _NOUN_PHRASE:
            continue
        inside = _subtree(tree.heads, token)
        outer = {i for i in inside if tree.heads[i] == token and tree.labels[i] in _MARKS}
        kept = [i for i in inside if i not in outer or i > token]
        if not 3 <= len(kept) <= 20 or kept[-1] - kept[0] != len(kept) - 1:
            continue
        if any(tree.heads[i] in outer for i in kept) or "dep" in {tree.labels[i] for i in kept}:
            continue
        yield _negated(keep(tree, kept), random)


def blank_words(tree: Tree, random: Random, *, share: float) -> Tree:
    """Return the tree with about `share` of its words replaced by "xxxx", the mark of removal."""
    words = tuple(
        "xxxx" if word.isalpha() and len(word) > 3 and random.random() < share else word
        for word in tree.words
    )
    return Tree(words, tree.heads, tree.labels)


def disguise_words(tree: Tree, random: Random, *, share: float) -> Tree:
    """Return the tree with about `share` of its long words made unknown, but for their endings.

    "consolidation" may become "murabepotion": so a list is learned by its build, and an unknown
    word read by its ending, as the words of other fields will have to be.
    """
    words = tuple(
        _syllables(len(word) - 4, random) + word[-4:]
        if len(word) > 6 and word.isalpha() and random.random() < share
        else word
        for word in tree.words
    )
    return Tree(words, tree.heads, tree.labels)


def _syllables(length: int, random: Random) -> str:
    return "".join(
        random.choice("bcdfghklmnprstv" if i % 2 == 0 else "aeiou") for i in range(length)
    )


def _negated(tree: Tree, random: Random) -> Tree:
    first = tree.words[0].lower()
    if first in _ARTICLES | {"any", "some"} and tree.labels[0] == "det" and random.random() < 0.5:
        return Tree(("no", *tree.words[1:]), tree.heads, tree.labels)
    return tree


def _subtree(heads: tuple[int, ...], top: int) -> list[int]:
    inside = {top}
    grown = True
    while grown:
        new = {i for i, head in enumerate(heads) if head in inside} - inside
        inside |= new
        grown = bool(new)
    return sorted(inside)
