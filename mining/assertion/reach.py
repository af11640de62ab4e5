"""What a change of rules can touch: the sentences that must be judged again, and no others.

A mention is judged by those rules of the book, in its order, whose words its sentence holds. Where
the same rules stand in the same order before and after, the ruling is the same, so that only
sentences with a word of a rule that changed, came, went or moved need another look.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from difflib import SequenceMatcher
from enum import Enum
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mining.assertion.rulebook import Rule, RuleBook
from mining.assertion.word_lists import WordLists
from mining.tokens import CUT_OUT

# What a rule says to people, and where it stands: no judgement hangs on it.
_SAID = frozenset({"reads", "yes", "no", "source", "file"})
_COMMON = frozenset(
    {"a", "about", "and", "as", "at", "be", "been", "by", "can", "demonstrated", "evaluated",
     "evidence", "evident", "for", "from", "identified", "in", "is", "most", "no", "not", "noted",
     "of", "off", "on", "or", "out", "present", "seen", "that", "the", "there", "to", "visualized",
     "with"}
)  # fmt: skip
_PLAIN = re.compile(r"[a-z]+")


# For each way in which a rule may fire the lists that a sentence must hold a word of, all of them.
Needs = tuple[tuple[tuple[str, ...], ...], ...]


@dataclass(frozen=True)
class RulePrints:
    """A rule book as far as judgements hang on it; kept beside them.

    `rules` are, in order of judgement, a hash of each and what it needs to fire.
    """

    policy: str
    rules: tuple[tuple[str, Needs], ...]

    def to_json(self) -> str:
        """What `read_prints` reads."""
        return json.dumps({"policy": self.policy, "rules": self.rules})


def rule_prints(book: RuleBook) -> RulePrints:
    """The prints of a book."""
    return RulePrints(_hash(book.policy), tuple((_hash(r), _needs(r)) for r in book.rules))


def read_prints(text: str) -> RulePrints:
    """The prints in this JSON. Errors: ValueError, KeyError or TypeError when they are none."""
    content: Mapping[str, Any] = json.loads(text)
    rules = tuple(
        (str(digest), tuple(tuple(tuple(words) for words in way) for way in needs))
        for digest, needs in content["rules"]
    )
    return RulePrints(str(content["policy"]), rules)


@dataclass(frozen=True)
class RuleReach:
    """How far a change of rules reaches: the ways to fire of all rules that differ."""

    ways: tuple[tuple[frozenset[str], ...], ...]

    def may_hold(self, texts: pa.ChunkedArray) -> pa.ChunkedArray:
        """For each text whether a way may be met by its words: quick, and never wrongly false.

        >>> RuleReach(((frozenset({"no"}),),)).may_hold(
        ...     pa.chunked_array([["No edema.", "Nodule", "Cannot tell"]])
        ... ).to_pylist()
        [True, False, False]
        """
        words = {word for way in self.ways for word in min(way, key=_telling)}
        if not words:
            return pa.chunked_array([pa.repeat(False, len(texts))])
        alone = [w for w in words if _PLAIN.fullmatch(w) and w not in CUT_OUT]
        within = [re.escape(w) for w in sorted(words.difference(alone))]
        if alone:
            within.append(f"(?:^|[^a-z])(?:{'|'.join(sorted(alone))})(?:[^a-z]|n['\u2019]t|$)")
        return pc.match_substring_regex(pc.utf8_lower(texts), "|".join(within))

    def holds(self, words: Iterable[str]) -> bool:
        """Whether one of the rules could fire in a sentence of these lower-cased words."""
        met = self._lists.met_by(words)
        return any(asked & met == asked for asked in self._asked)

    @cached_property
    def _lists(self) -> WordLists:
        return WordLists(words for way in self.ways for words in way)

    @cached_property
    def _asked(self) -> set[int]:
        return {self._lists.bits(way) for way in self.ways}


def rule_reach(before: RulePrints, after: RulePrints) -> RuleReach | None:
    """How far the difference reaches; None where every judgement may differ."""
    if before.policy != after.policy:
        return None
    matcher = SequenceMatcher(
        None, [d for d, _ in before.rules], [d for d, _ in after.rules], autojunk=False
    )
    ways = {
        tuple(map(frozenset, way))
        for operation, i, j, k, m in matcher.get_opcodes()
        if operation != "equal"
        for _, needs in (*before.rules[i:j], *after.rules[k:m])
        for way in needs
    }
    return RuleReach(tuple(sorted(ways, key=lambda way: [sorted(words) for words in way])))


def _needs(rule: Rule) -> Needs:
    return tuple(
        tuple(tuple(sorted(words)) for words in expression.word_sets())
        for expression in rule.expressions
    )


def _telling(words: frozenset[str]) -> tuple[int, int]:
    # Of "suspicion" and "for" the sentences with the one are few.
    return len(words & _COMMON), len(words)


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(_plain(value)).encode()).hexdigest()[:32]


def _plain(value: object) -> object:
    """The same for the same content, in any process: sets have no order of their own."""
    if is_dataclass(value):
        named = ((f.name, getattr(value, f.name)) for f in fields(value) if f.name not in _SAID)
        return [type(value).__name__, *([name, _plain(own)] for name, own in named)]
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value.value if isinstance(value, Enum) else value
