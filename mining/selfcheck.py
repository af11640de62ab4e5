"""The self-check of a run: are the golden sentences still judged as they must be?

Another version of a parser or of a library can change verdicts without a word. The golden set is
judged before a run reads its first report, and a changed verdict stops the run.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from mining.assertion.judge import Ruling
from mining.assertion.rulebook import RuleBook
from mining.parsing import Parser
from mining.parsing.frozen import FrozenParser
from mining.resources import load_resources, the_parser
from mining.rulecheck import Golden, load_golden
from mining.settings import MiningSettings


@dataclass(frozen=True, slots=True)
class Changed:
    """A golden sentence that is judged otherwise than it must be."""

    golden: Golden
    ruling: Ruling

    def __str__(self) -> str:
        expected, found = self.golden, self.ruling
        return (
            f"{expected.case.marked}\n"
            f"    expected {_told(expected.verdict, expected.temporality, expected.experiencer)}"
            f" by {expected.rule_id}\n"
            f"    found    {_told(found.verdict, found.temporality, found.experiencer)}"
            f" by {', '.join((found.rule_id, *found.context_rules))}"
        )


@dataclass(frozen=True)
class SelfCheck:
    """What a self-check found: the parser, how many sentences, and those that changed."""

    parser_id: str
    sentences: int
    changed: tuple[Changed, ...]
    seconds: float

    def to_json(self) -> dict[str, object]:
        """The check as plain data, the changed sentences by name."""
        return {
            "parser": self.parser_id,
            "sentences": self.sentences,
            "changed": [c.golden.case.name for c in self.changed],
        }


class DriftError(RuntimeError):
    """Golden sentences are judged otherwise than they must be; `lines` lists them, two lines each.

    The sentences are the project's own: showing them shows nobody's report.
    """

    def __init__(self, check: SelfCheck) -> None:
        self.check = check
        self.lines = tuple(line for c in check.changed for line in str(c).splitlines())
        super().__init__(
            f"self-check: {len(check.changed)} of {check.sentences} golden sentences are judged "
            f"otherwise with the parser {check.parser_id}, expected none; a parser, its weights or "
            "a library has changed. Install the versions of constraints.txt, or give --allow-drift "
            "to go on"
        )


def self_check(settings: MiningSettings) -> SelfCheck:
    """What the golden set says of the rules and the parser of these settings.

    Raises:
        MissingModelError: the parser's model is not installed.
    """
    return _checked(settings.parser, settings)


def require_self_check(settings: MiningSettings, *, allow_drift: bool = False) -> SelfCheck:
    """The self-check of these settings, without a change unless `allow_drift`.

    Raises:
        DriftError: a golden sentence is judged otherwise than it must be.
    """
    check = self_check(settings)
    if check.changed and not allow_drift:
        raise DriftError(check)
    return check


@lru_cache(maxsize=4)
def _checked(parser: str, settings: MiningSettings) -> SelfCheck:
    return check_golden(load_golden(), load_resources(settings).book, the_parser(parser))


def check_golden(golden: Sequence[Golden], book: RuleBook, parser: Parser) -> SelfCheck:
    """The check of these sentences, parsed in one batch."""
    start = time.perf_counter()
    texts = list(dict.fromkeys(g.case.text for g in golden if not g.case.by_words))
    parsed = FrozenParser(parser.id, dict(zip(texts, parser.parse(texts), strict=True)))
    changed = []
    for expected in golden:
        ruling = expected.case.judge(book, parsed)
        if ruling is not None and not expected.met_by(ruling):
            changed.append(Changed(expected, ruling))
    return SelfCheck(parser.id, len(golden), tuple(changed), time.perf_counter() - start)


def _told(verdict: str, temporality: str, experiencer: str) -> str:
    """The verdict in words, usual time and person left out.

    >>> _told("absent", "past", "patient"), _told("present", "current", "patient")
    ('absent, past', 'present')
    """
    parts = [str(verdict)]
    parts += [temporality] if temporality != "current" else []
    parts += [experiencer] if experiencer != "patient" else []
    return ", ".join(parts)
