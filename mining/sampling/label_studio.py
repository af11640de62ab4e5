"""Label Studio: tasks to import, the labelling interface, and its export read back as gold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import pyarrow as pa

from mining.audit.gold import GoldError, build_gold
from mining.sampling.sheet import JUDGED, NORMAL, REPORT, SheetRow

_THERE, _UNSURE, _NORMAL = "findings", "unsure", "normal"
_YES = "the report calls the chest normal"


def tasks(rows: Sequence[SheetRow]) -> list[dict[str, Any]]:
    """The tasks of a project, one per report; they say nothing of what was mined."""
    return [{"data": {REPORT: row.report_id, "text": row.text}} for row in rows]


def interface(findings: Sequence[str]) -> str:
    """The labelling interface to paste into the project's settings.

    >>> '<Choice value="Mass"' in interface(["Mass"])
    True
    """
    choices = "\n".join(f"    <Choice value={quoteattr(name)} />" for name in findings)
    return f"""<View>
  <Text name="report" value="$text" granularity="word" />
  <Header value="There, says the report" />
  <Choices name="{_THERE}" toName="report" choice="multiple" showInline="true">
{choices}
  </Choices>
  <Header value="Cannot be told (not scored)" />
  <Choices name="{_UNSURE}" toName="report" choice="multiple" showInline="true">
{choices}
  </Choices>
  <Choices name="{_NORMAL}" toName="report" choice="multiple">
    <Choice value={quoteattr(_YES)} />
  </Choices>
</View>
"""


def read_export(path: Path, *, findings: Sequence[str]) -> list[pa.Table]:
    """The gold tables of an export (format JSON), one per annotator, in the order of their names.

    What is not chosen in a submitted annotation is not there; skipped ones are not judged.
    GoldError when the file is no such export, or an annotator judged a report twice; OSError.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise _wrong(path, "the file", "no JSON") from error
    if not isinstance(content, list):
        raise _wrong(path, "the file", f"a {type(content).__name__}")
    by_annotator: dict[str, dict[str, Mapping[str, Any]]] = {}
    for number, task in enumerate(content, start=1):
        where = f"task {number}"
        if not isinstance(task, dict) or not isinstance(task.get("annotations"), list):
            raise _wrong(path, where, "no list of annotations")
        report_id = str((task.get("data") or {}).get(REPORT) or "")
        if not report_id:
            raise _wrong(path, where, f"no {REPORT} in its data")
        for annotation in task["annotations"]:
            who = _annotator(annotation.get("completed_by"))
            own = by_annotator.setdefault(who, {})
            if report_id in own:
                raise _wrong(path, where, f"report {report_id!r} judged twice by {who}")
            own[report_id] = annotation
    if not by_annotator:
        raise _wrong(path, "the file", "no annotation")
    return [_gold(path, by_annotator[who], who, findings) for who in sorted(by_annotator)]


def _annotator(who: Any) -> str:
    """The name of who completed an annotation: Label Studio gives a number, or a person."""
    if isinstance(who, dict):
        who = who.get("email") or who.get("id")
    return str(who) if who is not None else "unknown"


def _gold(
    path: Path, own: Mapping[str, Mapping[str, Any]], who: str, findings: Sequence[str]
) -> pa.Table:
    table: dict[str, list[Any]] = {name: [] for name in (REPORT, *findings, NORMAL, JUDGED)}
    chosen = {report: _choices(annotation) for report, annotation in own.items()}
    normal_used = any(parts[_NORMAL] for parts in chosen.values())
    for report, annotation in own.items():
        there, unsure = chosen[report][_THERE], chosen[report][_UNSURE]
        unknown = (there | unsure) - set(findings)
        if unknown:
            raise _wrong(path, f"report {report!r}", f"{min(unknown)!r}, no finding of the labels")
        judged = not annotation.get("was_cancelled", False)
        table[REPORT].append(report)
        table[JUDGED].append(judged)
        for name in findings:
            open_ = not judged or name in unsure
            table[name].append(None if open_ else name in there)
        asked = judged and normal_used
        table[NORMAL].append(bool(chosen[report][_NORMAL]) if asked else None)
    return build_gold(table, annotator=who, findings=findings)


def _choices(annotation: Mapping[str, Any]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {_THERE: set(), _UNSURE: set(), _NORMAL: set()}
    for result in annotation.get("result") or ():
        name = result.get("from_name")
        if name in found:
            found[name] |= set((result.get("value") or {}).get("choices") or ())
    return found


def _wrong(path: Path, where: str, found: str) -> GoldError:
    return GoldError(
        path, where, found, "an export of Label Studio in the format JSON, of our tasks",
        "Export the project again; JSON-MIN and CSV leave out who judged what.",
    )  # fmt: skip
