"""Text out of bytes of unknown encoding."""

from __future__ import annotations

import codecs
import errno
import gzip
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from .rows import MAX_RECORD_BYTES

# The name under which the fall-back is noted in the accounts.
FELL_BACK = "decoded as cp1252"

_MOST_VALUES = 30_000_000  # 2 GB of objects at worst
_GZIP = b"\x1f\x8b"
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}".encode()
_UNDECODABLE = b"\x81"  # nothing in UTF-8, nothing in Windows-1252
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def decode(raw: bytes, notes: Counter[str]) -> str | None:
    """The text: UTF-8 (with or without mark), UTF-16 with a mark, else Windows-1252.

    None when it is none of these. A fall-back to Windows-1252 is counted in `notes`.

    >>> decode("38°".encode("cp1252"), Counter())
    '38°'
    """
    try:
        if raw.startswith(_UTF16):
            return raw.decode("utf-16")
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    try:
        text = raw.decode("cp1252")
    except UnicodeDecodeError:
        return None
    notes[FELL_BACK] += 1
    return text


def open_bytes(path: Path) -> IO[bytes]:
    """The file for reading; what is packed with gzip, whatever its name, is unpacked on the way.

    Errors: OSError, also for a pipe or a device, which may never end.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "no regular file", str(path))
    file = path.open("rb")
    packed = file.read(len(_GZIP)) == _GZIP
    file.seek(0)
    if not packed:
        return file
    file.close()
    return cast(IO[bytes], gzip.open(path))


def read_json(file: Path, most: int) -> bytes | None:
    """The bytes of a file that is one JSON value; None when that would not fit into memory.

    Not more than `most` bytes, nor so many values that Python's objects for them would be a
    multiple of that: a few packed kilobytes can be a hundred million empty lists.
    """
    with open_bytes(file) as stream:
        raw = stream.read(most + 1)
    values = sum(raw.count(sign) for sign in (b",", b"[", b"{"))
    return raw if len(raw) <= most and values <= _MOST_VALUES else None


def byte_lines(file: IO[bytes]) -> Iterator[bytes]:
    """The lines of a file without its mark, in UTF-8 if the mark says UTF-16, else as they are.

    A line never gets longer than the longest record: what is beyond comes as a line of its own.
    """
    start = file.read(3)
    if start.startswith(_UTF16):
        file.seek(0)
        wide = io.TextIOWrapper(file, "utf-16", errors="replace", newline="")
        while text := wide.readline(MAX_RECORD_BYTES):
            yield text.encode().replace(_REPLACEMENT, _UNDECODABLE)
        return
    if start != codecs.BOM_UTF8:
        file.seek(0)
    while line := file.readline(MAX_RECORD_BYTES):
        yield line
