"""What a table is: its columns and their meaning, its key, and the rows it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from .checks import Check


class ContractError(ValueError):
    """A table breaks its contract: where, what was found, what was expected, what to do."""

    def __init__(
        self,
        *,
        where: str | Path,
        column: str | None,
        found: str,
        expected: str,
        to_do: str = "Write the table again with this version of cxrmine.",
    ) -> None:
        self.where, self.column = str(where), column
        self.found, self.expected, self.to_do = found, expected, to_do
        place = f"{where}" if column is None else f"{where}: column {column}"
        super().__init__(f"{place}: found {found}, expected {expected}. {to_do}")


@dataclass(frozen=True)
class Contract:
    """A kind of table. Every field of `schema` carries its "meaning" as metadata.

    `version` rises when a column changes its name, type or meaning.
    """

    name: str
    version: int
    schema: pa.Schema
    key: tuple[str, ...]
    checks: tuple[Check, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(self.schema.names)

    def meaning(self, column: str) -> str:
        """What the column holds, in words."""
        metadata = self.schema.field(column).metadata
        return str(metadata[b"meaning"].decode())

    def empty(self) -> pa.Table:
        """A table without rows."""
        table: pa.Table = self.schema.empty_table()
        return table


def column(name: str, kind: pa.DataType, meaning: str, *, nullable: bool = False) -> pa.Field:
    """A column of a contract."""
    return pa.field(name, kind, nullable=nullable, metadata={"meaning": meaning})


def schema_of(*fields: pa.Field) -> pa.Schema:
    """The schema of these columns."""
    return pa.schema(list(fields))


def conform(
    table: pa.Table | pa.RecordBatch, contract: Contract, *, where: str | Path = "table"
) -> pa.Table:
    """The table under exactly the contract's schema: its columns, order, types and metadata.

    Columns may come in any order; the rows are not looked at. ContractError for a missing,
    surplus or differently typed column.
    """
    if isinstance(table, pa.RecordBatch):
        table = pa.Table.from_batches([table])
    surplus = [name for name in table.column_names if name not in contract.schema.names]
    if surplus:
        raise ContractError(
            where=where,
            column=surplus[0],
            found="a column the contract does not know",
            expected=f"the columns of {contract.name}: {', '.join(contract.columns)}",
            to_do="Leave it out or add it to the contract.",
        )
    check_schema(table.schema, contract, where=where)
    arrays = [_cast(table[field.name], field.type) for field in contract.schema]
    return pa.Table.from_arrays(arrays, schema=contract.schema)


def check_schema(
    schema: pa.Schema,
    contract: Contract,
    *,
    where: str | Path,
    columns: Sequence[str] | None = None,
) -> None:
    """Nothing, if the schema has the contract's columns (or those named) with their types.

    ContractError for the first that is missing or of another type.
    """
    for name in contract.columns if columns is None else columns:
        if name not in contract.schema.names:
            raise ContractError(
                where=where,
                column=name,
                found="a request for it",
                expected=f"one of {', '.join(contract.columns)}",
                to_do="Ask for a column of the contract.",
            )
        expected = contract.schema.field(name)
        index = schema.get_field_index(name)
        if index < 0:
            raise ContractError(
                where=where,
                column=name,
                found="no such column" if name not in schema.names else "two of that name",
                expected=f"{expected.type} ({contract.meaning(name)})",
            )
        if not _fits(schema.field(index).type, expected.type):
            raise ContractError(
                where=where,
                column=name,
                found=str(schema.field(index).type),
                expected=str(expected.type),
            )


def check_nulls(table: pa.Table, contract: Contract, *, where: str | Path) -> None:
    """Nothing, if no column that needs a value lacks one. ContractError otherwise."""
    for name, values in zip(table.column_names, table.columns, strict=True):
        if values.null_count and not contract.schema.field(name).nullable:
            raise ContractError(
                where=where,
                column=name,
                found=f"{values.null_count} nulls",
                expected="a value in every row",
                to_do="Send the table through check_rows before it is written.",
            )


def _fits(found: pa.DataType, expected: pa.DataType) -> bool:
    """True if the types differ at most in how Arrow lays the values out."""
    if pa.types.is_dictionary(found):
        found = found.value_type
    if found == expected or pa.types.is_null(found):
        return True
    if pa.types.is_string(expected):
        return bool(pa.types.is_large_string(found))
    if pa.types.is_list(expected) and (pa.types.is_list(found) or pa.types.is_large_list(found)):
        return _fits(found.value_type, expected.value_type)
    return False


def _cast(array: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    return array if array.type == kind else array.cast(kind)
