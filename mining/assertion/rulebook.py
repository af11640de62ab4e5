"""Loading the rule files: data in, one compiled and indexed rule book out."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path as FilePath
from typing import Any, NamedTuple

from data_contracts import Verdict
from mining.assertion.graph import ClimbPolicy, climb_policy
from mining.assertion.language import (
    DEFAULT_REACH,
    Expression,
    Path,
    RuleSyntaxError,
    Scope,
    compile_expression,
)
from mining.parsing.labels import UD_LABELS

RULES = FilePath(__file__).parent.parent / "rules"
_RULE_KEYS = {
    "id", "reads", "path", "surface", "unless", "verdict", "certainty", "temporality",
    "experiencer", "exact", "forms", "fallback", "same_clause", "stops", "yes", "no", "from",
}  # fmt: skip
_FILE_KEYS = {"scheme", "defaults", "words", "labels", "rule"}
_SHARED_FILE = "graph.toml"


class RuleFileError(ValueError):
    """A rule file that can't be used: file, rule, what was found, what was expected."""

    def __init__(self, where: str, message: str) -> None:
        self.where = where
        super().__init__(f"{where}: {message}")


@dataclass(frozen=True)
class Rule:
    """One reading of a mention. A rule without a verdict sets temporality or experiencer only."""

    id: str
    reads: str
    expressions: tuple[Expression, ...]
    unless: tuple[Expression, ...] = ()
    verdict: Verdict | None = None
    certainty: float = 1.0
    temporality: str | None = None
    experiencer: str | None = None
    exact: bool = False
    forms: frozenset[str] = frozenset()
    fallback: bool = False
    same_clause: bool = False
    stops: frozenset[str] = frozenset()
    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()
    source: str = ""
    file: str = ""


