"""The table of distinct sentences: every text that occurs, once."""

from __future__ import annotations

import pyarrow as pa

from .checks import Matches, NotBlank, Positive, UniqueKey
from .contract import Contract, column, schema_of
from .sentences import SENTENCE_ID_PATTERN

DISTINCT_SENTENCES = Contract(
    name="distinct_sentences",
    version=1,
    schema=schema_of(
        column("sentence_id", pa.string(), "Content hash of the text and of its abbreviations"),
        column("text", pa.string(), "The sentence, every whitespace character a space"),
        column("count", pa.int64(), "How often it occurs in the reports"),
        column(
            "abbreviations",
            pa.list_(pa.string()),
            "Those that the report has defined before, as ABC=long form",
            nullable=True,
        ),
    ),
    key=("sentence_id",),
    checks=(
        Matches("sentence_id", SENTENCE_ID_PATTERN),
        NotBlank("text"),
        Positive("count"),
        UniqueKey(("sentence_id",)),
    ),
)
