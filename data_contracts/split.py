"""A table split into the rows that keep their contract and the rejects."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .checks import Check, NotNull, UniqueKey
from .contract import Contract, conform
from .rejects import REJECTS

# A key longer than this is more likely to be a report in the wrong column than an identifier.
_LONGEST_KEY = 128


@dataclass(frozen=True)
class Checked:
    """`accepted` rows under the contract's schema, and `rejects`: one row per refused row."""

    accepted: pa.Table
    rejects: pa.Table


def check_rows(table: pa.Table, contract: Contract, *, stage: str) -> Checked:
    """The rows that keep the contract, and a reject for each other: the first check it breaks.

    Non-nullable columns are checked first, then the contract's own checks in their order.
    ContractError when the columns themselves are not those of the contract.
    """
    table = conform(table, contract, where=f"stage {stage}: table {contract.name}")
    required = [NotNull(field.name) for field in contract.schema if not field.nullable]
    intact = pa.array([True] * table.num_rows, pa.bool_())
    found: list[tuple[pa.Array, str, str]] = []
    for check in (*required, *contract.checks):
        broken = _broken(check, table, intact)
        if not pc.any(broken).as_py():
            continue
        first = pc.and_(intact, broken)
        found.append((pc.indices_nonzero(first), check.column, check.reason))
        intact = pc.and_(intact, pc.invert(broken))
    if not found:
        return Checked(table, REJECTS.empty())
    return Checked(table.filter(intact), _reject_table(table, contract, stage, found))


def fingerprint(value: Any) -> tuple[int | None, str | None]:
    """The length and the SHA-256 of a value (of text: in UTF-8), or nulls for null.

    >>> fingerprint(None), fingerprint("abc")[0]
    ((None, None), 3)
    """
    if value is None:
        return None, None
    raw = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
    length = len(value) if isinstance(value, str | bytes) else len(raw)
    return length, hashlib.sha256(raw).hexdigest()


def _broken(check: Check, table: pa.Table, intact: pa.Array) -> pa.Array:
    """True where a row breaks the check; a row refused before does not make another a repeat."""
    if not isinstance(check, UniqueKey) or pc.all(intact).as_py():
        return _mask(check.broken(table))
    rows = pc.indices_nonzero(intact)
    repeats = rows.filter(_mask(check.broken(table.take(rows))))
    return pc.is_in(pa.array(np.arange(table.num_rows), rows.type), value_set=repeats)


def _mask(broken: pa.ChunkedArray | pa.Array) -> pa.Array:
    array = broken.combine_chunks() if isinstance(broken, pa.ChunkedArray) else broken
    return pc.fill_null(array, False)


def _reject_table(
    table: pa.Table,
    contract: Contract,
    stage: str,
    found: list[tuple[pa.Array, str, str]],
) -> pa.Table:
    rows: list[tuple[int, dict[str, Any]]] = []
    for indices, column, reason in found:
        keys = table.select(contract.key).take(indices).to_pylist()
        values = table[column].take(indices).to_pylist()
        for row, key, value in zip(indices.to_pylist(), keys, values, strict=True):
            length, digest = fingerprint(value)
            reject = {
                "stage": stage,
                "table": contract.name,
                "key": _key_text(row, list(key.values())),
                "column": column,
                "reason": reason,
                "value_length": length,
                "value_sha256": digest,
            }
            rows.append((row, reject))
    rows.sort(key=lambda item: item[0])
    return pa.Table.from_pylist([reject for _, reject in rows], schema=REJECTS.schema)


def _key_text(row: int, values: list[Any]) -> str:
    if any(value is None or value == "" for value in values):
        return f"row {row}"
    text = "/".join(str(value) for value in values)
    if len(text) > _LONGEST_KEY or "\n" in text:
        return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    return text
