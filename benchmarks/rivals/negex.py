"""NegEx as negspacy ships it, on our mentions. Chapman et al., J Biomed Inform 34 (2001)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.corpus import Judged, MentionedSentence
from data_contracts import Verdict
from mining.assertion.negex import NEGATED_RULE, PRESENT_RULE, NegexJudge

__all__ = ["NEGATED_RULE", "PRESENT_RULE", "Negations", "judge_by_negex", "load_negex"]

Negations = list[list[bool]]


def load_negex() -> Callable[[Sequence[MentionedSentence]], Negations]:
    """A function that says of each mention of each sentence whether NegEx negates it."""
    judge = NegexJudge()
    return lambda sentences: [
        judge.negated(s.sentence.text, [m.tokens for m in s.found]) for s in sentences
    ]


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
