"""Arcs from a spaCy pipeline over sentences that were cut here, never by spaCy."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mining.parsing.parse import InvalidParseError, Parse, Unparsed
from mining.parsing.words import Words, cut_sentence

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

__all__ = ["Arcs", "parse_texts", "read_arcs", "tie_roots"]

_BATCH = 512  # sentences; larger batches gain nothing and hold more memory


@dataclass(frozen=True, slots=True)
class Arcs:
    """What a pipeline found: one entry per token, `heads[i] == i` at roots, tags may be empty."""

    forms: tuple[str, ...]
    heads: tuple[int, ...]
    labels: tuple[str, ...]
    tags: tuple[str, ...]


def parse_texts(
    nlp: "Language",
    texts: Sequence[str],
    convert: Callable[[Arcs], Arcs],
    *,
    keep_case: bool,
) -> list[Parse | Unparsed]:
    """Return a tree per text, or why there is none; raises nothing for any text.

    `convert` translates the pipeline's labels to Universal Dependencies v2. New words are
    forgotten after each batch, so that memory does not grow with the number of sentences.
    """
    results: list[Parse | Unparsed] = []
    for start in range(0, len(texts), _BATCH):
        cut = [cut_sentence(text, keep_case=keep_case) for text in texts[start : start + _BATCH]]
        with nlp.memory_zone():
            trees = _parse_batch(nlp, [words for words in cut if isinstance(words, Words)], convert)
            results.extend(words if isinstance(words, Unparsed) else next(trees) for words in cut)
    return results


def _parse_batch(
    nlp: "Language", batch: list[Words], convert: Callable[[Arcs], Arcs]
) -> Iterator[Parse | Unparsed]:
    try:
        docs = _run(nlp, batch)
    except Exception as error:
        if len(batch) == 1:
            yield Unparsed(f"parser failed: {type(error).__name__}")
            return
        # One bad sentence must not cost its neighbours their trees.
        for words in batch:
            yield from _parse_batch(nlp, [words], convert)
        return
    for words, doc in zip(batch, docs, strict=True):
        yield _to_parse(words, doc, convert)


def _run(nlp: "Language", batch: list[Words]) -> "list[Doc]":
    from spacy.tokens import Doc

    docs = [
        Doc(
            nlp.vocab,
            words=list(words.forms),
            spaces=words.spaces,
            # Our splitter has decided where a sentence starts; the parser may not disagree.
            sent_starts=[i == 0 for i in range(len(words.forms))],
        )
        for words in batch
    ]
    for _, component in nlp.pipeline:
        docs = list(component.pipe(docs, batch_size=128))  # type: ignore[attr-defined]
    return docs


def _to_parse(words: Words, doc: "Doc", convert: Callable[[Arcs], Arcs]) -> Parse | Unparsed:
    try:
        arcs = convert(read_arcs(doc, words.forms))
        return Parse(words.starts, words.ends, arcs.heads, arcs.labels)
    except InvalidParseError as error:
        return Unparsed(f"no tree: found {error.found}, expected {error.expected}")
    except Exception as error:
        return Unparsed(f"conversion failed: {type(error).__name__}")


def read_arcs(doc: "Doc", forms: tuple[str, ...]) -> Arcs:
    """Return the arcs of a parsed document, with "ROOT" spelled "root" and extra roots tied in.

    spaCy leaves a token without a head where its parser ran out of moves; it becomes a
    "parataxis" (or "punct") of the first root, so that there is one tree.
    """
    # One array, not token by token: that would take a quarter of the parser's time.
    columns = doc.to_array(["HEAD", "DEP", "TAG"]).astype("int64").T.tolist()
    heads = [i + offset for i, offset in enumerate(columns[0])]
    labels = _names(doc, columns[1])
    tie_roots(forms, heads, labels)
    return Arcs(forms, tuple(heads), tuple(labels), tuple(_names(doc, columns[2])))


def tie_roots(forms: Sequence[str], heads: list[int], labels: list[str]) -> None:
    """Makes the first of the words that govern themselves the root, of which the others hang."""
    roots = [i for i, head in enumerate(heads) if head == i]
    for extra in roots[1:]:
        heads[extra] = roots[0]
        labels[extra] = "parataxis" if forms[extra][0].isalnum() else "punct"
    labels[roots[0]] = "root"


# spaCy's keys are hashes of the names, the same in every model: a name looked up once stays true.
_known_names: dict[int, str] = {0: ""}


def _names(doc: "Doc", keys: list[int]) -> list[str]:
    try:
        return [_known_names[key] for key in keys]
    except KeyError:
        _known_names.update((key, doc.vocab.strings[key % 2**64]) for key in keys if key)
        return [_known_names[key] for key in keys]
