"""Times out of the ways in which reports carry them."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

_TYPE = pa.timestamp("us", tz="UTC")


def parse_times(texts: pa.Array) -> pa.Array:
    """The times as microseconds in UTC; null where a text is no ISO 8601, HL7 or DICOM time.

    What begins with a day or a month is ambiguous and not guessed at. A time without a zone is
    taken as UTC.
    """
    if texts.null_count == len(texts):
        return pa.nulls(len(texts), _TYPE)
    try:
        return pc.assume_timezone(texts.cast(pa.timestamp("us")), "UTC")
    except pa.ArrowInvalid:
        times = [None if text is None else parse_time(text) for text in texts.to_pylist()]
        return pa.array(times, _TYPE)


def parse_time(text: str) -> datetime | None:
    """The time in UTC, or None.

    >>> parse_time("20240102101500").isoformat()
    '2024-01-02T10:15:00+00:00'
    >>> parse_time("01/02/2024") is None
    True
    """
    time = _read(text)
    if time is None:
        return None
    try:
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except OverflowError:
        return None


def _read(text: str) -> datetime | None:
    # HL7 and DICOM leave out the T between date and time.
    if text[:12].isdigit() and len(text) >= 12:
        text = f"{text[:8]}T{text[8:]}"
    elif text.isdigit() and len(text) != 8:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
