"""What the spaCy components share: our tokens as a spaCy tokenizer, mentions as spans.

Imported in other environments too: it knows spaCy and our tokenizer, and nothing else of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from mining.tokens import tokenize

GROUP = "mentions"
TokenSpan = tuple[int, int]


class OurTokenizer:
    """A spaCy tokenizer that cuts as `mining.tokens` does, so that a rival's cues are cut alike."""

    def __init__(self, vocab: Vocab) -> None:
        self._vocab = vocab

    def __call__(self, text: str) -> Doc:
        offsets = tokenize(text)
        ends = [end < start for (_, end), (start, _) in pairwise(offsets)]
        words = [text[start:end] for start, end in offsets]
        return Doc(self._vocab, words=words, spaces=[*ends, False] if words else [])

    def pipe(self, texts: Iterable[str], **_: object) -> Iterator[Doc]:
        """One Doc per text."""
        return (self(text) for text in texts)


def make_doc(tokenizer: OurTokenizer, text: str, spans: Sequence[TokenSpan]) -> Doc:
    """A Doc of one sentence whose span group "mentions" holds these spans, in order.

    A group, not `doc.ents`: mentions of two findings may overlap, which entities may not.
    """
    doc = tokenizer(text)
    for token in doc:
        token.is_sent_start = token.i == 0
    doc.spans[GROUP] = [Span(doc, start, end, label="FINDING") for start, end in spans]
    return doc


def pieces(tokens: Sequence[int]) -> list[TokenSpan]:
    """The runs of neighbouring tokens of a mention: a discontinuous one has several.

    >>> pieces((3,)), pieces((0, 1, 4))
    ([(3, 4)], [(0, 2), (4, 5)])
    """
    runs: list[TokenSpan] = []
    for token in tokens:
        if runs and runs[-1][1] == token:
            runs[-1] = (runs[-1][0], token + 1)
        else:
            runs.append((token, token + 1))
    return runs
