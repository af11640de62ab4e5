"""The table of predictions: a model's score for each image and finding."""

from __future__ import annotations

import pyarrow as pa

from .checks import InRange, NotBlank, UniqueKey
from .contract import Contract, column, schema_of

PREDICTIONS = Contract(
    name="predictions",
    version=1,
    schema=schema_of(
        column("image_id", pa.string(), "The image"),
        column("finding", pa.string(), "The finding, by its NIH name"),
        column("score", pa.float64(), "Probability of the finding, 0 to 1"),
        column("checkpoint_id", pa.string(), "The checkpoint that gave the score"),
    ),
    key=("image_id", "finding", "checkpoint_id"),
    checks=(
        NotBlank("image_id"),
        NotBlank("finding"),
        InRange("score", low=0, high=1),
        UniqueKey(("image_id", "finding", "checkpoint_id")),
    ),
)
