"""The table of flips: labels that differ between two label sets of the same reports."""

from __future__ import annotations

import pyarrow as pa

from .checks import NotBlank, OneOf, UniqueKey
from .contract import Contract, column, schema_of
from .states import Verdict

NOT_MENTIONED = "not_mentioned"
_STATES = (*Verdict, NOT_MENTIONED)
_TEXTS = pa.list_(pa.string())

FLIPS = Contract(
    name="flips",
    version=1,
    schema=schema_of(
        column("report_id", pa.string(), "The report"),
        column("finding", pa.string(), "The finding whose label flipped"),
        column("before", pa.string(), "Its state in the first label set, or not_mentioned"),
        column("after", pa.string(), "Its state in the second"),
        column("rules_before", _TEXTS, "Rules that decided it before; empty: not mentioned"),
        column("rules_after", _TEXTS, "Rules that decided it after"),
        column("sentences_before", _TEXTS, "Their sentences; empty unless text was asked for"),
        column("sentences_after", _TEXTS, "Their sentences; empty unless text was asked for"),
    ),
    key=("report_id", "finding"),
    checks=(
        NotBlank("report_id"),
        NotBlank("finding"),
        OneOf("before", _STATES),
        OneOf("after", _STATES),
        UniqueKey(("report_id", "finding")),
    ),
)
