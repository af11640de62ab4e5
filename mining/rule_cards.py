"""A rule as people meet it: its name, what it reads, sentences that it decides and leaves alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mining.assertion.judge import DEFAULT_RULE, UNPARSED_RULE
from mining.assertion.negex import NEGATED_RULE, PRESENT_RULE
from mining.assertion.rulebook import RuleBook
from mining.reading import HEDGED_FORM_RULE

_EXAMPLES = 2
NOT_RULES = {
    DEFAULT_RULE: "no cue reaches the mention: plainly asserted",
    NEGATED_RULE: "NegEx (negspacy) negates it",
    PRESENT_RULE: "NegEx (negspacy) does not negate it",
    HEDGED_FORM_RULE: "the words themselves are a hedge",
    UNPARSED_RULE: "the parser failed and a cue stands in the sentence",
}


@dataclass(frozen=True)
class RuleCard:
    """A rule's id, its reading in words, its file, and some of its own sentences."""

    id: str
    reads: str
    file: str = ""
    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()


def rule_cards(book: RuleBook, ids: Iterable[str]) -> dict[str, RuleCard]:
    """The cards of these rules by id. An id that the book does not know says so on its card."""
    rules = {rule.id: rule for rule in book.rules}
    cards = {}
    for rule_id in ids:
        rule = rules.get(rule_id)
        if rule is None:
            reads = NOT_RULES.get(rule_id, "not among the rules of this version")
            cards[rule_id] = RuleCard(rule_id, reads)
        else:
            yes, no = rule.yes[:_EXAMPLES], rule.no[:_EXAMPLES]
            cards[rule_id] = RuleCard(rule.id, rule.reads, rule.file, yes, no)
    return cards
