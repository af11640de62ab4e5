"""One sentence that users of other tools lost, read by every kind of parser that is supported.

Weights of scispaCy and stanza are downloads; the trees are those that their label schemes give the
sentence, taken through the same conversions that the adapters use.
"""

from __future__ import annotations

import pytest

from mining.assertion.graph import Graph
from mining.assertion.judge import SentenceJudge
from mining.assertion.rule_files import load_rules
from mining.parsing import Parse, load_parser
from mining.parsing.convert import to_ud2
from mining.parsing.spacy_pipeline import Arcs
from mining.parsing.stanza_model import sentence_to_parse
from mining.parsing.words import Words, cut_sentence
from mining.reading import cut

TEXT = "There is no evidence of pneumothorax."
BOOK = load_rules()
# word, ClearNLP head (1-based) and label (scispaCy, spaCy), UD v2 head and label (stanza), tag
ROWS = [
    ("There", 2, "expl", 2, "expl", "EX"),
    ("is", 0, "root", 0, "root", "VBZ"),
    ("no", 4, "det", 4, "det", "DT"),
    ("evidence", 2, "attr", 2, "nsubj", "NN"),
    ("of", 4, "prep", 6, "case", "IN"),
    ("pneumothorax", 5, "pobj", 4, "nmod", "NN"),
    (".", 2, "punct", 2, "punct", "."),
]


def _clearnlp() -> Parse:
    arcs = Arcs(
        forms=tuple(row[0] for row in ROWS),
        heads=tuple(row[1] - 1 if row[1] else i for i, row in enumerate(ROWS)),
        labels=tuple(row[2] for row in ROWS),
        tags=tuple(row[5] for row in ROWS),
    )
    found = to_ud2(arcs, "clear")
    starts, ends = zip(*cut(TEXT).offsets, strict=True)
    return Parse(starts, ends, found.heads, found.labels)


def _stanza() -> Parse:
    rows = [
        {"id": n, "head": row[3], "deprel": row[4], "text": row[0]} for n, row in enumerate(ROWS, 1)
    ]
    words = cut_sentence(TEXT)
    assert isinstance(words, Words)
    parse = sentence_to_parse(rows, words)
    assert isinstance(parse, Parse)
    return parse


def _embedded() -> Parse:
    [parse] = load_parser("embedded").parse([TEXT])
    assert isinstance(parse, Parse)
    return parse


TREES = {"embedded": _embedded, "scispacy": _clearnlp, "stanza": _stanza}


@pytest.mark.parametrize("parser", TREES)
def test_no_evidence_of_is_absent_under_every_parser(parser: str) -> None:
    parse = TREES[parser]()
    sentence = cut(TEXT)
    ruling = SentenceJudge(BOOK, Graph(sentence.words, parse)).judge([5])
    assert (ruling.verdict, ruling.rule_id) == ("absent", "neg.no")
