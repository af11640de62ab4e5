"""The table of images, joined to reports by study."""

from __future__ import annotations

import pyarrow as pa

from .checks import Matches, NotBlank, Positive, UniqueKey
from .contract import Contract, column, schema_of

IMAGES = Contract(
    name="images",
    version=1,
    schema=schema_of(
        column("image_id", pa.string(), "Identifier of the image"),
        column("study_id", pa.string(), "Study it belongs to", nullable=True),
        column("patient_id", pa.string(), "Patient; serves splits only", nullable=True),
        column("path", pa.string(), "Path or URI of the file"),
        column("width", pa.int32(), "Width in pixels", nullable=True),
        column("height", pa.int32(), "Height in pixels", nullable=True),
        column("view", pa.string(), "View, e.g. PA, AP, LATERAL", nullable=True),
        column("split", pa.string(), "Split, e.g. train, val, test", nullable=True),
        column("sha256", pa.string(), "SHA-256 of the file", nullable=True),
    ),
    key=("image_id",),
    checks=(
        NotBlank("image_id"),
        NotBlank("path"),
        Positive("width"),
        Positive("height"),
        Matches("sha256", "[0-9a-f]{64}"),
        UniqueKey(("image_id",)),
    ),
)
