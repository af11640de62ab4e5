"""Where configurations label a report differently: the sentences, who says what, who is right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from data_contracts import DISAGREEMENTS
from mining.audit.outcomes import NOT_MENTIONED
from mining.comparing import Compared, Place, Reading
from mining.reading import ReadMention

POSITIVE = "present"


@dataclass(frozen=True)
class Saying:
    """What a configuration says of a finding in one sentence."""

    configuration: str
    mentions: tuple[ReadMention, ...]


@dataclass(frozen=True)
class Passage:
    """A sentence of a report, and what each configuration says of a finding in it."""

    section: str
    start: int
    end: int
    sayings: tuple[Saying, ...]


@dataclass(frozen=True)
class Disagreement:
    """A label that is present for some configurations only; `states`, `right` by configuration."""

    report_id: str
    finding: str
    gold: bool | None
    states: Mapping[str, str]
    right: Mapping[str, bool | None]
    passages: tuple[Passage, ...]


def disagreements(
    compared: Sequence[Compared], gold: pa.Table, findings: Sequence[str]
) -> list[Disagreement]:
    """The labels that are present for some configurations and not for all, by finding."""
    names = [c.configuration.name for c in compared]
    answers = _by_report(gold, findings)
    states = [_by_report(c.reading.labels, findings) for c in compared]
    found = []
    for finding in findings:
        for report in compared[0].reading.places:
            said = [own[report][finding] or NOT_MENTIONED for own in states]
            if len({state == POSITIVE for state in said}) == 1:
                continue
            truth = answers.get(report, {}).get(finding)
            right = [None if truth is None else (state == POSITIVE) == truth for state in said]
            found.append(
                Disagreement(
                    report, finding, truth, dict(zip(names, said, strict=True)),
                    dict(zip(names, right, strict=True)),
                    _passages(compared, report, finding),
                )
            )  # fmt: skip
    return found


def disagreement_table(found: Sequence[Disagreement], reports: Mapping[str, str]) -> pa.Table:
    """The disagreements under the contract DISAGREEMENTS: a row per sentence and configuration."""
    rows: list[dict[str, Any]] = []
    for case in found:
        for passage in case.passages:
            sentence = reports[case.report_id][passage.start : passage.end]
            for saying in passage.sayings:
                rows.append(
                    {
                        "report_id": case.report_id,
                        "finding": case.finding,
                        "section": passage.section,
                        "start": passage.start,
                        "end": passage.end,
                        "sentence": sentence,
                        "configuration": saying.configuration,
                        "mentions": [sentence[m.start : m.end] for m in saying.mentions],
                        "verdicts": [m.ruling.verdict.value for m in saying.mentions],
                        "rules": [m.ruling.rule_id for m in saying.mentions],
                        "state": case.states[saying.configuration],
                        "gold": case.gold,
                        "right": case.right[saying.configuration],
                    }
                )
    return pa.Table.from_pylist(rows, schema=DISAGREEMENTS.schema)


def _by_report(table: pa.Table, findings: Sequence[str]) -> dict[str, dict[str, Any]]:
    rows = table.select(["report_id", *findings]).to_pylist()
    return {row["report_id"]: row for row in rows}


def _passages(compared: Sequence[Compared], report: str, finding: str) -> tuple[Passage, ...]:
    """The sentences in which the configurations differ; all that mention it where none does."""
    said = []
    for place in compared[0].reading.places[report]:
        sayings = tuple(
            Saying(c.configuration.name, tuple(_mentions(c.reading, report, place, finding)))
            for c in compared
        )
        if any(saying.mentions for saying in sayings):
            said.append(Passage(place.section, place.start, place.end, sayings))
    differing = [p for p in said if len({_verdicts(s) for s in p.sayings}) > 1]
    return tuple(differing or said)


def _verdicts(saying: Saying) -> tuple[tuple[int, str, str], ...]:
    return tuple((m.start, m.found.form, m.ruling.verdict.value) for m in saying.mentions)


def _mentions(reading: Reading, report: str, place: Place, finding: str) -> Iterator[ReadMention]:
    # The same text is cut alike whatever the configuration; only which sentence it is differs.
    own = next(p for p in reading.places[report] if p.start == place.start)
    return (m for m in reading.judged[own.number] if m.found.finding == finding)
