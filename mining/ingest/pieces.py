"""A source cut into pieces that stand for themselves from night to night.

A piece is a file, or a block of lines of a JSON Lines file, and carries the hash of its bytes: what
was read of it before is found again, and a night that adds a file, or lines at a file's end, reads
only those. Sources that cannot be cut (a database, an archive, a folder of single reports) are one
piece.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

from .batches import Batch, read_batches_of
from .encoding import byte_lines, open_bytes
from .formats import FILE_FORMATS, OPENI, files_of, source_format
from .jsonl import jsonl_layout, read_lines
from .mapping import ColumnMapping
from .normalise import Normalised, normalise
from .openi import openi_corpus
from .rows import MAX_RECORD_BYTES, Layout, SourceError, broken_off
from .source import placed, read_batches

_AT_ONCE = 1024  # lines


@dataclass(frozen=True)
class Piece:
    """A piece of a source. `place` stands before the places of its rows.

    `digest` is the hash of its bytes. With a `layout` it is the lines of a file from byte `start`
    to `stop`, and `before` counts the file's rows before them. With `batches` it is what earlier
    nights and this one have read.
    """

    path: str
    format: str | None
    place: str
    digest: str
    mapping: ColumnMapping
    start: int = 0
    stop: int = 0
    before: int = 0
    layout: Layout | None = None
    batches: tuple[Batch, ...] | None = None

    @property
    def identity(self) -> Mapping[str, str]:
        """All that the piece's rows depend on."""
        reading = (self.format, self.place, self.mapping, self.before, self.layout)
        return {"bytes": self.digest, "file": Path(self.path).name, "reading": repr(reading)}


def source_pieces(
    source: str,
    *,
    mapping: Mapping[str, str] | None,
    format: str | None,
    block: int,
    digest: Callable[[str], str],
) -> list[Piece]:
    """The pieces of a source in its order; files of lines are cut after every `block` rows.

    `digest` gives the hash of a source as a whole. Errors: as for `read_source`.
    """
    columns = ColumnMapping.from_dict(mapping or {})
    path = openi_corpus() if source == OPENI else Path(source)
    if not path.exists():
        raise SourceError(path, "is not there", f'Give a file, a folder, or "{OPENI}".')
    found = source_format(path, format)
    if found not in FILE_FORMATS:
        return [Piece(source, format, "", digest(source), columns)]
    pieces: list[Piece] = []
    for file in files_of(path, found):
        place = f"{file.name} " if file != path else ""
        if found == "jsonl" and _plain(file):
            pieces += _blocks(file, place, columns, block)
        else:
            pieces.append(Piece(str(file), found, place, digest(str(file)), columns))
    return pieces


def journal_pieces(batches: Sequence[Batch], block: int) -> list[Piece]:
    """The pieces of what was read in nights: as many batches as fill a block, in their order.

    A night adds to the last piece, or begins a new one: all others stay as they are.
    """
    groups: list[list[Batch]] = [[]]
    for one in batches:
        if sum(batch.rows for batch in groups[-1]) >= block:
            groups.append([])
        groups[-1].append(one)
    return [
        Piece("journal", None, "", _digest(group), ColumnMapping(), batches=tuple(group))
        for group in groups
    ]


def _digest(group: Sequence[Batch]) -> str:
    return hashlib.sha256(" ".join(one.digest for one in group).encode()).hexdigest()


def read_piece(piece: Piece, notes: Counter[str]) -> Iterator[Normalised]:
    """The rows and rejects of a piece, as `read_batches` gives them of the whole source."""
    path = Path(piece.path)
    if piece.batches is not None:
        yield from read_batches_of(piece.batches)
        return
    if piece.layout is None:
        yield from read_batches(
            piece.path, mapping=piece.mapping, format=piece.format, notes=notes, place=piece.place
        )
        return
    with broken_off(path), path.open("rb") as file:
        lines = _between(file, piece.start, piece.stop)
        for raw in read_lines(lines, piece.before, piece.layout, path.name, notes):
            yield normalise(placed(raw, piece.place))


def _between(file: IO[bytes], start: int, stop: int) -> Iterator[bytes]:
    file.seek(start)
    lines = iter(lambda: file.readline(MAX_RECORD_BYTES), b"")
    for line in byte_lines(file) if start == 0 else lines:
        yield line
        if file.tell() >= stop:
            return


def _plain(file: Path) -> bool:
    """Whether the file's bytes are its lines: neither packed nor of two bytes a letter."""
    with file.open("rb") as raw, open_bytes(file) as opened:
        return raw.read(2) == opened.read(2) and not _is_utf16(file)


def _is_utf16(file: Path) -> bool:
    with file.open("rb") as raw:
        return raw.read(2) in (b"\xff\xfe", b"\xfe\xff")


def _blocks(file: Path, place: str, mapping: ColumnMapping, block: int) -> Iterator[Piece]:
    layout = jsonl_layout(file, mapping)
    if layout is None:
        return
    start = before = 0
    with broken_off(file), file.open("rb") as raw:
        while True:
            rows, digest = _next_block(iter(lambda: raw.readline(MAX_RECORD_BYTES), b""), block)
            stop = raw.tell()
            if stop == start:
                return
            yield Piece(str(file), "jsonl", place, digest, mapping, start, stop, before, layout)
            start, before = stop, before + rows


def _next_block(lines: Iterator[bytes], block: int) -> tuple[int, str]:
    """The rows of the next block, which are `block` or those that are left, and their hash."""
    digest = hashlib.sha256()
    rows = 0
    last = b"\n"
    while rows < block:
        taken = list(islice(lines, min(_AT_ONCE, block - rows)))
        if not taken:
            break
        digest.update(b"".join(taken))
        rows += sum(line.endswith(b"\n") and not line.isspace() for line in taken)
        last = taken[-1]
    while last and not last.endswith(b"\n"):  # a line too long to be read at once
        last = next(lines, b"")
        digest.update(last)
    return rows, digest.hexdigest()
