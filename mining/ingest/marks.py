"""Watermarks: how far a source has been read, as a number or a time that only grows.

A mark is what stands in the watched column of a row, or when a file was last changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from .times import parse_time

Mark = int | datetime | date | str
FILES = "modified"  # the name of the watermark of files

_OVERLAP = re.compile(r"(\d{1,12})\s*([mhdw]?)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LARGEST = 1 << 62
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)  # no clock is more wrong than that, and no time zone further away
_FORMS: tuple[Callable[[datetime], str], ...] = (
    lambda t: t.isoformat(" ", "seconds"),
    lambda t: t.isoformat("T", "seconds"),
    lambda t: t.isoformat(" ", "microseconds"),
    lambda t: t.isoformat("T", "microseconds"),
    lambda t: t.isoformat(" ", "milliseconds"),
    lambda t: t.isoformat("T", "milliseconds"),
    lambda t: t.isoformat("T", "seconds").replace("+00:00", "Z"),
    lambda t: f"{t:%Y-%m-%d}",
    lambda t: f"{t:%Y%m%d%H%M%S}",
    lambda t: f"{t:%Y%m%d}",
)


class MarkError(ValueError):
    """A watermark that cannot be used: what was `found`, what was `expected`."""

    def __init__(self, found: str, expected: str) -> None:
        self.found, self.expected = found, expected
        super().__init__(f"watermark: found {found}, expected {expected}")


@dataclass(frozen=True)
class Watermark:
    """What is watched (a column of the query, or "modified" for files), and what is read again.

    `overlap` is a time as 2h, or a number of the column's; `from_start` forgets what was read.
    Raises MarkError.
    """

    column: str = ""
    overlap: str = ""
    from_start: bool = False

    def __post_init__(self) -> None:
        if self.overlap and not _OVERLAP.fullmatch(self.overlap.strip()):
            raise MarkError(f"overlap {self.overlap!r}", "a time as 30m, 2h, 3d, or a whole number")
        if not self.column and (self.overlap or self.from_start):
            raise MarkError("an overlap or from-start without watermark", "a column to watch")

    def since(self, mark: Mark | None) -> Mark | None:
        """From where reading begins again after this mark; None from the start. Errors: MarkError.

        >>> Watermark("updated", "2h").since("2026-01-02 01:00:00")
        '2026-01-01 23:00:00'
        >>> Watermark("number", "10").since(105)
        95
        """
        found = _OVERLAP.fullmatch(self.overlap.strip())
        if mark is None or found is None:
            return mark
        if isinstance(mark, int):
            if found[2]:
                raise MarkError(f"overlap {self.overlap!r}", "a whole number, as the column has")
            return mark - int(found[1])
        if not found[2]:
            raise MarkError(f"overlap {self.overlap!r}", "a time as 30m or 2h, as the column has")
        return _before(mark, timedelta(**{_UNITS[found[2]]: int(found[1])}))


NO_WATERMARK = Watermark()


def as_mark(value: Any) -> Mark | None:
    """The value of a watched column as a mark; None for none.

    Errors: MarkError for what is neither a whole number nor a time; it does not show the value.
    """
    if isinstance(value, Decimal) and value.is_finite() and value == int(value):
        value = int(value)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST:
        return value
    if isinstance(value, datetime | date):
        return value
    if isinstance(value, str) and len(value) <= 40 and parse_time(value) is not None:
        return value
    raise MarkError(f"a {type(value).__name__} in the column", "whole numbers or times")


def order(mark: Mark) -> int:
    """A number that is larger for a later mark: the number itself, or microseconds since 1970.

    >>> order("2026-01-02T10:00:00") < order("2026-01-02 10:00:01")
    True
    """
    if isinstance(mark, int):
        return mark
    return (_instant(mark) - _EPOCH) // timedelta(microseconds=1)


def is_ahead(mark: Mark, now: datetime) -> bool:
    """Whether it is a time that has not come yet: a slip of a clock or of a pen."""
    return not isinstance(mark, int) and _instant(mark) > now + _AHEAD


def mark_to_json(mark: Mark | None) -> dict[str, str | int] | None:
    """The mark with its kind."""
    if mark is None:
        return None
    if isinstance(mark, int | str):
        return {"kind": type(mark).__name__, "value": mark}
    kind = "datetime" if isinstance(mark, datetime) else "date"
    return {"kind": kind, "value": mark.isoformat()}


def mark_from_json(told: dict[str, Any] | None) -> Mark | None:
    """What `mark_to_json` has told.

    >>> mark_from_json(mark_to_json(date(2026, 1, 2)))
    datetime.date(2026, 1, 2)
    """
    if told is None:
        return None
    kinds: dict[str, Callable[[Any], Mark]] = {
        "int": int, "str": str, "date": date.fromisoformat, "datetime": datetime.fromisoformat,
    }  # fmt: skip
    return kinds[told["kind"]](told["value"])


def shown_mark(mark: Mark | None) -> str:
    """The mark for people.

    >>> shown_mark(None), shown_mark(7)
    ('the start', '7')
    """
    if mark is None:
        return "the start"
    return str(mark) if isinstance(mark, int | str) else mark.isoformat()


def _instant(mark: datetime | date | str) -> datetime:
    if isinstance(mark, str):
        found = parse_time(mark)
        assert found is not None  # as_mark lets no other in
        return found
    if not isinstance(mark, datetime):
        mark = datetime.combine(mark, time())
    return mark.replace(tzinfo=UTC) if mark.tzinfo is None else mark


def _before(mark: datetime | date | str, span: timedelta) -> Mark:
    if isinstance(mark, datetime):
        return mark - span
    if isinstance(mark, date):
        return (datetime.combine(mark, time()) - span).date()
    try:
        read = datetime.fromisoformat(mark)
    except ValueError:
        read = _instant(mark)
    for form in _FORMS:
        if form(read) == mark:  # the database compares texts: the same form, or nonsense
            return form(read - span)
    raise MarkError("times in a form of their own", "ISO 8601, or a column of a type of times")
