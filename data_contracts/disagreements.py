"""The table of disagreements: what several configurations say of a sentence, and who is right."""

from __future__ import annotations

import pyarrow as pa

from .checks import InRange, NotBlank, OneOf, Ordered, UniqueKey
from .contract import Contract, column, schema_of
from .flips import NOT_MENTIONED
from .states import Verdict

_TEXTS = pa.list_(pa.string())
_KEY = ("report_id", "finding", "start", "configuration")

DISAGREEMENTS = Contract(
    name="disagreements",
    version=1,
    schema=schema_of(
        column("report_id", pa.string(), "The report"),
        column("finding", pa.string(), "The finding that the configurations label differently"),
        column("section", pa.string(), 'Section of the sentence; "" = under no header'),
        column(
            "start", pa.int32(), "First character of the sentence, as an offset into the report"
        ),
        column("end", pa.int32(), "One past its last character"),
        column("sentence", pa.string(), "The sentence as written"),
        column("configuration", pa.string(), "Who says it"),
        column("mentions", _TEXTS, "Its mentions of the finding here; empty: it finds none"),
        column("verdicts", _TEXTS, "What it says of each"),
        column("rules", _TEXTS, "By which rule"),
        column("state", pa.string(), "Its label of the report, or not_mentioned"),
        column("gold", pa.bool_(), "The finding is there; null = not asked", nullable=True),
        column("right", pa.bool_(), "Its label agrees with the gold", nullable=True),
    ),
    key=_KEY,
    checks=(
        NotBlank("report_id"),
        NotBlank("finding"),
        NotBlank("configuration"),
        InRange("start", low=0),
        Ordered("start", "end"),
        OneOf("state", (*Verdict, NOT_MENTIONED)),
        UniqueKey(_KEY),
    ),
)
