"""The default parser: a small dependency parser whose weights ship with the package."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mining.parsing.labels import check_labels
from mining.parsing.parse import Parse, Unparsed
from mining.parsing.spacy_pipeline import Arcs, parse_texts

if TYPE_CHECKING:
    from spacy.language import Language

__all__ = ["MODEL_FOLDER", "EmbeddedParser", "load_embedded", "read_pipeline", "save_spacy_model"]

MODEL_FOLDER = Path(__file__).parent / "embedded_model"


class EmbeddedParser:
    """Universal Dependencies v2 trees of English clinical sentences, without any download.

    Made by `load_embedded`. The weights are CC BY-SA 4.0; docs/parser.md is their model card.
    """

    def __init__(self, nlp: "Language", parser_id: str) -> None:
        self._nlp = nlp
        self.id = parser_id

    def parse(self, texts: Sequence[str]) -> list[Parse | Unparsed]:
        """Return one tree per text (each ONE sentence), in order; raises nothing for any text."""
        return parse_texts(self._nlp, texts, _as_it_is, keep_case=False)


def load_embedded(folder: Path = MODEL_FOLDER) -> EmbeddedParser:
    """Return the parser whose weights lie in `folder`, in about a quarter of a second.

    Raises:
        FileNotFoundError: if there are no weights in `folder`.
        UnknownLabelError: if the weights know a label that is not Universal Dependencies v2.
    """
    nlp = read_pipeline(folder)
    labels = nlp.get_pipe("parser").labels  # type: ignore[attr-defined]
    # "obj||xcomp" is a lifted arc: it is undone, and labelled "obj", before anybody sees it.
    plain = {label.partition("||")[0] for label in labels} - {"ROOT"}
    check_labels(plain, str(folder))
    return EmbeddedParser(nlp, f"embedded-{nlp.meta['version']}-{_content_hash(folder)}")


def read_pipeline(folder: Path = MODEL_FOLDER) -> "Language":
    """Return the shipped weights as a spaCy pipeline with the single component "parser"."""
    from spacy.util import load_model_from_path

    if not (folder / "config.cfg").is_file():
        raise FileNotFoundError(
            f"{folder}: no parser weights here, expected config.cfg and parser/; reinstall the"
            " package or train them: python -m mining.parsing.training --help"
        )
    return load_model_from_path(folder, exclude=["vocab", "tokenizer"])


def save_spacy_model(folder: Path) -> None:
    """Write the shipped weights to `folder` as a spaCy model, for `spacy.load` or `spacy package`.

    Its English tokenizer is spaCy's own and cuts a little differently; `load_parser` with the
    model's name feeds it our tokens.
    """
    read_pipeline().to_disk(folder)


def _as_it_is(arcs: Arcs) -> Arcs:
    return arcs


def _content_hash(folder: Path) -> str:
    digest = hashlib.blake2b(digest_size=4)
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
