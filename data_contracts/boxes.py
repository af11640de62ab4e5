"""The table of boxes: where in an image a finding is seen."""

from __future__ import annotations

import pyarrow as pa

from .checks import InRange, NotBlank, Positive
from .contract import Contract, column, schema_of

BOXES = Contract(
    name="boxes",
    version=1,
    schema=schema_of(
        column("image_id", pa.string(), "The image"),
        column("finding", pa.string(), "The finding, by its NIH name"),
        column("x", pa.float64(), "Left edge, in pixels of the original image"),
        column("y", pa.float64(), "Upper edge, in pixels of the original image"),
        column("w", pa.float64(), "Width in pixels of the original image"),
        column("h", pa.float64(), "Height in pixels of the original image"),
        column("score", pa.float64(), "How sure the model is; null if drawn", nullable=True),
        column("source", pa.string(), "Annotator or checkpoint", nullable=True),
    ),
    key=("image_id", "finding"),
    checks=(
        NotBlank("image_id"),
        NotBlank("finding"),
        InRange("x", low=0),
        InRange("y", low=0),
        Positive("w"),
        Positive("h"),
    ),
)
