"""What is kept of the words of reports, and in which tables."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Privacy:
    """What is kept of the words of reports."""

    deidentify: bool = False  # dates, names and numbers are masked before anything is stored
    names: str = ""  # with it, a spaCy model that knows persons, for names without a title
    text: bool = True  # published tables hold texts; false: offsets and hashes only


OPEN = Privacy()
