"""Reading a source in one go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mining.ingest import RawReject, RawReport, read_source


@pytest.fixture
def read() -> Callable[..., tuple[list[RawReport], list[RawReject]]]:
    """Reads a source and gives its reports and its rejects."""

    def split(source: str | Path, **options: Any) -> tuple[list[RawReport], list[RawReject]]:
        rows = list(read_source(source, **options))
        reports = [row for row in rows if isinstance(row, RawReport)]
        return reports, [row for row in rows if isinstance(row, RawReject)]

    return split
