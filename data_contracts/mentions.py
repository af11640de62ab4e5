"""The table of mentions: each finding a report mentions, what it says of it, and why."""

from __future__ import annotations

import pyarrow as pa

from .checks import InRange, Matches, NotBlank, OneOf, Ordered, SameLength, UniqueKey
from .contract import Contract, column, schema_of
from .sentences import SENTENCE_ID_PATTERN
from .states import Experiencer, Temporality, Verdict

_OFFSETS = pa.list_(pa.int32())
CONCEPT_SOURCES = ("phrase", "linker", "both", "umls", "abbreviation")

MENTIONS = Contract(
    name="mentions",
    version=1,
    schema=schema_of(
        column("report_id", pa.string(), "The report it stands in"),
        column("section", pa.string(), 'Section it stands in; "" = under no header'),
        column("sentence_index", pa.int32(), "Number of its sentence within the report"),
        column("sentence_id", pa.string(), "Content hash of its sentence"),
        column("start", pa.int32(), "First character, as an offset into the report"),
        column("end", pa.int32(), "One past its last character"),
        column("text", pa.string(), "The mention as written"),
        column("finding", pa.string(), "The finding, by its NIH name"),
        column("cui", pa.string(), "UMLS concept", nullable=True),
        column("concept_form", pa.string(), "How the vocabulary calls the wording", nullable=True),
        column("concept_source", pa.string(), "Who found it: a name of CONCEPT_SOURCES"),
        column("similarity", pa.float32(), "The linker's score, 0 to 1", nullable=True),
        column("verdict", pa.string(), "present, absent, uncertain or unparsed"),
        column("certainty", pa.float32(), "0 = surely not, 1 = surely", nullable=True),
        column("temporality", pa.string(), "current, past or hypothetical"),
        column("experiencer", pa.string(), "patient or other"),
        column("rule_id", pa.string(), "The rule that decided", nullable=True),
        column("cue_starts", _OFFSETS, "First character of each cue, offsets into the report"),
        column("cue_ends", _OFFSETS, "One past the last character of each cue"),
    ),
    key=("report_id", "finding", "start", "end"),
    checks=(
        NotBlank("report_id"),
        NotBlank("finding"),
        Matches("sentence_id", SENTENCE_ID_PATTERN),
        InRange("sentence_index", low=0),
        InRange("start", low=0),
        Ordered("start", "end"),
        OneOf("concept_source", CONCEPT_SOURCES),
        InRange("similarity", low=0, high=1),
        OneOf("verdict", Verdict),
        InRange("certainty", low=0, high=1),
        OneOf("temporality", Temporality),
        OneOf("experiencer", Experiencer),
        SameLength("cue_starts", "cue_ends"),
        UniqueKey(("report_id", "finding", "start", "end")),
    ),
)
