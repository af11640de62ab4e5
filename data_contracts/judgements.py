"""The table of judgements: what each distinct sentence says, before it is joined to reports."""

from __future__ import annotations

import pyarrow as pa

from .checks import InRange, Matches, OneOf, SameLength
from .contract import Contract, column, schema_of
from .mentions import MENTIONS
from .sentences import SENTENCE_ID_PATTERN
from .states import Experiencer, Temporality, Verdict

_OF_MENTIONS = (
    "start", "end", "text", "finding", "cui", "concept_form", "concept_source", "similarity",
    "verdict", "certainty", "temporality", "experiencer", "rule_id", "cue_starts", "cue_ends",
)  # fmt: skip


def _column(name: str) -> pa.Field:
    field = MENTIONS.schema.field(name)
    meaning = MENTIONS.meaning(name).replace("into the report", "into the sentence")
    return column(name, field.type, meaning, nullable=True)


JUDGEMENTS = Contract(
    name="judgements",
    version=1,
    schema=schema_of(
        column("sentence_id", pa.string(), "The distinct sentence; ascending"),
        *map(_column, _OF_MENTIONS),
    ),
    # A sentence without a mention has one row whose other columns are null: it has been read.
    key=("sentence_id", "finding", "start", "end"),
    checks=(
        Matches("sentence_id", SENTENCE_ID_PATTERN),
        InRange("similarity", low=0, high=1),
        OneOf("verdict", Verdict),
        InRange("certainty", low=0, high=1),
        OneOf("temporality", Temporality),
        OneOf("experiencer", Experiencer),
        SameLength("cue_starts", "cue_ends"),
    ),
)
