"""Which mentions decided a label: from a report's state back to the rules and words behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from data_contracts import Verdict, has_text
from mining.profiles import Profile

Pair = tuple[str, str]  # report, finding
COLUMNS = (
    "report_id", "section", "sentence_id", "start", "end", "text", "finding", "concept_form",
    "verdict", "certainty", "temporality", "experiencer", "rule_id", "cue_starts", "cue_ends",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Contribution:
    """A mention and what it adds to its report's label; offsets into the report.

    `state` is what the profile makes of it (None: nothing). `decides`: the label has this state
    because of it, alone or with others.
    """

    start: int
    end: int
    text: str
    form: str
    verdict: str
    certainty: float | None
    temporality: str
    experiencer: str
    rule_id: str
    cues: tuple[tuple[int, int], ...]
    state: Verdict | None
    decides: bool


def columns_of(mentions: Path) -> list[str]:
    """Those of COLUMNS that the table at this path has: all, or all but the text.

    Errors: FileNotFoundError, ContractError.
    """
    return [name for name in COLUMNS if name != "text" or has_text(mentions)]


def contributions(mentions: pa.Table, profile: Profile) -> dict[Pair, list[Contribution]]:
    """The mentions of each (report, finding), in the order of the text, and which of them decide.

    `mentions` needs the columns of COLUMNS; without the text none is told. The profile is the one
    that the labels were made by.
    """
    rows: dict[Pair, list[Mapping[str, Any]]] = {}
    for row in mentions.to_pylist():
        rows.setdefault((row["report_id"], row["finding"]), []).append(row)
    return {pair: _weighed(own, profile) for pair, own in rows.items()}


def deciding_rules(own: list[Contribution]) -> tuple[str, ...]:
    """The rules of the mentions that decided a label, each once; empty where none did."""
    return tuple(dict.fromkeys(c.rule_id for c in own if c.decides))


def _weighed(rows: list[Mapping[str, Any]], profile: Profile) -> list[Contribution]:
    states = [_state(row, profile) for row in rows]
    label = profile.aggregation.state(state for state in states if state is not None)
    found = [
        Contribution(
            start=row["start"],
            end=row["end"],
            text=row.get("text", ""),
            form=row["concept_form"] or "",
            verdict=row["verdict"],
            certainty=row["certainty"],
            temporality=row["temporality"],
            experiencer=row["experiencer"],
            rule_id=row["rule_id"] or "",
            cues=tuple(zip(row["cue_starts"], row["cue_ends"], strict=True)),
            state=state,
            decides=state is not None and state == label,
        )
        for row, state in zip(rows, states, strict=True)
    ]
    return sorted(found, key=lambda c: (c.start, c.end))


def _state(row: Mapping[str, Any], profile: Profile) -> Verdict | None:
    return profile.state(
        row["finding"], row["concept_form"] or "", verdict=Verdict(row["verdict"]),
        rule_id=row["rule_id"] or "", temporality=row["temporality"],
        experiencer=row["experiencer"],
    )  # fmt: skip
