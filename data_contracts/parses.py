"""The table of parses: the dependency tree of a distinct sentence, or why there is none."""

from __future__ import annotations

import pyarrow as pa

from .checks import EitherNull, Matches, SameLength, UniqueKey
from .contract import Contract, column, schema_of
from .sentences import SENTENCE_ID_PATTERN

_OFFSETS = pa.list_(pa.int32())

PARSES = Contract(
    name="parses",
    version=1,
    schema=schema_of(
        column("sentence_id", pa.string(), "The distinct sentence"),
        column("starts", _OFFSETS, "First character of each token in the sentence", nullable=True),
        column("ends", _OFFSETS, "One past the last character of each token", nullable=True),
        column("heads", _OFFSETS, "Index of each token's head; its own = the root", nullable=True),
        column(
            "labels",
            pa.list_(pa.string()),
            "Universal Dependencies v2 relation of each token to its head",
            nullable=True,
        ),
        column("parser_id", pa.string(), "Parser: name, weights, version"),
        column("unparsed_reason", pa.string(), "Why there is no tree; else null", nullable=True),
    ),
    key=("sentence_id",),
    checks=(
        Matches("sentence_id", SENTENCE_ID_PATTERN),
        EitherNull("starts", "unparsed_reason"),
        EitherNull("ends", "unparsed_reason"),
        EitherNull("heads", "unparsed_reason"),
        EitherNull("labels", "unparsed_reason"),
        SameLength("starts", "ends"),
        SameLength("starts", "heads"),
        SameLength("starts", "labels"),
        UniqueKey(("sentence_id",)),
    ),
)
