"""Reports of a database: a query in a TOML file, run through SQLAlchemy and read as a stream.

    [sql]
    url = "postgresql+psycopg://miner@ris.example/reports"   # ${NAME} is taken from the environment
    query = "SELECT accession AS report_id, body AS text FROM reports WHERE signed > :since"
    since = 2026-01-01                                       # any other key is a parameter

Columns are told as those of a CSV file are. Passwords belong into the environment or where the
database's driver looks for them (~/.pgpass), not into the file.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .mapping import ColumnMapping
from .rows import Batch, RawReject, Reason, Row, SourceError, batched

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_ROWS_AT_ONCE = 4_096


def read_sql(path: Path, mapping: ColumnMapping, notes: Counter[str]) -> Iterator[Batch]:
    """The rows that the query in this file gives.

    SourceError for a file that says no query, a driver that is not there, a database that cannot
    be asked; its message never holds the address, which may hold a password. MappingError when the
    columns cannot be told.
    """
    url, query, parameters = read_query(path)
    import sqlalchemy
    from sqlalchemy.exc import SQLAlchemyError

    try:
        engine = sqlalchemy.create_engine(url)
    except (SQLAlchemyError, ImportError, ValueError) as error:
        raise SourceError(
            path, f"its url cannot be used ({_kind(error)})",
            "Write it as SQLAlchemy does, DIALECT+DRIVER://…, and install the driver.",
        ) from error  # fmt: skip
    try:
        with engine.connect().execution_options(
            stream_results=True, max_row_buffer=_ROWS_AT_ONCE
        ) as connection:
            result = connection.execute(sqlalchemy.text(query), parameters)
            layout = mapping.layout(list(result.keys()), path)
            at = [list(result.keys()).index(name) for name in layout.needed]
            yield from batched(_rows(result, at), layout, path.stem)
    except SQLAlchemyError as error:
        raise SourceError(
            path, f"the database refused the query ({_kind(error)})",
            "Try the query in the database's own client.",
        ) from error  # fmt: skip
    finally:
        engine.dispose()


def read_query(path: Path) -> tuple[str, str, dict[str, Any]]:
    """Address, query and parameters of a source file. SourceError where they are not."""
    try:
        section = tomllib.loads(path.read_text("utf-8")).get("sql")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SourceError(path, f"cannot be read as TOML ({error})", "Correct it.") from error
    settings = dict(section) if isinstance(section, dict) else {}
    url, query = settings.pop("url", None), settings.pop("query", None)
    if not isinstance(url, str) or not isinstance(query, str):
        raise SourceError(
            path, "no database and query", "Expected [sql] with url = and query =, both texts."
        )
    return _VARIABLE.sub(lambda found: _environment(found[1], path), url), query, settings


def _environment(name: str, path: Path) -> str:
    if name not in os.environ:
        raise SourceError(path, f"its url wants the variable {name}", f"Run: export {name}=…")
    return os.environ[name]


def _rows(result: Any, at: list[int]) -> Iterator[Row | RawReject]:
    for number, values in enumerate(result, start=1):
        place = f"row {number}"
        try:
            yield Row(place, [_as_text(values[index]) for index in at])
        except (UnicodeDecodeError, UnicodeEncodeError):
            yield RawReject(place, None, Reason.UNDECODABLE)


def _as_text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode()
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    text.encode()
    return text


def _kind(error: BaseException) -> str:
    return type(getattr(error, "orig", None) or error).__name__
