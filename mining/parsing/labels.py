"""The dependency labels of Universal Dependencies v2 as the project's trees may carry them.

Source: https://universaldependencies.org/u/dep/ (the 37 universal relations) and the subtypes of
https://universaldependencies.org/en/ (release 2.15).
"""

from collections.abc import Iterable

__all__ = ["UD_LABELS", "UnknownLabelError", "check_labels"]

_UNIVERSAL = """
    acl advcl advmod amod appos aux case cc ccomp clf compound conj cop csubj dep det discourse
    dislocated expl fixed flat goeswith iobj list mark nmod nsubj nummod obj obl orphan parataxis
    punct reparandum root vocative xcomp
"""
_ENGLISH_SUBTYPES = """
    acl:relcl advcl:relcl advmod:emph aux:pass cc:preconj compound:prt csubj:outer csubj:pass
    det:predet flat:foreign nmod:desc nmod:poss nmod:unmarked nmod:tmod nmod:npmod nsubj:outer
    nsubj:pass nsubj:xsubj obl:agent obl:npmod obl:tmod obl:unmarked
"""

UD_LABELS: frozenset[str] = frozenset((_UNIVERSAL + _ENGLISH_SUBTYPES).split())


class UnknownLabelError(ValueError):
    """A dependency label that is neither UD v2 nor translated to it; `labels`, `where`."""

    def __init__(self, labels: Iterable[str], where: str) -> None:
        self.labels = tuple(sorted(set(labels)))
        self.where = where
        super().__init__(
            f"{where}: unknown dependency labels {', '.join(map(repr, self.labels))}; expected"
            " Universal Dependencies v2 labels. Rules would silently never match them: add a"
            " translation in mining/parsing/convert.py or use another model."
        )


def check_labels(labels: Iterable[str], where: str) -> None:
    """Return nothing when every label is UD v2; `where` (a model, a file) opens the message.

    Raises:
        UnknownLabelError: naming all the labels that are not.

    >>> check_labels(["nsubj", "obl:agent"], "a model")
    >>> check_labels(["nsubj", "dobj"], "a model")
    Traceback (most recent call last):
    mining.parsing.labels.UnknownLabelError: a model: unknown dependency labels 'dobj'; ...
    """
    unknown = set(labels) - UD_LABELS
    if unknown:
        raise UnknownLabelError(unknown, where)
