"""Which rules match a mention, wherever they stand in the order, and what each of them changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from data_contracts import Verdict
from mining.assertion.graph import Graph
from mining.assertion.judge import DEFAULT_RULE, Ruling, SentenceJudge
from mining.assertion.rulebook import Rule, RuleBook
from mining.examples import fires
from mining.parsing import Parse, Unparsed
from mining.reading import ReadMention, SentenceReader, cut


@dataclass(frozen=True, slots=True)
class Fired:
    """A judged mention of a corpus and all rules that match it, in order of judgement."""

    finding: str
    ruling: Ruling
    rules: tuple[Rule, ...]

    @property
    def decided_by(self) -> tuple[str, ...]:
        """The rules whose work the ruling is: the one of the verdict, and those of context."""
        return (self.ruling.rule_id, *self.ruling.context_rules)

    def decided_alone(self, rule: Rule) -> bool:
        """Whether the ruling would be another one without this rule, which had a part in it."""
        if rule.id not in self.decided_by:
            return False
        rest = [other for other in self.rules if other.id != rule.id]
        if rule.verdict is None:
            return not any(
                other.verdict is None
                and (other.temporality, other.experiencer) == (rule.temporality, rule.experiencer)
                for other in rest
            )
        following = next((other.verdict for other in rest if other.verdict), Verdict.PRESENT)
        return following != rule.verdict


class FiringReader:
    """Reads sentences as a `SentenceReader` does and asks every rule by itself as well.

    Each rule is asked through a rule book of its own, so that matching is the judge's matching.
    """

    def __init__(self, reader: SentenceReader, book: RuleBook) -> None:
        self._reader = reader
        self._book = book

    @cached_property
    def _alone(self) -> dict[str, RuleBook]:
        return {rule.id: RuleBook((rule,), self._book.policy, rule.id) for rule in self._book.rules}

    def read(self, text: str, parse: Parse | Unparsed | None) -> Iterator[Fired]:
        """The judged mentions of a sentence with the rules that match them."""
        mentions = self._reader.read(text, parse)
        if not mentions:
            return
        graph = Graph(cut(text).words, parse if isinstance(parse, Parse) else None)
        judges = [
            (rule, SentenceJudge(self._alone[rule.id], graph))
            for rule, _ in self._book.candidates(graph.word_set)
        ]
        for mention in mentions:
            matching = tuple(r for r, judge in judges if _matches(r, judge, mention))
            yield Fired(mention.found.finding, mention.ruling, matching)


def _matches(rule: Rule, judge: SentenceJudge, mention: ReadMention) -> bool:
    found = mention.found
    ruling = judge.judge(found.tokens, found.form, own_rules_only=found.needs_rule)
    return ruling.rule_id != DEFAULT_RULE or fires(rule, ruling)
