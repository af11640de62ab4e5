"""Which column of a source holds the report's id, text and the rest."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from .rows import Layout, SourceError

# The first alias that a source has wins; compared without case, spaces, "_", "-" and ".".
_ALIASES: dict[str, tuple[str, ...]] = {
    "report_id": (
        "reportid", "reportno", "reportnumber", "noteid", "documentid", "docid", "id", "uid",
        "accession", "accessionnumber", "accessionno", "accessionid", "acc", "studyid",
        "studyuid", "studyinstanceuid", "examid",
    ),
    "text": (
        "text", "reporttext", "report", "reportbody", "body", "notetext", "note", "narrative",
        "fulltext", "content",
    ),
    "version": ("version", "reportversion", "versionnumber", "revision"),
    "status": ("status", "reportstatus", "resultstatus"),
    "study_id": (
        "studyid", "accession", "accessionnumber", "accessionno", "accessionid", "acc",
        "studyuid", "studyinstanceuid", "examid",
    ),
    "patient_id": ("patientid", "subjectid", "mrn", "patient"),
    "received_at": ("receivedat", "received", "reportdatetime", "reportdate", "charttime"),
    "procedure_code": ("procedurecode", "examcode", "procedure"),
    "modality": ("modality", "modalities", "modalitiesinstudy"),
    "body_part": ("bodypart", "bodypartexamined", "bodysite"),
    "language": ("language", "lang"),
    "source": ("source", "sourcesystem"),
}  # fmt: skip
# Read as text when there is no column with the whole report.
_SECTION_COLUMNS = ("findings", "impression")


# What may be the name of a column. A file without a header would show a report otherwise.
_NAME = re.compile(r"(?=.{0,40}\Z)([^\W\d][\w:#()/-]*([. ]{1,2}[\w(#][\w:#()/-]*){0,3})?")


class MappingError(SourceError):
    """The columns of a source cannot be told apart; `columns` are those it has."""

    def __init__(self, source: str | Path, found: str, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        super().__init__(
            source,
            f"{found}; {_told(self.columns)}",
            "Name them, e.g. --map report_id=ACCESSION,text=REPORT "
            "(text=FINDINGS+IMPRESSION joins columns, version= leaves one out).",
        )


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Names of a source's columns by column of reports: None = detect, "" = leave out.

    `text` may name several columns with "+" between them: they become sections of one text.
    """

    report_id: str | None = None
    text: str | None = None
    version: str | None = None
    status: str | None = None
    study_id: str | None = None
    patient_id: str | None = None
    received_at: str | None = None
    procedure_code: str | None = None
    modality: str | None = None
    body_part: str | None = None
    language: str | None = None
    source: str | None = None

    @classmethod
    def from_dict(cls, names: Mapping[str, str]) -> ColumnMapping:
        """The mapping with these names. ValueError for what is no column of reports.

        >>> ColumnMapping.from_dict({"text": "REPORT"}).text
        'REPORT'
        """
        known = [item.name for item in fields(cls)]
        for name in names:
            if name not in known:
                raise ValueError(
                    f"column mapping: found {name!r}, expected one of {', '.join(known)}. "
                    "Write report_id=ACCESSION,text=REPORT."
                )
        return cls(**names)

    @classmethod
    def parse(cls, text: str) -> ColumnMapping:
        """The mapping written as on the command line. ValueError when it cannot be read.

        >>> ColumnMapping.parse("report_id=ACC,text=REPORT").report_id
        'ACC'
        """
        pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
        for left, sign, _ in pairs:
            if not sign:
                raise ValueError(
                    f"column mapping: found {left.strip()!r}, expected column=NAME. "
                    "Write report_id=ACCESSION,text=REPORT."
                )
        return cls.from_dict({left.strip(): right.strip() for left, _, right in pairs})

    def layout(self, columns: Sequence[str], source: str | Path) -> Layout:
        """Where each column of reports is found in a source with these columns.

        MappingError when a named column is missing or occurs twice, or when id or text is found
        nowhere.
        """
        pairs: list[tuple[str, tuple[str, ...]]] = []
        for item in fields(self):
            given: str | None = getattr(self, item.name)
            names = self._named(given, columns) if given is not None else ()
            if given is None:
                names = _detect(item.name, columns)
            for name in names:
                if columns.count(name) != 1:
                    found = "two columns" if name in columns else "no column"
                    raise MappingError(source, f"{found} {name!r} for {item.name}", columns)
            if names:
                pairs.append((item.name, names))
            elif item.name in ("report_id", "text"):
                raise MappingError(source, f"no column for {item.name}", columns)
        return Layout(tuple(pairs))

    @staticmethod
    def _named(given: str, columns: Sequence[str]) -> tuple[str, ...]:
        """The named columns, in the source's own spelling when only the case differs."""
        names = [given] if given in columns else [name for name in given.split("+") if name]
        return tuple(_spelling(name.strip(), columns) for name in names)


def _told(columns: Sequence[str]) -> str:
    """What the columns are called; of a first line that is a report, nothing but its fields' count.

    >>> _told(["ACC NO", "body"]), _told(["R1", "No mass is seen."])
    ('its columns are ACC NO, body', 'its first line has 2 fields, which are no names of columns')
    """
    if all(_NAME.fullmatch(name) for name in columns):
        return f"its columns are {', '.join(columns) or '(none)'}"
    return f"its first line has {len(columns):,} fields, which are no names of columns"


def _spelling(name: str, columns: Sequence[str]) -> str:
    alike = [column for column in columns if column.lower() == name.lower()]
    return alike[0] if name not in columns and len(alike) == 1 else name


def _plain(name: str) -> str:
    return re.sub(r"[\s_.\-]+", "", name).lower()


def _detect(target: str, columns: Sequence[str]) -> tuple[str, ...]:
    by_plain = {_plain(name): name for name in reversed(columns)}
    for alias in _ALIASES[target]:
        if alias in by_plain:
            return (by_plain[alias],)
    if target == "text":
        return tuple(by_plain[name] for name in _SECTION_COLUMNS if name in by_plain)
    return ()
