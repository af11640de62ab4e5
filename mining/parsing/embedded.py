"""The default parser: a small dependency parser whose weights ship with the package."""

import hashlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mining.parsing.arc_eager import Moves, arc_eager, read_moves
from mining.parsing.labels import check_labels
from mining.parsing.lifted import lower_arcs
from mining.parsing.network import Network, read_network
from mining.parsing.parse import InvalidParseError, Parse, Unparsed
from mining.parsing.spacy_pipeline import tie_roots
from mining.parsing.words import Words, cut_sentence

if TYPE_CHECKING:
    from spacy.language import Language

__all__ = ["MODEL_FOLDER", "EmbeddedParser", "load_embedded", "read_pipeline", "save_spacy_model"]

_BATCH = 4000  # words in sentences of about one length; more would not stay in the cache

# The network works in arrays of its own; threads that share a parser take turns.
_ONE_AT_A_TIME = threading.Lock()

MODEL_FOLDER = Path(__file__).parent / "embedded_model"


class EmbeddedParser:
    """Universal Dependencies v2 trees of English clinical sentences, without any download.

    Made by `load_embedded`. The weights are CC BY-SA 4.0; docs/parser.md is their model card.
    """

    def __init__(self, network: Network, moves: Moves, parser_id: str) -> None:
        self._network, self._moves = network, moves
        self.id = parser_id

    def parse(self, texts: Sequence[str]) -> list[Parse | Unparsed]:
        """Return one tree per text (each ONE sentence), in order; raises nothing for any text."""
        cut = [cut_sentence(text) for text in texts]
        trees: dict[int, Parse | Unparsed] = {
            i: words for i, words in enumerate(cut) if isinstance(words, Unparsed)
        }
        sentences = [(i, words) for i, words in enumerate(cut) if isinstance(words, Words)]
        sentences.sort(key=lambda sentence: len(sentence[1].forms))
        for batch in _batches(sentences):
            parsed = self._parse([words for _, words in batch])
            trees.update(zip((i for i, _ in batch), parsed, strict=True))
        return [trees[i] for i in range(len(texts))]

    def _parse(self, batch: list[Words]) -> list[Parse | Unparsed]:
        forms = [words.forms for words in batch]
        try:
            with _ONE_AT_A_TIME:
                features = self._network.features(forms)
                arcs = arc_eager(list(map(len, forms)), features, self._network.scorer, self._moves)
        except Exception as error:
            if len(batch) == 1:
                return [Unparsed(f"parser failed: {type(error).__name__}")]
            # One bad sentence must not cost its neighbours their trees.
            return [tree for words in batch for tree in self._parse([words])]
        return [self._tree(words, *found) for words, found in zip(batch, arcs, strict=True)]

    def _tree(self, words: Words, governors: list[int], moves: list[int]) -> Parse | Unparsed:
        heads = [i if head < 0 else head for i, head in enumerate(governors)]
        labels = ["" if move < 0 else self._moves.labels[move] for move in moves]
        if any("||" in label for label in labels):
            heads, labels = lower_arcs(heads, labels)
        tie_roots(words.forms, heads, labels)
        try:
            return Parse(words.starts, words.ends, tuple(heads), tuple(labels))
        except InvalidParseError as error:
            return Unparsed(f"no tree: found {error.found}, expected {error.expected}")


def _batches(sentences: Sequence[tuple[int, Words]]) -> Iterator[Sequence[tuple[int, Words]]]:
    start = words = 0
    for end, (_, sentence) in enumerate(sentences):
        if words and words + len(sentence.forms) > _BATCH:
            yield sentences[start:end]
            start, words = end, 0
        words += len(sentence.forms)
    if words:
        yield sentences[start:]


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
    moves = read_moves(nlp.get_pipe("parser").move_names)  # type: ignore[attr-defined]
    name = f"embedded-{nlp.meta['version']}-{_content_hash(folder)}"
    return EmbeddedParser(read_network(nlp), moves, name)


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


def _content_hash(folder: Path) -> str:
    digest = hashlib.blake2b(digest_size=4)
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
