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
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from .mapping import ColumnMapping, MappingError
from .marks import Mark
from .normalise import ARRIVAL
from .rows import Batch, RawReject, Reason, Row, SourceError, batched

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_ROWS_AT_ONCE = 4_096
_ARRIVED = "\0arrived"  # no name of a column
Watch = tuple[str, Mark | None, Callable[[object], str]]


def read_sql(
    path: Path, mapping: ColumnMapping, notes: Counter[str], watch: Watch | None = None
) -> Iterator[Batch]:
    """The rows that the query in this file gives.

    `watch` names a column, from where it is asked (None: as the file says), and what makes an
    arrival of its values. SourceError for a file that says no query, a driver that is not there, a
    database that cannot be asked; its message never holds the address, which may hold a password.
    MappingError when the columns cannot be told.
    """
    url, query, parameters = read_query(path)
    if watch is not None:
        parameters = _since(path, query, parameters, watch)
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
            names = list(result.keys())
            layout = mapping.layout(names, path)
            at = [names.index(name) for name in layout.needed]
            if watch is None:
                yield from batched(_rows(result, at), layout, path.stem)
            else:
                where = _watched(names, watch, path)
                layout = replace(layout, pairs=(*layout.pairs, (ARRIVAL, (_ARRIVED,))))
                rows = _rows(result, at, where, watch[2])
                yield from batched(rows, layout, path.stem)
    except SQLAlchemyError as error:
        raise SourceError(
            path, f"the database refused the query ({_kind(error)})",
            "Try the query in the database's own client.",
        ) from error  # fmt: skip
    finally:
        engine.dispose()


def read_query(path: Path, *, secrets: bool = True) -> tuple[str, str, dict[str, Any]]:
    """Address, query and parameters of a source file. SourceError where they are not.

    Without `secrets` the address is as it is written, variables of the environment not filled in.
    """
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
    if secrets:
        url = _VARIABLE.sub(lambda found: _environment(found[1], path), url)
    return url, query, settings


def _environment(name: str, path: Path) -> str:
    if name not in os.environ:
        raise SourceError(path, f"its url wants the variable {name}", f"Run: export {name}=…")
    return os.environ[name]


def _since(path: Path, query: str, parameters: dict[str, Any], watch: Watch) -> dict[str, Any]:
    if not re.search(r"(?<!:):since\b", query) or "since" not in parameters:
        raise SourceError(
            path, "a query without :since, or no since = to begin with",
            f"Write WHERE {watch[0]} >= :since into the query, and since = of the first run.",
        )  # fmt: skip
    return parameters if watch[1] is None else {**parameters, "since": watch[1]}


def _watched(names: list[str], watch: Watch, path: Path) -> int:
    alike = [index for index, name in enumerate(names) if name.lower() == watch[0].lower()]
    if len(alike) != 1:
        raise MappingError(path, f"no column {watch[0]!r} for the watermark", names)
    return alike[0]


def _rows(
    result: Any,
    at: list[int],
    where: int | None = None,
    arrival: Callable[[object], str] | None = None,
) -> Iterator[Row | RawReject]:
    for number, values in enumerate(result, start=1):
        place = f"row {number}"
        arrived = [arrival(values[where])] if arrival and where is not None else []
        try:
            yield Row(place, [*(_as_text(values[index]) for index in at), *arrived])
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
