"""Reports from CSV and TSV files."""

from __future__ import annotations

import csv
import operator
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from .encoding import byte_lines, decode, open_bytes
from .mapping import ColumnMapping, MappingError
from .rows import MAX_RECORD_BYTES, Batch, Layout, RawReject, Reason, Row, SourceError, batched

_TOO_LONG = "…\n"
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
            header = _header(first, delimiter)
            if lines.wrong or not header:
                raise MappingError(path, "no header line", [])
            layout = mapping.layout(header, path)
            rows = _rows(lines, delimiter, header, layout)
            yield from batched(rows, layout, path.name)
    except (EOFError, zlib.error, OSError) as error:
        raise SourceError(
            path, f"cannot be read to its end ({type(error).__name__})", "Fetch the file again."
        ) from error


class _Lines:
    """Decoded lines for the csv module; remembers those of the record that is being read.

    In the place of a line that is no text, or longer than any record, stands another, and why.
    """

    def __init__(self, lines: Iterator[bytes], notes: Counter[str]) -> None:
        self._lines, self._notes = lines, notes
        self._ahead: deque[tuple[str, Reason | None]] = deque()
        self._record: list[tuple[str, Reason | None]] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._ahead.popleft() if self._ahead else self._decoded(next(self._lines))
        self._record.append(line)
        return line[0]

    def begin(self) -> None:
        """A record begins with the next line."""
        self._record = []

    def again(self) -> None:
        """All lines of the record but the first are to be read once more."""
        self._ahead.extendleft(reversed(self._record[1:]))

    @property
    def wrong(self) -> Reason | None:
        """Why a line of the record cannot be read; None when all can."""
        return next((reason for _, reason in self._record if reason), None)

    def quoted(self, delimiter: str) -> bool:
        """A field of the record seems to begin with a quotation mark."""
        return any(text[:1] == '"' or f'{delimiter}"' in text for text, _ in self._record)

    def _decoded(self, raw: bytes) -> tuple[str, Reason | None]:
        if len(raw) >= MAX_RECORD_BYTES:  # what is left of the line must not pass for a record
            while not raw.endswith(b"\n") and (raw := next(self._lines, b"")):
                pass
            return _TOO_LONG, Reason.TOO_LONG
        try:
            return raw.decode(), None
        except UnicodeDecodeError:
            text = decode(raw, self._notes)
        if text is None:
            return raw.decode("utf-8", "replace"), Reason.UNDECODABLE
        return text, None


def _records(lines: _Lines, delimiter: str) -> Iterator[list[str] | None]:
    """The fields of each record; None where there is no telling.

    A quotation mark too many must neither swallow the records that follow nor make records out
    of lines of a text. So after an error reading goes on with the line after the one that began
    the record, and nothing is believed until a record with a field in quotation marks.
    """
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    lost = False
    while True:
        lines.begin()
        try:
            fields = next(rows, None)
        except csv.Error:
            lost = True
            lines.again()
            yield None
            continue
        if fields is None:
            return
        lost = lost and not lines.quoted(delimiter)
        if fields:  # a blank line is no record
            yield None if lost else fields


def _rows(
    lines: _Lines, delimiter: str, header: Sequence[str], layout: Layout
) -> Iterator[Row | RawReject]:
    take = _taker([header.index(name) for name in layout.needed])
    for number, fields in enumerate(_records(lines, delimiter), start=1):
        place = f"row {number}"
        if fields is None:
            yield RawReject(place, None, Reason.BAD_ROW)
        elif lines.wrong is Reason.TOO_LONG:  # its text is not held
            yield RawReject(place, None, lines.wrong)
        elif lines.wrong:
            yield RawReject.of(place, lines.wrong, None, "\x1f".join(fields))
        elif len(fields) != len(header):
            yield RawReject.of(place, Reason.BAD_ROW, None, "\x1f".join(fields))
        else:
            yield Row(place, take(fields))


def _taker(indices: list[int]) -> Callable[[list[str]], Sequence[str]]:
    getter = operator.itemgetter(*indices)
    return getter if len(indices) > 1 else lambda fields: (getter(fields),)


def _header(line: str, delimiter: str) -> list[str]:
    """The names of the columns; none where the line is no row."""
    try:
        return [name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:
        return []


def _delimiter(header: str) -> str:
    """The separator that the header line holds most often.

    >>> _delimiter("id;report text;date")
    ';'
    """
    return max(_SEPARATORS, key=header.count)
