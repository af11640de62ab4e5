"""Reports from CSV and TSV files."""

from __future__ import annotations

import csv
import operator
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from .encoding import byte_lines, decode, open_bytes
from .mapping import ColumnMapping, MappingError
from .rows import MAX_RECORD_BYTES, Batch, Layout, RawReject, Reason, Row, SourceError, batched

_SEPARATORS = ",\t;|"


def read_delimited(path: Path, mapping: ColumnMapping, notes: Counter[str]) -> Iterator[Batch]:
    """The rows of a CSV or TSV file with a header (.gz too), read as a stream.

    Decoding is tried line by line, so that one line in another encoding costs only itself. A row
    with too few or too many fields is a reject. MappingError when the columns cannot be told.
    """
    # Process-wide in the csv module; the default of 128 KiB would refuse long reports.
    csv.field_size_limit(max(MAX_RECORD_BYTES, csv.field_size_limit()))
    try:
        with open_bytes(path) as file:
            lines = _Lines(byte_lines(file), notes)
            first = next(lines, "")
            delimiter = _delimiter(first)
            header = next(csv.reader([first], delimiter=delimiter), [])
            if lines.undecodable or not header:
                raise MappingError(path, "no header line", [])
            layout = mapping.layout([name.strip() for name in header], path)
            rows = csv.reader(lines, delimiter=delimiter)
            yield from batched(_rows(rows, lines, header, layout), layout, path.name)
    except (EOFError, zlib.error, OSError) as error:
        raise SourceError(
            path, f"cannot be read to its end ({type(error).__name__})", "Fetch the file again."
        ) from error


class _Lines:
    """Decoded lines for the csv module; says whether one since the last look was undecodable."""

    def __init__(self, lines: Iterator[bytes], notes: Counter[str]) -> None:
        self._lines, self._notes, self.undecodable = lines, notes, False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        raw = next(self._lines)
        try:
            return raw.decode()
        except UnicodeDecodeError:
            text = decode(raw, self._notes)
        if text is None:
            self.undecodable = True
            return raw.decode("utf-8", "replace")
        return text


def _rows(
    rows: Iterator[list[str]], lines: _Lines, header: Sequence[str], layout: Layout
) -> Iterator[Row | RawReject]:
    names = [name.strip() for name in header]
    take = _taker([names.index(name) for name in layout.needed])
    number = 0
    while True:
        lines.undecodable = False
        try:
            fields = next(rows, None)
        except csv.Error:
            number += 1
            yield RawReject(f"row {number}", None, Reason.BAD_ROW)
            continue
        if fields is None:
            return
        if not fields:  # a blank line is no row
            continue
        number += 1
        place = f"row {number}"
        if lines.undecodable:
            yield RawReject.of(place, Reason.UNDECODABLE, None, "\x1f".join(fields))
        elif len(fields) != len(names):
            yield RawReject.of(place, Reason.BAD_ROW, None, "\x1f".join(fields))
        else:
            yield Row(place, take(fields))


def _taker(indices: list[int]) -> Callable[[list[str]], Sequence[str]]:
    getter = operator.itemgetter(*indices)
    return getter if len(indices) > 1 else lambda fields: (getter(fields),)


def _delimiter(header: str) -> str:
    """The separator that the header line holds most often.

    >>> _delimiter("id;report text;date")
    ';'
    """
    return max(_SEPARATORS, key=header.count)
