"""NegEx as negspacy ships it, over the same mentions as the rules: the rival that many know.

It knows negation only: no doubt, no time, no other person. Source: Chapman et al., J Biomed
Inform 34 (2001).
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from data_contracts import Verdict
from mining.assertion.judge import Ruling

NEGATED_RULE = "negex.negated"
PRESENT_RULE = "negex.present"
_TERMS = "en_clinical"


class NegexMissingError(RuntimeError):
    """negspacy cannot be used: what was `found`."""

    def __init__(self, found: str) -> None:
        self.found = found
        super().__init__(
            f"assertion negex: {found}; expected negspacy. Install the versions of constraints.txt,"
            " or give --assertion rules"
        )


class NegexJudge:
    """Judges mentions by NegEx; loaded and compiled once.

    Raises:
        NegexMissingError: negspacy is not installed, or does not import.
    """

    def __init__(self) -> None:
        try:
            import spacy
            from negspacy.negation import Negex  # registers the component "negex"
            from negspacy.termsets import termset

            from mining.assertion.spacy_spans import GROUP, OurTokenizer
        except ImportError as error:
            raise NegexMissingError(str(error)) from error
        nlp = spacy.blank("en")
        self._tokenizer = nlp.tokenizer = OurTokenizer(nlp.vocab)
        terms = termset(_TERMS).get_patterns()  # type: ignore[no-untyped-call]
        config = {"neg_termset": terms, "span_keys": [GROUP]}
        component: Negex = nlp.add_pipe("negex", config=config)  # type: ignore[assignment]
        self._component: Any = component

    def negated(self, text: str, mentions: Sequence[Sequence[int]]) -> list[bool]:
        """Whether NegEx negates each mention, given as tokens, of this sentence.

        Of a discontinuous mention each piece is asked, so that a cue inside ("heart is not
        enlarged") is seen: in the rival's favour.
        """
        from mining.assertion.spacy_spans import GROUP, make_doc, pieces

        if not mentions:
            return []
        owners = [(n, piece) for n, tokens in enumerate(mentions) for piece in pieces(tokens)]
        doc = self._component(make_doc(self._tokenizer, text, [piece for _, piece in owners]))
        hits = {n for (n, _), span in zip(owners, doc.spans[GROUP], strict=True) if span._.negex}
        return [n in hits for n in range(len(mentions))]

    def judge(self, text: str, mentions: Sequence[Sequence[int]]) -> list[Ruling]:
        """One ruling per mention: absent where NegEx negates, else present."""
        return [
            Ruling(Verdict.ABSENT, 0.0, NEGATED_RULE)
            if negated
            else Ruling(Verdict.PRESENT, 1.0, PRESENT_RULE)
            for negated in self.negated(text, mentions)
        ]


def negex_print() -> str:
    """What NegEx's verdicts depend on: its version and its set of terms."""
    try:
        return f"negspacy {version('negspacy')} {_TERMS}"
    except PackageNotFoundError:
        return "negspacy not installed"
