"""Images that were refused: one row of the rejects table each, with the reason."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from data_contracts import REJECTS, fingerprint

Reject = dict[str, Any]


def reject(stage: str, key: str, column: str | None, reason: str, value: Any = None) -> Reject:
    """A row of the rejects table for an image; of `value` only length and hash are kept.

    >>> reject("scan", "a.png", "path", "missing file")["reason"]
    'missing file'
    """
    length, digest = fingerprint(value)
    return {
        "stage": stage,
        "table": "images",
        "key": key,
        "column": column,
        "reason": reason,
        "value_length": length,
        "value_sha256": digest,
    }


def reject_table(rows: Iterable[Reject]) -> pa.Table:
    """The rows as a table under the contract of rejects."""
    return pa.Table.from_pylist(list(rows), schema=REJECTS.schema)
