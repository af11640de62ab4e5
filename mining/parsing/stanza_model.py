"""Local stanza models as parsers of Universal Dependencies v2 trees: mimic, craft, ewt."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mining.parsing.errors import MissingModelError
from mining.parsing.labels import check_labels
from mining.parsing.parse import InvalidParseError, Parse, Unparsed
from mining.parsing.words import Words, cut_sentence

__all__ = ["PACKAGES", "StanzaParser", "document_to_parses", "load_stanza", "sentence_to_parse"]

PACKAGES = ("mimic", "craft", "ewt")


class StanzaParser:
    """Trees of one stanza pipeline that takes our tokens. Made by `load_stanza`."""

    def __init__(self, pipeline: Any, package: str, version: str) -> None:
        depparse = pipeline.processors["depparse"]
        check_labels(depparse.get_known_relations(), f"stanza package {package!r}")
        self._pipeline = pipeline
        weights = Path(str(depparse.config["model_path"]))
        self.id = f"stanza-{package}-{version}-{_content_hash(weights)}"

    def parse(self, texts: Sequence[str]) -> list[Parse | Unparsed]:
        """Return one tree per text (each ONE sentence), in order; raises nothing for any text."""
        cut = [cut_sentence(text, keep_case=True) for text in texts]
        batch = [words for words in cut if isinstance(words, Words)]
        trees = iter(self._parse_batch(batch))
        return [words if isinstance(words, Unparsed) else next(trees) for words in cut]

    def _parse_batch(self, batch: list[Words]) -> list[Parse | Unparsed]:
        if not batch:
            return []
        try:
            document = self._pipeline([list(words.forms) for words in batch])
            return document_to_parses(document, batch)
        except Exception as error:
            if len(batch) == 1:
                return [Unparsed(f"parser failed: {type(error).__name__}")]
            # One bad sentence must not cost its neighbours their trees.
            return [tree for words in batch for tree in self._parse_batch([words])]


def load_stanza(package: str = "mimic", *, folder: Path | None = None) -> StanzaParser:
    """Return the parser of a stanza package that lies in `folder`, by default stanza's own.

    Nothing is downloaded. STANZA_RESOURCES_DIR moves stanza's own folder.

    Raises:
        MissingModelError: if stanza or the package is not installed.
        UnknownLabelError: if the package gives labels that are not UD v2.
    """
    if package not in PACKAGES:
        raise MissingModelError(f"stanza:{package}", f"expected one of {', '.join(PACKAGES)}")
    try:
        import stanza
    except ImportError as error:
        raise MissingModelError("stanza", "get it with: pip install 'cxrmine[stanza]'") from error
    try:
        pipeline = stanza.Pipeline(
            lang="en",
            package=package,
            processors="tokenize,pos,lemma,depparse",
            tokenize_pretokenized=True,
            download_method=None,
            verbose=False,
            **({} if folder is None else {"dir": str(folder)}),
        )
    except FileNotFoundError as error:
        remedy = f"get it with: python -c \"import stanza; stanza.download('en', '{package}')\""
        raise MissingModelError(f"stanza:{package}", remedy) from error
    return StanzaParser(pipeline, package, stanza.__version__)


def document_to_parses(document: Any, cut: Sequence[Words]) -> list[Parse | Unparsed]:
    """Return a tree per sentence of a `stanza.Document` whose words are those of `cut`.

    Raises:
        ValueError: if the document has another number of sentences than `cut`.
    """
    sentences: list[list[dict[str, Any]]] = document.to_dict()
    return [sentence_to_parse(rows, words) for rows, words in zip(sentences, cut, strict=True)]


def sentence_to_parse(rows: Sequence[Mapping[str, Any]], words: Words) -> Parse | Unparsed:
    """Return the tree of one sentence of `stanza.Document.to_dict()`.

    Each row has "id" (from 1; a tuple for a multiword token, an unparsed range), "head" (0 for
    the root) and "deprel".

    >>> words = Words(("no", "edema"), (0, 3), (2, 8))
    >>> sentence_to_parse(
    ...     [{"id": 1, "head": 2, "deprel": "det"}, {"id": 2, "head": 0, "deprel": "root"}], words)
    Parse(starts=(0, 3), ends=(2, 8), heads=(1, 1), labels=('det', 'root'))
    """
    nodes = [row for row in rows if _number(row["id"]) is not None]
    if len(nodes) != len(words.forms):
        return Unparsed(f"stanza gave {len(nodes)} words for {len(words.forms)} tokens")
    heads = tuple(
        int(row["head"]) - 1 if int(row["head"]) > 0 else index for index, row in enumerate(nodes)
    )
    try:
        return Parse(words.starts, words.ends, heads, tuple(str(row["deprel"]) for row in nodes))
    except InvalidParseError as error:
        return Unparsed(f"no tree: found {error.found}, expected {error.expected}")


def _number(word_id: int | Sequence[int]) -> int | None:
    """Return a word's number; None for the range of a multiword token or an empty node."""
    if isinstance(word_id, int):
        return word_id
    return word_id[0] if len(word_id) == 1 else None


def _content_hash(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=4)
    if path.is_file():
        digest.update(path.read_bytes())
    return digest.hexdigest()
