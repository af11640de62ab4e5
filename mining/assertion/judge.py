"""The judge: one mention in one sentence → one judgement, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from data_contracts import Verdict
from mining.assertion.graph import Graph
from mining.assertion.language import Expression
from mining.assertion.match import Anchors, Match, Target, find_match
from mining.assertion.rulebook import Rule, RuleBook

DEFAULT_RULE = "default.present"
UNPARSED_RULE = "unparsed"


@dataclass(frozen=True, slots=True)
class Ruling:
    """A judgement in tokens of the sentence.

    ``certainty`` says how firmly the sentence asserts that the finding is there: 1 present,
    0 absent, between them the hedge's own strength.
    """

    verdict: Verdict
    certainty: float
    rule_id: str
    cues: tuple[int, ...] = ()
    arcs: tuple[tuple[int, int], ...] = ()
    temporality: str = "current"
    experiencer: str = "patient"
    context_rules: tuple[str, ...] = ()


_ASSERTED = Ruling(Verdict.PRESENT, 1.0, DEFAULT_RULE)


class SentenceJudge:
    """Judges the mentions of one sentence; what the rules need of it is worked out once."""

    def __init__(self, book: RuleBook, graph: Graph, *, parse_failed: bool = False) -> None:
        self._book = book
        self._graph = graph
        self._parse_failed = parse_failed
        self._candidates = book.candidates(graph.word_set)

    @property
    def has_cue(self) -> bool:
        """Whether any rule could fire here; if not, the mention is plainly asserted."""
        return bool(self._candidates)

    def judge(
        self, tokens: Sequence[int], form: str = "", *, own_rules_only: bool = False
    ) -> Ruling:
        """The ruling on the mention of these tokens (ascending, not empty) and concept form.

        `own_rules_only`: only rules written for this form decide ("heart size" is normal or is
        no mention at all).
        """
        if not self._candidates:
            return _ASSERTED
        target = Target(tuple(tokens))
        anchors = Anchors(self._graph, target, self._book.policy)
        temporality, experiencer = "current", "patient"
        context: list[str] = []
        for rule, expressions in self._candidates:
            if form not in rule.forms and (rule.forms or own_rules_only):
                continue
            match = self._fires(rule, expressions, target, anchors)
            if match is None:
                continue
            temporality = rule.temporality or temporality
            experiencer = rule.experiencer or experiencer
            if rule.verdict is None:
                context.append(rule.id)
                continue
            return Ruling(
                rule.verdict, rule.certainty, rule.id, match.cues, match.arcs,
                temporality, experiencer, tuple(context),
            )  # fmt: skip
        if self._parse_failed and self.has_cue:
            # Fail closed: a cue stands in the sentence and no graph says whose it is.
            return Ruling(Verdict.UNPARSED, 0.5, UNPARSED_RULE)
        return Ruling(
            Verdict.PRESENT, 1.0, DEFAULT_RULE, (), (),
            temporality, experiencer, tuple(context),
        )  # fmt: skip

    def _fires(
        self, rule: Rule, expressions: Sequence[Expression], target: Target, anchors: Anchors
    ) -> Match | None:
        for expression in expressions:
            match = find_match(
                expression, self._graph, target, anchors,
                exact=rule.exact, stops=rule.stops, same_clause=rule.same_clause,
            )  # fmt: skip
            if match is not None:
                vetoed = any(
                    find_match(
                        veto, self._graph, target, anchors, exact=rule.exact, stops=rule.stops
                    )
                    for veto in rule.unless
                )
                return None if vetoed else match
        return None
