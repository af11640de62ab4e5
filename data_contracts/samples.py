"""The table of a sample: which reports were drawn to be judged, and what each stands for."""

from __future__ import annotations

import pyarrow as pa

from .checks import InRange, NotBlank, UniqueKey
from .contract import Contract, column, schema_of

SAMPLES = Contract(
    name="samples",
    version=1,
    schema=schema_of(
        column("report_id", pa.string(), "The report that was drawn"),
        column("stratum", pa.string(), "The stratum it was drawn from"),
        column("stratum_size", pa.int64(), "Reports in the stratum"),
        column("drawn", pa.int64(), "Reports drawn from the stratum"),
        column("weight", pa.float64(), "Reports that it stands for: stratum_size / drawn"),
    ),
    key=("report_id",),
    checks=(
        NotBlank("report_id"),
        NotBlank("stratum"),
        InRange("stratum_size", low=1),
        InRange("drawn", low=1),
        InRange("weight", low=1),
        UniqueKey(("report_id",)),
    ),
)
