"""Reports with their mentions as a BioC collection: what NegBio and other text miners read.

One document per report with one passage at offset 0, its text as received, so that offsets are
those of the table of mentions. A mention is an annotation; its verdict, rule and the rest are
infons, its cues are annotations of type "cue" that a relation ties to it.

Source: Comeau et al., BioC, Database 2013; NegBio writes its mentions in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

from data_contracts import MENTIONS, REPORTS, iter_tables
from mining.whole_files import whole_file

_INFONS = (
    "verdict", "certainty", "rule_id", "section", "cui", "concept_form", "concept_source",
    "temporality", "experiencer",
)  # fmt: skip
# What XML 1.0 cannot hold becomes a space, which keeps every offset where it is.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_bioc(reports: Path, mentions: Path, path: Path) -> int:
    """How many reports were written to `path` as a BioC collection in XML.

    Both tables come as a run leaves them: mentions in the order of the reports. Errors: OSError,
    ContractError for a table that breaks its contract.
    """
    by_report = groupby(_rows(mentions, MENTIONS), key=lambda row: row["report_id"])
    waiting = next(by_report, None)
    count = 0
    with whole_file(path) as stream:
        xml = _Xml(stream)
        xml.open("collection")
        xml.leaf("source", "cxrmine")
        xml.leaf("date", "")
        xml.leaf("key", "")
        for report in _rows(reports, REPORTS, ("report_id", "study_id", "patient_id", "text")):
            found: list[Mapping[str, Any]] = []
            if waiting is not None and waiting[0] == report["report_id"]:
                found = list(waiting[1])
                waiting = next(by_report, None)
            _document(xml, report, found)
            count += 1
        xml.close("collection")
    if waiting is not None:
        raise ValueError(
            f"{mentions}: found mentions of report {waiting[0]!r} out of the order of {reports}; "
            "give both tables of one run"
        )
    return count


def _document(xml: _Xml, report: Mapping[str, Any], mentions: list[Mapping[str, Any]]) -> None:
    text = _NO_XML.sub(" ", report["text"])
    xml.open("document")
    xml.leaf("id", report["report_id"])
    for name in ("study_id", "patient_id"):
        if report[name] is not None:
            xml.leaf("infon", report[name], key=name)
    xml.open("passage")
    xml.leaf("offset", "0")
    xml.leaf("text", text)
    for number, mention in enumerate(mentions):
        infons = {"type": mention["finding"], **{name: mention[name] for name in _INFONS}}
        _annotation(xml, f"M{number}", text, mention["start"], mention["end"], infons)
        for at, place in enumerate(zip(mention["cue_starts"], mention["cue_ends"], strict=True)):
            _annotation(xml, f"M{number}C{at}", text, *place, {"type": "cue"})
    for number, mention in enumerate(mentions):
        if mention["cue_starts"]:
            xml.open("relation", id=f"R{number}")
            xml.leaf("infon", mention["rule_id"] or "", key="type")
            xml.leaf("node", None, refid=f"M{number}", role="mention")
            for at in range(len(mention["cue_starts"])):
                xml.leaf("node", None, refid=f"M{number}C{at}", role="cue")
            xml.close("relation")
    xml.close("passage")
    xml.close("document")


def _annotation(
    xml: _Xml, name: str, text: str, start: int, end: int, infons: Mapping[str, Any]
) -> None:
    xml.open("annotation", id=name)
    for key, value in infons.items():
        if value is not None:
            xml.leaf("infon", f"{value:.6g}" if isinstance(value, float) else str(value), key=key)
    xml.leaf("location", None, offset=str(start), length=str(end - start))
    xml.leaf("text", text[start:end])
    xml.close("annotation")


class _Xml:
    """Writes elements as they come."""

    def __init__(self, stream: Any) -> None:
        self._out = XMLGenerator(stream, "utf-8", short_empty_elements=True)
        self._out.startDocument()
        self._out.ignorableWhitespace('<!DOCTYPE collection SYSTEM "BioC.dtd">\n')

    def open(self, name: str, **attributes: str) -> None:
        self._out.startElement(name, AttributesImpl(attributes))

    def close(self, name: str) -> None:
        self._out.endElement(name)

    def leaf(self, name: str, text: str | None, **attributes: str) -> None:
        self.open(name, **attributes)
        if text:
            # A bare carriage return would come back as a line feed.
            self._out.characters(_NO_XML.sub(" ", text).replace("\r", " "))
        self.close(name)


def _rows(path: Path, contract: Any, columns: tuple[str, ...] | None = None) -> Iterator[Any]:
    for table in iter_tables(path, contract, columns=columns):
        yield from table.to_pylist()
