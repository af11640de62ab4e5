"""The table of rejects: rows that broke a contract, without a word of what they held."""

from __future__ import annotations

import pyarrow as pa

from .contract import Contract, column, schema_of

REJECTS = Contract(
    name="rejects",
    version=1,
    schema=schema_of(
        column("stage", pa.string(), "The stage that refused the row"),
        column("table", pa.string(), "The table the row was meant for"),
        column("key", pa.string(), "The row's key, or its place in the source if it has none"),
        column("column", pa.string(), "The column that broke the contract", nullable=True),
        column("reason", pa.string(), "Why the row was refused"),
        column("value_length", pa.int64(), "Length of the offending value", nullable=True),
        column("value_sha256", pa.string(), "SHA-256 of the offending value", nullable=True),
    ),
    key=("stage", "table", "key"),
)
