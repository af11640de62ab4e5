"""Trees of other label schemes as Universal Dependencies v2: ClearNLP (spaCy), UD v1 (scispaCy).

Two things differ beyond names. ClearNLP makes a preposition the head of its noun ("evidence
-prep-> of -pobj-> edema") and "is" the head of what follows it; UD hangs both on the content word.
And both older schemes hang "and" and list commas on the conjunct before; UD v2 on the one after.

Sources: ClearNLP guidelines (Choi & Palmer 2012); https://universaldependencies.org/v2/summary.html
"""

from collections.abc import Collection
from typing import Literal

from mining.parsing.labels import UD_LABELS
from mining.parsing.spacy_pipeline import Arcs

__all__ = ["TRANSLATED_LABELS", "Scheme", "scheme_of", "to_ud2"]

Scheme = Literal["clear", "ud1", "ud2"]

_RENAMED = {
    "ROOT": "root",
    "dobj": "obj",
    "nsubjpass": "nsubj:pass",
    "csubjpass": "csubj:pass",
    "auxpass": "aux:pass",
    "relcl": "acl:relcl",
    "poss": "nmod:poss",
    "possessive": "case",
    "prt": "compound:prt",
    "predet": "det:predet",
    "preconj": "cc:preconj",
    "intj": "discourse",
    "dative": "iobj",
    "agent": "obl:agent",
    "nn": "compound",
    "num": "nummod",
    "number": "nummod",
    "quantmod": "advmod",
    "npadvmod": "obl:npmod",
    "tmod": "obl:tmod",
    "oprd": "xcomp",
    "acomp": "xcomp",
    "attr": "xcomp",
    "complm": "mark",
    "hmod": "compound",
    "hyph": "punct",
    "infmod": "acl",
    "partmod": "acl",
    "rcmod": "acl:relcl",
    "meta": "parataxis",
    "subtok": "goeswith",
    "mwe": "fixed",
    "name": "flat",
    "foreign": "flat:foreign",
    "remnant": "orphan",
    "neg": "advmod",
    "prep": "case",
    "pobj": "obl",
    "pcomp": "advcl",
}
_CLEAR_ONLY = frozenset({"pobj", "attr", "acomp", "pcomp", "relcl", "npadvmod"})
#: Every label that `to_ud2` can read, in whatever scheme.
TRANSLATED_LABELS = frozenset(_RENAMED) | UD_LABELS

_BE = frozenset({"be", "is", "are", "was", "were", "been", "being", "am", "'s", "'re", "'m"})
_CLAUSAL = frozenset({
    "root", "ccomp", "xcomp", "advcl", "acl", "acl:relcl", "parataxis", "csubj", "csubj:pass",
})  # fmt: skip
_PREDICATE_DEPENDENTS = frozenset({
    "nsubj", "nsubj:pass", "csubj", "csubj:pass", "obj", "iobj", "aux", "aux:pass", "cop", "expl",
    "xcomp", "ccomp", "compound:prt", "mark",
})  # fmt: skip


def scheme_of(labels: Collection[str]) -> Scheme:
    """Return the scheme of a parser that can give these labels.

    >>> scheme_of({"nsubj", "pobj"}), scheme_of({"nsubj", "dobj"}), scheme_of({"nsubj", "obj"})
    ('clear', 'ud1', 'ud2')
    """
    if not _CLEAR_ONLY.isdisjoint(labels):
        return "clear"
    return "ud1" if "dobj" in labels else "ud2"


def to_ud2(arcs: Arcs, scheme: Scheme) -> Arcs:
    """Return the arcs, labelled in `scheme`, in Universal Dependencies v2."""
    if scheme == "ud2":
        return arcs
    tree = _Tree(arcs)
    if scheme == "clear":
        tree.lift_complements_of_prepositions()
        tree.lift_predicates_of_be()
        tree.flatten_conjuncts()
    tree.rename()
    tree.move_coordinators()
    tree.split_nmod()
    return Arcs(arcs.forms, tuple(tree.heads), tuple(tree.labels), arcs.tags)


