"""The table of sentences: where in which report each sentence stands."""

from __future__ import annotations

import pyarrow as pa

from .checks import InRange, Matches, NotBlank, Ordered, UniqueKey
from .contract import Contract, column, schema_of

SENTENCE_ID_PATTERN = "[0-9a-f]{32}"

SENTENCES = Contract(
    name="sentences",
    version=1,
    schema=schema_of(
        column("report_id", pa.string(), "The report it stands in"),
        column("section", pa.string(), 'Section it stands in; "" = under no header'),
        column("sentence_index", pa.int32(), "Its number within the report, from 0"),
        column("start", pa.int32(), "First character, as an offset into the report"),
        column("end", pa.int32(), "One past its last character"),
        column("sentence_id", pa.string(), "Content hash: 32 hex digits of blake2b-16"),
    ),
    key=("report_id", "start"),
    checks=(
        NotBlank("report_id"),
        InRange("sentence_index", low=0),
        InRange("start", low=0),
        Ordered("start", "end"),
        Matches("sentence_id", SENTENCE_ID_PATTERN),
        UniqueKey(("report_id", "start")),
    ),
)
