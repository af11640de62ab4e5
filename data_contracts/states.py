"""The words that columns may hold: verdicts, temporality, experiencer, report status."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """What a report says of a finding it mentions; `unparsed`: it could not be judged."""

    PRESENT = "present"
    ABSENT = "absent"
    UNCERTAIN = "uncertain"
    UNPARSED = "unparsed"


class Temporality(StrEnum):
    """When the mentioned finding is or was: hypothetical also covers what might come."""

    CURRENT = "current"
    PAST = "past"
    HYPOTHETICAL = "hypothetical"


class Experiencer(StrEnum):
    """Who has the mentioned finding."""

    PATIENT = "patient"
    OTHER = "other"


class ReportStatus(StrEnum):
    """How far a version of a report has come."""

    PRELIMINARY = "preliminary"
    FINAL = "final"
    AMENDED = "amended"
    CANCELLED = "cancelled"
