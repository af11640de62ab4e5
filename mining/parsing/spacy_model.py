"""Any installed spaCy or scispaCy model as a parser of Universal Dependencies v2 trees."""

import hashlib
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mining.parsing.convert import TRANSLATED_LABELS, scheme_of, to_ud2
from mining.parsing.errors import MissingModelError
from mining.parsing.labels import UnknownLabelError
from mining.parsing.parse import Parse, Unparsed
from mining.parsing.spacy_pipeline import parse_texts

if TYPE_CHECKING:
    from spacy.language import Language

__all__ = ["SpacyParser", "load_spacy"]

# What a parser may stand on; entity recognisers and lemmatisers only cost time.
_NEEDED = ("tok2vec", "transformer", "curated_transformer", "tagger", "parser")


class SpacyParser:
    """Trees of one spaCy pipeline, its labels translated. Made by `load_spacy`."""

    def __init__(self, nlp: "Language", name: str) -> None:
        labels = _move_labels(nlp)
        unknown = labels - TRANSLATED_LABELS
        if unknown:
            raise UnknownLabelError(unknown, f"spaCy model {name!r}")
        self._nlp = nlp
        self._convert = partial(to_ud2, scheme=scheme_of(labels))
        version = nlp.meta.get("version", "0")
        self.id = f"{nlp.meta['lang']}_{nlp.meta['name']}-{version}-{_content_hash(nlp)}"

    def parse(self, texts: Sequence[str]) -> list[Parse | Unparsed]:
        """Return one tree per text (each ONE sentence), in order; raises nothing for any text."""
        return parse_texts(self._nlp, texts, self._convert, keep_case=True)


def load_spacy(name: str) -> SpacyParser:
    """Return the parser of the installed spaCy model `name` (or the folder of one).

    Raises:
        MissingModelError: if there is no such model, or it has no dependency parser.
        UnknownLabelError: if its parser gives labels that have no translation to UD v2.
    """
    import spacy

    try:
        nlp = spacy.load(name)
    except OSError as error:
        raise MissingModelError(name, _remedy(name)) from error
    if not nlp.has_pipe("parser"):
        raise MissingModelError(name, "it has no dependency parser; use a model with one")
    nlp.select_pipes(enable=[pipe for pipe in nlp.pipe_names if pipe in _NEEDED])
    return SpacyParser(nlp, name)


def _remedy(name: str) -> str:
    if name.startswith("en_core_sci_"):
        return (
            "get it with: pip install https://s3-us-west-2.amazonaws.com/ai2-s2-scispacy/releases/"
            f"v0.5.4/{name}-0.5.4.tar.gz"
        )
    if name.startswith("en_core_web_"):
        return f"get it with: python -m spacy download {name}"
    return "expected embedded, scispacy, stanza, or the name or folder of a spaCy model"


def _move_labels(nlp: "Language") -> set[str]:
    """Return the labels the parser's moves can give; "obj||xcomp" is a lifted "obj"."""
    parser = nlp.get_pipe("parser")
    labels: Iterable[str] = parser.labels  # type: ignore[attr-defined]
    return {label.partition("||")[0] for label in labels}


def _content_hash(nlp: "Language") -> str:
    """Return a short hash of the files that hold the weights, or of the weights in memory."""
    digest = hashlib.blake2b(digest_size=4)
    for name, component in nlp.pipeline:
        digest.update(name.encode())
        if nlp.path is not None and (folder := Path(nlp.path) / name).is_dir():
            for path in sorted(p for p in folder.rglob("*") if p.is_file()):
                digest.update(path.read_bytes())
        else:
            digest.update(component.to_bytes(exclude=["vocab"]))  # type: ignore[attr-defined]
    return digest.hexdigest()
