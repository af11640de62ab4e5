"""The table of gold: what a person says of a report."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from .checks import NotBlank, UniqueKey
from .contract import Contract, column, schema_of
from .findings import CHESTXRAY14, Finding, finding_names


def gold_contract(findings: Iterable[str | Finding] = CHESTXRAY14) -> Contract:
    """The contract of a gold table for these findings, in this order."""
    answers = [
        column(name, pa.bool_(), f"{name} is present; null = not asked", nullable=True)
        for name in finding_names(findings)
    ]
    return Contract(
        name="gold",
        version=1,
        schema=schema_of(
            column("report_id", pa.string(), "The report"),
            column("annotator", pa.string(), "Who judged it"),
            *answers,
            column("normal", pa.bool_(), "The report is normal; null = not asked", nullable=True),
            column("judged", pa.bool_(), "False: nobody indexed it, its answers mean nothing"),
        ),
        key=("report_id", "annotator"),
        checks=(
            NotBlank("report_id"),
            NotBlank("annotator"),
            UniqueKey(("report_id", "annotator")),
        ),
    )
