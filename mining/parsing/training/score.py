"""Attachment scores, counted here because spaCy's own miscount sentences with missing arcs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mining.parsing.training.treebanks import Tree

if TYPE_CHECKING:
    from spacy.language import Language

__all__ = ["Scores", "score_pipeline", "score_trees"]


@dataclass(frozen=True, slots=True)
class Scores:
    """Correct arcs over counted arcs; `uas` and `las` are shares between 0 and 1."""

    tokens: int
    heads_right: int
    labels_right: int

    @property
    def uas(self) -> float:
        """The share of tokens with the right head."""
        return self.heads_right / self.tokens

    @property
    def las(self) -> float:
        """The share of tokens with the right head and the right label, subtypes included."""
        return self.labels_right / self.tokens


def score_trees(
    pairs: Iterable[tuple[Tree, Sequence[int], Sequence[str]]], *, punctuation: bool = False
) -> Scores:
    """Return the scores of (gold tree, parsed heads, parsed labels) triples over equal tokens.

    Gold arcs labelled "dep" are missing heads and not counted; `punctuation` counts punct arcs.

    >>> gold = Tree(("no", "edema", "."), (1, 1, 1), ("det", "root", "punct"))
    >>> score_trees([(gold, (1, 1, 0), ("amod", "root", "punct"))])
    Scores(tokens=2, heads_right=2, labels_right=1)
    """
    tokens = heads_right = labels_right = 0
    for gold, heads, labels in pairs:
        for i, label in enumerate(gold.labels):
            if label == "dep" or (label == "punct" and not punctuation):
                continue
            tokens += 1
            heads_right += heads[i] == gold.heads[i]
            labels_right += heads[i] == gold.heads[i] and labels[i] == label
    return Scores(tokens, heads_right, labels_right)


def score_pipeline(nlp: "Language", trees: Sequence[Tree], *, punctuation: bool = False) -> Scores:
    """Return the scores of a pipeline's parser on trees, given their words as one sentence each."""
    from mining.parsing.spacy_pipeline import read_arcs
    from mining.parsing.training.train import to_unparsed_doc

    docs = [to_unparsed_doc(nlp, tree) for tree in trees]
    parsed = nlp.get_pipe("parser").pipe(docs, batch_size=128)  # type: ignore[attr-defined]
    found = (read_arcs(doc, tree.words) for tree, doc in zip(trees, parsed, strict=True))
    return score_trees(
        ((tree, arcs.heads, arcs.labels) for tree, arcs in zip(trees, found, strict=True)),
        punctuation=punctuation,
    )
