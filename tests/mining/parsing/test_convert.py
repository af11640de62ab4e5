"""Trees in ClearNLP and UD v1 labels, and the UD v2 trees they mean."""

import pytest

from mining.parsing.convert import Scheme, scheme_of, to_ud2
from mining.parsing.parse import Parse
from mining.parsing.spacy_pipeline import Arcs


def _arcs(lines: str) -> Arcs:
    """Read "word head label [tag]" lines; heads are 1-based, 0 is the root."""
    rows = [line.split() for line in lines.strip().splitlines()]
    return Arcs(
        forms=tuple(row[0] for row in rows),
        heads=tuple(int(row[1]) - 1 if int(row[1]) else i for i, row in enumerate(rows)),
        labels=tuple(row[2] for row in rows),
        tags=tuple(row[3] if len(row) > 3 else "" for row in rows),
    )


_EVIDENCE_CLEAR = """
    There 2 expl EX
    is 0 root VBZ
    no 4 det DT
    evidence 2 attr NN
    of 4 prep IN
    edema 5 pobj NN
    or 6 cc CC
    effusion 6 conj NN
    . 2 punct .
"""
_EVIDENCE_UD = """
    There 2 expl
    is 0 root
    no 4 det
    evidence 2 nsubj
    of 6 case
    edema 4 nmod
    or 8 cc
    effusion 6 conj
    . 2 punct
"""
_CASES: dict[str, tuple[Scheme, str, str]] = {
    "there is no evidence of": ("clear", _EVIDENCE_CLEAR, _EVIDENCE_UD),
    "is + adjective": (
        "clear",
        "heart 2 nsubj NN\nis 0 root VBZ\nnot 2 neg RB\nenlarged 2 acomp JJ",
        "heart 4 nsubj\nis 4 cop\nnot 4 advmod\nenlarged 0 root",
    ),
    "is + noun in a relative clause": (
        "clear",
        "scar 0 root NN\nwhich 3 nsubj WDT\nis 1 relcl VBZ\nan 5 det DT\nartifact 3 attr NN",
        "scar 0 root\nwhich 5 nsubj\nis 5 cop\nan 5 det\nartifact 1 acl:relcl",
    ),
    "is + prepositional predicate stays": (
        "clear",
        "tube 2 nsubj NN\nis 0 root VBZ\nin 2 prep IN\nplace 3 pobj NN",
        "tube 2 nsubj\nis 0 root\nin 4 case\nplace 2 obl",
    ),
    "chained list": (
        "clear",
        """no 2 det DT
        edema 0 root NN
        , 2 punct ,
        mass 2 conj NN
        , 4 punct ,
        or 4 cc CC
        cyst 4 conj NN""",
        """no 2 det
        edema 0 root
        , 4 punct
        mass 2 conj
        , 7 punct
        or 7 cc
        cyst 2 conj""",
    ),
    "passive with an agent": (
        "clear",
        """heart 3 nsubjpass NN
        is 3 auxpass VBZ
        obscured 0 root VBN
        by 3 agent IN
        edema 4 pobj NN""",
        """heart 3 nsubj:pass
        is 3 aux:pass
        obscured 0 root
        by 5 case
        edema 3 obl:agent""",
    ),
    "preposition with a clause": (
        "clear",
        "clear 0 root VB\nwithout 1 prep IN\nshowing 2 pcomp VBG\nedema 3 dobj NN",
        "clear 0 root\nwithout 3 mark\nshowing 1 advcl\nedema 3 obj",
    ),
    "two prepositions in a row": (
        "clear",
        "comes 0 root VBZ\nout 1 prep IN\nof 2 prep IN\nplace 3 pobj NN",
        "comes 0 root\nout 1 obl\nof 4 case\nplace 2 obl",
    ),
    "names alone differ": (
        "clear",
        """ruled 0 root VBD
        out 1 prt RP
        all 5 predet DT
        the 5 det DT
        patient 7 poss NN
        's 5 case POS
        strokes 1 dobj NNS""",
        """ruled 0 root
        out 1 compound:prt
        all 5 det:predet
        the 5 det
        patient 7 nmod:poss
        's 5 case
        strokes 1 obj""",
    ),
    "ud1: nmod under a verb, neg, cc": (
        "ud1",
        """no 2 neg DT
        edema 4 nsubjpass NN
        not 4 neg RB
        seen 0 root VBN
        in 6 case IN
        lung 4 nmod NN
        or 6 cc CC
        heart 6 conj NN""",
        """no 2 det
        edema 4 nsubj:pass
        not 4 advmod
        seen 0 root
        in 6 case
        lung 4 obl
        or 8 cc
        heart 6 conj""",
    ),
    "ud1: nmod under a noun, without tags": (
        "ud1",
        "no 2 neg\nsign 0 root\nof 4 case\nedema 2 nmod",
        "no 2 det\nsign 0 root\nof 4 case\nedema 2 nmod",
    ),
    "ud1: a comma that opens no conjunct stays": (
        "ud1",
        """lungs 3 nsubj NNS
        , 1 punct ,
        clear 0 root JJ
        and 3 cc CC
        stable 3 conj JJ""",
        """lungs 3 nsubj
        , 1 punct
        clear 0 root
        and 5 cc
        stable 3 conj""",
    ),
    "ud2 comes back as it is": (
        "ud2",
        "edema 0 root NN\n, 1 punct ,\nor 4 cc CC\nmass 1 conj NN",
        "edema 0 root\n, 1 punct\nor 4 cc\nmass 1 conj",
    ),
}


@pytest.mark.parametrize(("scheme", "before", "after"), _CASES.values(), ids=_CASES.keys())
def test_is_read_as(scheme: Scheme, before: str, after: str) -> None:
    converted, expected = to_ud2(_arcs(before), scheme), _arcs(after)
    assert list(zip(converted.forms, converted.heads, converted.labels, strict=True)) == list(
        zip(expected.forms, expected.heads, expected.labels, strict=True)
    )


@pytest.mark.parametrize(("scheme", "before", "after"), _CASES.values(), ids=_CASES.keys())
def test_the_result_is_one_tree(scheme: Scheme, before: str, after: str) -> None:
    arcs = to_ud2(_arcs(before), scheme)
    count = len(arcs.forms)
    parse = Parse(tuple(range(count)), tuple(range(1, count + 1)), arcs.heads, arcs.labels)
    assert len(parse) == count


@pytest.mark.parametrize(
    ("labels", "scheme"),
    [
        ({"nsubj", "dobj", "pobj", "attr"}, "clear"),
        ({"nsubj", "dobj", "nmod", "case"}, "ud1"),
        ({"nsubj", "obj", "obl"}, "ud2"),
    ],
)
def test_the_scheme_is_told_from_the_labels(labels: set[str], scheme: Scheme) -> None:
    assert scheme_of(labels) == scheme
