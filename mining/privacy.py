"""What is kept of the words of reports, and in which tables."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Privacy:
    """What is kept of the words of reports."""

    text: bool = True  # published tables hold texts; false: offsets and hashes only


OPEN = Privacy()
