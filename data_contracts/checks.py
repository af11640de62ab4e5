"""The checks of a contract: small objects that say which rows of a table break them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


class Check(Protocol):
    """Which rows break a rule, of which column and why."""

    @property
    def column(self) -> str: ...

    @property
    def reason(self) -> str: ...

    def broken(self, table: pa.Table) -> pa.ChunkedArray:
        """True where a row breaks the rule; null counts as kept."""


@dataclass(frozen=True, slots=True)
class NotNull:
    """The column has a value."""

    column: str

    @property
    def reason(self) -> str:
        return "null"

    def broken(self, table: pa.Table) -> pa.ChunkedArray:
        return pc.is_null(table[self.column])


@dataclass(frozen=True, slots=True)
class NotBlank:
    """The text holds something besides whitespace (null is for NotNull to find)."""

    column: str

    @property
    def reason(self) -> str:
        return "blank"

    def broken(self, table: pa.Table) -> pa.ChunkedArray:
        return pc.equal(pc.utf8_trim_whitespace(table[self.column]), "")


@dataclass(frozen=True, slots=True)
class OneOf:
    """The value is among `values`, or null."""

    column: str
    values: tuple[str, ...]

    def __init__(self, column: str, values: Iterable[str]) -> None:
        object.__setattr__(self, "column", column)
        object.__setattr__(self, "values", tuple(str(value) for value in values))

    @property
    def reason(self) -> str:
        return f"not one of {', '.join(self.values)}"

    def broken(self, table: pa.Table) -> pa.ChunkedArray:
        column = table[self.column]
        known = pc.is_in(column, value_set=pa.array(self.values, column.type))
        return pc.and_(pc.is_valid(column), pc.invert(known))


@dataclass(frozen=True, slots=True)
class InRange:
    """`low` <= value <= `high`; NaN is outside, null is kept."""

    column: str
    low: float | None = None
    high: float | None = None

    @property
    def reason(self) -> str:
        low = "" if self.low is None else f"{self.low:g} <= "
        high = "" if self.high is None else f" <= {self.high:g}"
        return f"not {low}value{high}"

    def broken(self, table: pa.Table) -> pa.ChunkedArray:
        # Inverted comparisons, because every comparison with NaN is false.
        column, inside = table[self.column], pa.scalar(True)
        if self.low is not None:
            inside = pc.and_(inside, pc.greater_equal(column, self.low))
        if self.high is not None:
            inside = pc.and_(inside, pc.less_equal(column, self.high))
        return pc.invert(inside)


@dataclass(frozen=True, slots=True)
class Positive:
    """The value is above zero."""

    column: str

    @property
    def reason(self) -> str:
        return "not above 0"

    def broken(self, table: pa.Table) -> pa.ChunkedArray:
        return pc.invert(pc.greater(table[self.column], 0))


@dataclass(frozen=True, slots=True)
class Ordered:
    """The value of `first` is at most that of `column`."""

    first: str
    column: str

    @property
    def reason(self) -> str:
        return f"less than {self.first}"

    def broken(self, table: pa.Table) -> pa.ChunkedArray:
        return pc.greater(table[self.first], table[self.column])


@dataclass(frozen=True, slots=True)
class SameLength:
    """The lists of `first` and `column` are equally long."""

    first: str
    column: str

    @property
    def reason(self) -> str:
        return f"not as long as {self.first}"

    def broken(self, table: pa.Table) -> pa.ChunkedArray:
        first = pc.list_value_length(table[self.first])
        return pc.not_equal(first, pc.list_value_length(table[self.column]))


@dataclass(frozen=True, slots=True)
class EitherNull:
    """Exactly one of `first` and `column` has a value."""

    first: str
    column: str

    @property
    def reason(self) -> str:
        return f"not exactly one of {self.first} and {self.column} has a value"

    def broken(self, table: pa.Table) -> pa.ChunkedArray:
        return pc.equal(pc.is_null(table[self.first]), pc.is_null(table[self.column]))


@dataclass(frozen=True, slots=True)
class Matches:
    """The text matches the regular expression (RE2) from start to end, or is null."""

    column: str
    pattern: str

    @property
    def reason(self) -> str:
        return f"does not match {self.pattern}"

    def broken(self, table: pa.Table) -> pa.ChunkedArray:
        anchored = rf"\A(?:{self.pattern})\z"
        return pc.invert(pc.match_substring_regex(table[self.column], anchored))


@dataclass(frozen=True, slots=True)
class UniqueKey:
    """No earlier row of the table has the same values in `columns`."""

    columns: tuple[str, ...]

    @property
    def column(self) -> str:
        return self.columns[0]

    @property
    def reason(self) -> str:
        return f"repeats the key {', '.join(self.columns)}"

    def broken(self, table: pa.Table) -> pa.ChunkedArray:
        rows = pa.array(np.arange(table.num_rows))
        keyed = table.select(self.columns).append_column("__row", rows)
        firsts = keyed.group_by(list(self.columns)).aggregate([("__row", "min")])["__row_min"]
        return pc.invert(pc.is_in(rows, value_set=firsts.combine_chunks()))