class _Tree:
    """Arcs being rewritten in place; every step keeps them one tree."""

    def __init__(self, arcs: Arcs) -> None:
        self.forms, self.tags = tuple(map(str.lower, arcs.forms)), arcs.tags
        self.heads, self.labels = list(arcs.heads), list(arcs.labels)

    def children(self, head: int) -> list[int]:
        return [i for i, h in enumerate(self.heads) if h == head and i != head]

    def promote(self, child: int, label: str, kept: Collection[str] = ()) -> None:
        """Put `child` in its head's place; the head becomes its dependent `label`.

        The head's other dependents go to `child`, except those labelled as in `kept`.
        """
        head = self.heads[child]
        above = self.heads[head]
        for other in self.children(head):
            if other != child and self.labels[other] not in kept:
                self.heads[other] = child
        self.labels[child] = self.labels[head]
        self.heads[child] = child if above == head else above
        self.heads[head], self.labels[head] = child, label

    def lift_complements_of_prepositions(self) -> None:
        """Turn "of <-pobj- edema" into "edema -case-> of", the innermost preposition first."""
        for token in reversed(range(len(self.heads))):
            if self.labels[token] not in ("prep", "agent", "dative"):
                continue
            by = {self.labels[child]: child for child in reversed(self.children(token))}
            role = "obl:agent" if self.labels[token] == "agent" else "prep"
            if "pobj" in by:
                self.labels[token] = role
                self.promote(by["pobj"], "case", kept=("fixed",))
            elif "pcomp" in by:
                self.labels[token] = "acl" if self._is_nominal(self.heads[token]) else "advcl"
                self.promote(by["pcomp"], "mark", kept=("fixed",))
            elif self.labels[token] == "prep" and self.heads[token] != token:
                self.labels[token] = "prep" if "prep" in by else "advmod"
        for token, label in enumerate(self.labels):
            if label == "prep":
                self.labels[token] = "nmod" if self._is_nominal(self.heads[token]) else "obl"

    def lift_predicates_of_be(self) -> None:
        """Turn "is <-attr- edema" into "edema -cop-> is"; after "there", into its subject."""
        for token in range(len(self.heads)):
            if self.forms[token] not in _BE:
                continue
            children = self.children(token)
            predicates = [c for c in children if self.labels[c] in ("attr", "acomp")]
            if predicates and any(self.labels[c] == "expl" for c in children):
                self.labels[predicates[0]] = "nsubj"
            elif predicates:
                self.promote(predicates[0], "cop")

    def flatten_conjuncts(self) -> None:
        """Hang every conjunct on the first: ClearNLP chains them."""
        for token, label in enumerate(self.labels):
            if label != "conj":
                continue
            head = self.heads[token]
            while self.labels[head] == "conj" and self.heads[head] < head:
                head = self.heads[head]
            if head < token:
                self.heads[token] = head

    def rename(self) -> None:
        """Give every label its UD v2 name; what has none stays, for the check to find."""
        for token, label in enumerate(self.labels):
            if label == "neg" and self.forms[token] in ("no", "any"):
                self.labels[token] = "det"
            elif label in _RENAMED:
                self.labels[token] = _RENAMED[label]

    def move_coordinators(self) -> None:
        """Hang "and", "or" and the commas of a list on the conjunct that follows them."""
        for token, label in enumerate(self.labels):
            comma = label == "punct" and self.forms[token] in (",", ";")
            if label != "cc" and not comma:
                continue
            head = self.heads[token]
            first = self.heads[head] if self.labels[head] == "conj" else head
            following = [
                child
                for child in self.children(first)
                if child > token and self.labels[child] == "conj"
            ]
            if following and token > first and (label == "cc" or self._opens(token, following[0])):
                self.heads[token] = following[0]

    def _opens(self, comma: int, conjunct: int) -> bool:
        """Whether the comma stands right before the conjunct and its coordinator."""
        inside = {conjunct, comma}
        for token in range(conjunct - 1, comma, -1):
            if self.heads[token] in inside or self.labels[token] == "cc":
                inside.add(token)
        return len(inside) == conjunct - comma + 1

    def split_nmod(self) -> None:
        """Call an nmod of a predicate obl, as UD v2 does."""
        for token, label in enumerate(self.labels):
            if label == "nmod" and not self._is_nominal(self.heads[token]):
                self.labels[token] = "obl"
            elif label in ("nmod:npmod", "nmod:tmod") and not self._is_nominal(self.heads[token]):
                self.labels[token] = label.replace("nmod", "obl")

    def _is_nominal(self, token: int) -> bool:
        """Whether the token is a noun: by its tag, or else by what hangs on it."""
        tag = self.tags[token]
        if tag:
            return tag.startswith(("N", "PRP", "DT", "CD", "WP", "EX", "FW"))
        labels = {self.labels[child] for child in self.children(token)}
        if labels & {"det", "amod", "compound", "nummod", "nmod:poss", "poss", "case"}:
            return True
        return self.labels[token] not in _CLAUSAL or not labels & _PREDICATE_DEPENDENTS
