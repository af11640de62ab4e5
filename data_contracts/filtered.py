"""The table of filtered reports: those that are left out on purpose, each with the reason."""

from __future__ import annotations

import pyarrow as pa

from .checks import NotBlank
from .contract import Contract, column, schema_of

FILTERED = Contract(
    name="filtered",
    version=1,
    schema=schema_of(
        column("report_id", pa.string(), "Identifier of the report"),
        column(
            "column",
            pa.string(),
            "What decided: status, modality, procedure_code, body_part or language",
        ),
        column("reason", pa.string(), "Why it is left out, e.g. cancelled, or modality: CT"),
    ),
    key=(),  # a report that was withdrawn twice is counted twice
    checks=(NotBlank("report_id"),),
)
