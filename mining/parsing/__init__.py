"""Dependency trees of sentences: one type of tree, several parsers behind `load_parser`.

    >>> parser = load_parser("embedded")
    >>> [tree] = parser.parse(["No pleural effusion."])
    >>> tree.heads, tree.labels
    ((2, 2, 2, 2), ('det', 'amod', 'root', 'punct'))

Names: "embedded" (default, ships with the package); "scispacy" (= "en_core_sci_sm") or the name
or path of any installed spaCy model; "stanza" (= "stanza:mimic"), "stanza:craft", "stanza:ewt".
"""

from collections.abc import Sequence
from typing import Protocol

from mining.parsing.errors import MissingModelError
from mining.parsing.labels import UD_LABELS, UnknownLabelError
from mining.parsing.parse import InvalidParseError, Parse, Unparsed

__all__ = [
    "UD_LABELS",
    "InvalidParseError",
    "MissingModelError",
    "Parse",
    "Parser",
    "UnknownLabelError",
    "Unparsed",
    "load_parser",
]


class Parser(Protocol):
    """Whatever turns sentences into trees; `id` names the parser, its version and its weights."""

    id: str

    def parse(self, texts: Sequence[str]) -> list[Parse | Unparsed]:
        """Return one tree per text (each ONE sentence), in order; raises nothing for any text."""
        ...


def load_parser(name: str = "embedded") -> Parser:
    """Return the parser called `name`; the module's docstring lists the names.

    Raises:
        MissingModelError: if the model is not installed; the message says how to get it.
        UnknownLabelError: if the model gives labels that cannot be read as UD v2.
    """
    family, _, model = name.partition(":")
    if name == "embedded":
        from mining.parsing.embedded import load_embedded

        return load_embedded()
    if family == "stanza":
        from mining.parsing.stanza_model import load_stanza

        return load_stanza(model or "mimic")
    from mining.parsing.spacy_model import load_spacy

    return load_spacy("en_core_sci_sm" if name == "scispacy" else name)
