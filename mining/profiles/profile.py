"""Loading a profile, and what it makes of a mention."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, combinations
from pathlib import Path
from typing import Any

from data_contracts import Verdict

PROFILES = Path(__file__).parent
_AGGREGATION = "aggregation.toml"
_KEYS = {"name", "reads", "rules", "forms"}
_RULE_STATES = {"present", "uncertain", "absent", "ignore"}
_FORM_STATES = {"present", "uncertain", "ignore"}


class ProfileError(ValueError):
    """A profile that can't be used: which file, what was found, what was expected."""

    def __init__(self, where: str, message: str) -> None:
        self.where = where
        super().__init__(f"{where}: {message}")


@dataclass(frozen=True)
class Aggregation:
    """The label of a report for every set of states that its mentions can have."""

    table: Mapping[frozenset[Verdict], Verdict]

    def state(self, seen: Iterable[Verdict]) -> Verdict | None:
        """The label, or None where nothing was mentioned."""
        states = frozenset(seen)
        return self.table[states] if states else None


@dataclass(frozen=True)
class Profile:
    """What a label set makes of rules and concept forms; see profiles/clinical.toml."""

    name: str
    reads: str
    rules: Mapping[str, str]
    forms: Mapping[str, Mapping[str, str]]
    aggregation: Aggregation
    content_hash: str

    def state(
        self,
        finding: str,
        form: str,
        *,
        verdict: Verdict,
        rule_id: str,
        temporality: str = "current",
        experiencer: str = "patient",
    ) -> Verdict | None:
        """What this mention contributes to its report's label; None: nothing.

        A historical, hypothetical or other person's mention never makes a label present; that it
        is gone ("previously seen effusion has resolved") is about today and counts.
        """
        if experiencer != "patient":
            return None
        if verdict in (Verdict.ABSENT, Verdict.UNPARSED):
            ignored = self.forms.get(finding, {}).get(form) == "ignore"
            return None if ignored else verdict
        if temporality != "current":
            return None
        by_form = self.forms.get(finding, {}).get(form)
        if by_form == "ignore":
            return None
        state: Verdict = verdict
        if verdict is Verdict.UNCERTAIN:
            by_rule = self.rules.get(rule_id)
            if by_rule == "ignore":
                return None
            state = Verdict(by_rule) if by_rule else verdict
            if by_form == "present" and rule_id == "form.hedged":
                state = Verdict.PRESENT
        if by_form == "uncertain" and state is Verdict.PRESENT:
            return Verdict.UNCERTAIN
        return state


def profile_names() -> list[str]:
    """The names of the profiles that the package ships."""
    return sorted(p.stem for p in PROFILES.glob("*.toml") if p.name != _AGGREGATION)


def load_profile(name: str | Path = "clinical") -> Profile:
    """The profile of this name, or of this TOML file.

    Raises:
        ProfileError: no such profile, unknown key or state, an incomplete aggregation table.
    """
    file = Path(name) if str(name).endswith(".toml") else PROFILES / f"{name}.toml"
    if not file.exists() or file.name == _AGGREGATION:
        known = ", ".join(profile_names())
        raise ProfileError(str(name), f"no such profile; known are {known}, or a path to a .toml")
    data = _read(file)
    unknown = sorted(set(data) - _KEYS)
    if unknown:
        raise ProfileError(file.name, f"unknown keys {unknown}; known are {sorted(_KEYS)}")
    _check_states(file.name, "rules", data.get("rules", {}), _RULE_STATES)
    for finding, forms in data.get("forms", {}).items():
        _check_states(file.name, f"forms.{finding}", forms, _FORM_STATES)
    digest = hashlib.sha256(file.read_bytes() + (PROFILES / _AGGREGATION).read_bytes())
    return Profile(
        name=data.get("name", file.stem),
        reads=data.get("reads", ""),
        rules=data.get("rules", {}),
        forms=data.get("forms", {}),
        aggregation=load_aggregation(),
        content_hash=digest.hexdigest(),
    )


def load_aggregation(file: Path | None = None) -> Aggregation:
    """The aggregation table; every set of states must stand in it exactly once."""
    file = file or PROFILES / _AGGREGATION
    table: dict[frozenset[Verdict], Verdict] = {}
    for row in _read(file)["table"]:
        seen = frozenset(Verdict(s) for s in row["seen"])
        if seen in table:
            raise ProfileError(file.name, f"{sorted(seen)} stands there twice")
        table[seen] = Verdict(row["state"])
    states = list(Verdict)
    sets = chain.from_iterable(combinations(states, n) for n in range(1, len(states) + 1))
    missing = [sorted(s) for s in sets if frozenset(s) not in table]
    if missing:
        raise ProfileError(file.name, f"no row for {missing}")
    return Aggregation(table)


def _read(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as handle:
            return tomllib.load(handle)
    except (ValueError, RecursionError) as error:  # bytes that are no text; nested too deeply
        raise ProfileError(file.name, f"no valid TOML: {error}") from error


def _check_states(where: str, table: str, states: Mapping[str, str], allowed: set[str]) -> None:
    for key, state in states.items():
        if state not in allowed:
            raise ProfileError(
                f"{where} [{table}] {key}", f"found {state!r}, expected one of {sorted(allowed)}"
            )
