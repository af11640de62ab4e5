"""Reports from JSON Lines files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from .encoding import byte_lines, decode, open_bytes
from .mapping import ColumnMapping, MappingError
from .rows import MAX_RECORD_BYTES, Batch, Layout, RawReject, Reason, Row, batched, broken_off

_HEADER_LINES = 100


def read_jsonl(path: Path, mapping: ColumnMapping, notes: Counter[str]) -> Iterator[Batch]:
    """The objects of a JSON Lines file (.gz too), one per line, read as a stream.

    The columns are the keys of the first hundred lines. What is no JSON object, or holds a list
    or an object where a value belongs, is a reject. MappingError when the columns cannot be told.
    """
    with broken_off(path), open_bytes(path) as file:
        objects = _objects(byte_lines(file), notes)
        head = [item for _, item in zip(range(_HEADER_LINES), objects, strict=False)]
        if head:
            layout = _layout(head, mapping, path)
            yield from batched(_rows(chain(head, objects), layout), layout, path.name)


def read_lines(
    lines: Iterator[bytes], before: int, layout: Layout, name: str, notes: Counter[str]
) -> Iterator[Batch]:
    """The objects of some lines of the file of this name, after as many that were not blank."""
    yield from batched(_rows(_objects(lines, notes, before), layout), layout, name)


def jsonl_layout(path: Path, mapping: ColumnMapping) -> Layout | None:
    """Where the columns of reports are found in the file; None when it is empty.

    Errors: as for `read_jsonl`.
    """
    with broken_off(path), open_bytes(path) as file:
        objects = _objects(byte_lines(file), Counter())
        head = [item for _, item in zip(range(_HEADER_LINES), objects, strict=False)]
        return _layout(head, mapping, path) if head else None


def _layout(
    head: list[tuple[str, dict[str, Any] | RawReject]], mapping: ColumnMapping, path: Path
) -> Layout:
    keys = dict.fromkeys(key for _, item in head if isinstance(item, dict) for key in item)
    if not keys:
        raise MappingError(path, "no JSON object in its first lines", [])
    return mapping.layout(list(keys), path)


def _objects(
    lines: Iterator[bytes], notes: Counter[str], number: int = 0
) -> Iterator[tuple[str, dict[str, Any] | RawReject]]:
    """Place and object of each line that is not blank, or why there is none."""
    for raw in lines:
        if raw.isspace():
            continue
        number += 1
        place = f"row {number}"
        if len(raw) >= MAX_RECORD_BYTES:
            yield place, RawReject.of(place, Reason.TOO_LONG, None, raw)
            _skip_line(lines, raw)
            continue
        text = decode(raw, notes)
        if text is None:
            yield place, RawReject.of(place, Reason.UNDECODABLE, None, raw)
            continue
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        bad = not isinstance(value, dict)
        yield place, RawReject.of(place, Reason.BAD_ROW, None, raw) if bad else value


def _skip_line(lines: Iterator[bytes], raw: bytes) -> None:
    """Reads on to the end of a line that came in pieces."""
    while not raw.endswith(b"\n"):
        raw = next(lines, b"\n")


def _rows(
    objects: Iterator[tuple[str, dict[str, Any] | RawReject]], layout: Layout
) -> Iterator[Row | RawReject]:
    for place, item in objects:
        if isinstance(item, RawReject):
            yield item
            continue
        values = [item.get(name) for name in layout.needed]
        nested = [name for name in layout.needed if isinstance(item.get(name), dict | list)]
        if nested:
            yield RawReject(place, nested[0], Reason.BAD_ROW)
        elif (broken := next((v for v in values if not _encodable(v)), None)) is not None:
            yield RawReject.of(place, Reason.UNDECODABLE, None, broken)
        else:
            yield Row(place, [v if v is None or isinstance(v, str) else str(v) for v in values])


def _encodable(value: Any) -> bool:
    """False for text with half a surrogate pair, which JSON can write and UTF-8 cannot."""
    if not isinstance(value, str) or value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