@dataclass(frozen=True)
class RuleBook:
    """All rules in their order of judgement, with the index of the words that can fire them."""

    rules: tuple[Rule, ...]
    policy: ClimbPolicy
    content_hash: str
    _index: Mapping[str, tuple[_Entry, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", _index(self.rules))

    @cached_property
    def trigger_words(self) -> frozenset[str]:
        """The words without which no rule can fire: a sentence without them needs no parse."""
        return frozenset(self._index)

    @cached_property
    def graph_hash(self) -> str:
        """The hash of what decides whether a sentence needs a parse: the words of graph rules.

        A changed verdict, order or example leaves it as it is, and with it the stored parses.
        """
        needs = sorted(
            str([sorted(s) for s in entry.needs])
            for entries in self._index.values()
            for entry in entries
            if entry.graph
        )
        return hashlib.sha256("\n".join(needs).encode()).hexdigest()

    def needs_graph(self, words: frozenset[str]) -> bool:
        """Whether a rule that looks at the graph could fire in a sentence of these words."""
        return any(
            entry.graph and all(s & words for s in entry.needs)
            for word in words & self.trigger_words
            for entry in self._index[word]
        )

    def candidates(self, words: frozenset[str]) -> list[tuple[Rule, list[Expression]]]:
        """The rules that could fire in a sentence of these words, in order of judgement."""
        live = sorted(
            {
                (entry.rule, entry.expression)
                for word in words & self.trigger_words
                for entry in self._index[word]
                if all(s & words for s in entry.needs)
            }
        )
        found: dict[int, list[Expression]] = {}
        for number, expression in live:
            rule = self.rules[number]
            found.setdefault(number, []).append(rule.expressions[expression])
        return [(self.rules[number], expressions) for number, expressions in found.items()]


class _Entry(NamedTuple):
    """Where a trigger word leads: an expression, and the lists that a sentence must meet."""

    rule: int
    expression: int
    graph: bool
    needs: tuple[frozenset[str], ...]


def _index(rules: Iterable[Rule]) -> dict[str, tuple[_Entry, ...]]:
    index: dict[str, list[_Entry]] = {}
    for number, rule in enumerate(rules):
        for e, expression in enumerate(rule.expressions):
            sets = expression.word_sets()
            if not sets:
                raise RuleFileError(f"{rule.file}: rule {rule.id}", "an expression without words")
            graph = rule.same_clause or isinstance(expression, Path)
            for word in min(sets, key=len):
                index.setdefault(word, []).append(_Entry(number, e, graph, tuple(sets)))
    return {word: tuple(entries) for word, entries in index.items()}


def load_rules(folder: FilePath | None = None) -> RuleBook:
    """The compiled rule book of a folder of ``NN_name.toml`` files and ``graph.toml``.

    Raises:
        RuleFileError: a file that is no TOML, an unknown key, word list or label, an id used twice.
    """
    folder = folder or RULES
    shared = _read(folder / _SHARED_FILE)
    policy = climb_policy(shared["climb"])
    words = _word_lists(shared.get("words", {}))
    labels = _label_groups(shared.get("labels", {}), _SHARED_FILE)
    files = sorted(p for p in folder.glob("*.toml") if p.name[:2].isdigit())
    rules: list[Rule] = []
    for file in files:
        rules.extend(_load_file(file, words, labels))
    seen: dict[str, str] = {}
    for rule in rules:
        if rule.id in seen:
            raise RuleFileError(f"{rule.file}: rule {rule.id}", f"id used in {seen[rule.id]} too")
        seen[rule.id] = rule.file
    digest = hashlib.sha256()
    for file in [*files, folder / _SHARED_FILE]:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return RuleBook(tuple(rules), policy, digest.hexdigest())


def _read(file: FilePath) -> dict[str, Any]:
    try:
        with file.open("rb") as handle:
            return tomllib.load(handle)
    except tomllib.TOMLDecodeError as error:
        raise RuleFileError(str(file), f"no valid TOML: {error}") from error


def _word_lists(
    data: Mapping[str, list[str]], base: Mapping[str, frozenset[str]] | None = None
) -> dict[str, frozenset[str]]:
    """The lists by name; a member ``@name`` stands for the members of another list."""
    lists = dict(base or {})
    for name, members in data.items():
        expanded: set[str] = set()
        for member in members:
            expanded |= lists[member[1:]] if member.startswith("@") else {member}
        lists[name] = frozenset(expanded)
    return lists


def _label_groups(data: Mapping[str, list[str]], where: str) -> dict[str, frozenset[str]]:
    for name, members in data.items():
        unknown = set(members) - UD_LABELS
        if unknown:
            raise RuleFileError(f"{where} [labels] {name}", f"no UD v2 labels: {sorted(unknown)}")
    return {name: frozenset(members) for name, members in data.items()}


def _load_file(
    file: FilePath, words: Mapping[str, frozenset[str]], labels: Mapping[str, frozenset[str]]
) -> list[Rule]:
    data = _read(file)
    _known(file.name, data, _FILE_KEYS)
    if data.get("scheme") != "ud2":
        raise RuleFileError(file.name, f"scheme is {data.get('scheme')!r}, expected 'ud2'")
    own_words = _word_lists(data.get("words", {}), words)
    own_labels = {**labels, **_label_groups(data.get("labels", {}), file.name)}
    defaults = data.get("defaults", {})
    _known(f"{file.name} [defaults]", defaults, _RULE_KEYS | {"reach"})
    rules = []
    for raw in data.get("rule", []):
        where = f"{file.name}: rule {raw.get('id', '(no id)')}"
        _known(where, raw, _RULE_KEYS)
        scope = Scope(
            where, own_words, own_labels, UD_LABELS, int(defaults.get("reach", DEFAULT_REACH))
        )
        rules.append(_rule({**defaults, **raw}, scope, file.name))
    return rules


def _known(where: str, data: Mapping[str, object], allowed: set[str]) -> None:
    unknown = sorted(set(data) - allowed)
    if unknown:
        raise RuleFileError(where, f"unknown keys {unknown}; known are {sorted(allowed)}")


def _rule(raw: Mapping[str, Any], scope: Scope, file: str) -> Rule:
    texts = [*_listed(raw.get("path", [])), *_listed(raw.get("surface", []))]
    if not texts or not raw.get("id") or not raw.get("reads"):
        raise RuleFileError(scope.where, "a rule needs id, reads and a path or surface")
    if not raw.get("yes") or not raw.get("no"):
        raise RuleFileError(scope.where, "a rule needs at least one `yes` and one `no` sentence")
    try:
        expressions = tuple(compile_expression(t, scope) for t in texts)
        unless = tuple(compile_expression(t, scope) for t in raw.get("unless", []))
        verdict = Verdict(raw["verdict"]) if "verdict" in raw else None
    except RuleSyntaxError as error:
        message = f"found {error.found!r}, expected {error.expected}"
        raise RuleFileError(scope.where, message) from error
    except ValueError as error:
        raise RuleFileError(scope.where, str(error)) from error
    return Rule(
        id=raw["id"],
        reads=raw["reads"],
        expressions=expressions,
        unless=unless,
        verdict=verdict,
        certainty=float(raw.get("certainty", _CERTAINTY.get(verdict, 1.0))),
        temporality=raw.get("temporality"),
        experiencer=raw.get("experiencer"),
        exact=bool(raw.get("exact", False)),
        forms=frozenset(raw.get("forms", [])),
        fallback=bool(raw.get("fallback", False)),
        same_clause=bool(raw.get("same_clause", False)),
        stops=_stop_words(raw.get("stops", []), scope),
        yes=tuple(raw["yes"]),
        no=tuple(raw["no"]),
        source=raw.get("from", ""),
        file=file,
    )


_CERTAINTY: dict[Verdict | None, float] = {
    Verdict.PRESENT: 1.0,
    Verdict.UNCERTAIN: 0.5,
    Verdict.ABSENT: 0.0,
}


def _stop_words(names: Iterable[str], scope: Scope) -> frozenset[str]:
    stops: set[str] = set()
    for name in names:
        stops |= scope.words.get(name, {name})
    return frozenset(stops)


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
