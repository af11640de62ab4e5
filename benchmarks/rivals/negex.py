"""NegEx as negspacy ships it, on our mentions. Chapman et al., J Biomed Inform 34 (2001)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import spacy
from negspacy.negation import Negex  # registers the component "negex"
from negspacy.termsets import termset

from benchmarks.corpus import Judged, MentionedSentence
from benchmarks.rivals.spans import GROUP, OurTokenizer, make_doc, pieces
from data_contracts import Verdict

NEGATED_RULE = "negex.negated"
PRESENT_RULE = "negex.present"

Negations = list[list[bool]]


def load_negex() -> Callable[[Sequence[MentionedSentence]], Negations]:
    """A function that says of each mention of each sentence whether NegEx negates it."""
    nlp = spacy.blank("en")
    tokenizer = nlp.tokenizer = OurTokenizer(nlp.vocab)
    terms = termset("en_clinical").get_patterns()  # type: ignore[no-untyped-call]
    config = {"neg_termset": terms, "span_keys": [GROUP]}
    component: Negex = nlp.add_pipe("negex", config=config)  # type: ignore[assignment]

    def negated(sentence: MentionedSentence) -> list[bool]:
        if not sentence.found:
            return []
        # Of a discontinuous mention each piece is asked, so that a cue inside ("heart is not
        # enlarged") is seen: in the rival's favour.
        owners = [(n, p) for n, m in enumerate(sentence.found) for p in pieces(m.tokens)]
        doc = component(make_doc(tokenizer, sentence.sentence.text, [p for _, p in owners]))
        hits = {n for (n, _), s in zip(owners, doc.spans[GROUP], strict=True) if s._.negex}
        return [n in hits for n in range(len(sentence.found))]

    return lambda sentences: [negated(sentence) for sentence in sentences]


def judge_by_negex(
    sentences: Sequence[MentionedSentence], negations: Negations
) -> list[list[Judged]]:
    """Negated: absent; everything else is present, as NegEx knows no doubt."""
    return [
        [
            Judged(m.finding, m.form, Verdict.ABSENT, NEGATED_RULE)
            if negated
            else Judged(m.finding, m.form, Verdict.PRESENT, PRESENT_RULE)
            for m, negated in zip(sentence.found, flags, strict=True)
        ]
        for sentence, flags in zip(sentences, negations, strict=True)
    ]
