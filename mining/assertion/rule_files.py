"""Loading the rule files: TOML in, a rule book out."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from data_contracts import Verdict
from mining.assertion.graph import climb_policy
from mining.assertion.language import DEFAULT_REACH, RuleSyntaxError, Scope, compile_expression
from mining.assertion.rulebook import Rule, RuleBook
from mining.parsing.labels import UD_LABELS

RULES = Path(__file__).parent.parent / "rules"
RULE_KEYS = {
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


def load_rules(folder: Path | None = None) -> RuleBook:
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


def _read(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as handle:
            return tomllib.load(handle)
    except (ValueError, RecursionError) as error:  # bytes that are no text; nested too deeply
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
    file: Path, words: Mapping[str, frozenset[str]], labels: Mapping[str, frozenset[str]]
) -> list[Rule]:
    data = _read(file)
    _known(file.name, data, _FILE_KEYS)
    if data.get("scheme") != "ud2":
        raise RuleFileError(file.name, f"scheme is {data.get('scheme')!r}, expected 'ud2'")
    own_words = _word_lists(data.get("words", {}), words)
    own_labels = {**labels, **_label_groups(data.get("labels", {}), file.name)}
    defaults = data.get("defaults", {})
    _known(f"{file.name} [defaults]", defaults, RULE_KEYS | {"reach"})
    rules = []
    for raw in data.get("rule", []):
        where = f"{file.name}: rule {raw.get('id', '(no id)')}"
        _known(where, raw, RULE_KEYS)
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
        if not all(e.word_sets() for e in expressions):
            raise RuleFileError(scope.where, "an expression without words: it could fire anywhere")
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
