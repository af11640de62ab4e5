"""Tables read from Parquet files under their contract."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from .contract import Contract, ContractError, check_nulls, check_schema
from .writing import PREFIX

WITHOUT_TEXT = "_without_text"  # the name of a contract whose texts were left out ends in it


def part_paths(path: str | Path) -> list[Path]:
    """The files of a table: itself, or the Parquet files of the folder in name order.

    FileNotFoundError when there is nothing at `path`, ContractError when the folder is empty.
    """
    path = Path(path)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: no such table; expected a Parquet file or a folder.")
    parts = sorted(part for part in path.glob("*.parquet") if not part.name.startswith("."))
    if not parts:
        raise ContractError(
            where=path,
            column=None,
            found="a folder without Parquet files",
            expected="part-00000.parquet and so on",
            to_do="Name the table's folder, or run the stage that writes it.",
        )
    return parts


def iter_tables(
    path: str | Path,
    contract: Contract | None = None,
    columns: Sequence[str] | None = None,
    rows: int = 65_536,
    prefix: tuple[str, str] | None = None,
) -> Iterator[pa.Table]:
    """The table in pieces of at most `rows` rows, in order; an empty table gives no piece.

    `prefix`, a column of text and how its values begin, leaves out row groups without such a value;
    other rows of those that hold one are given too.

    With a contract its columns (or those named) come under its schema, and others are left out.
    ContractError names the file and the column that breaks it, or says that the file is damaged.
    """
    for part in part_paths(path):
        with _open(part, contract, columns) as file:
            names = _names(file, contract, columns)
            # Row groups one by one: they are bounded in bytes, so the pieces are.
            for group in range(file.num_row_groups):
                if prefix and not _may_hold(file.metadata.row_group(group), *prefix):
                    continue
                for batch in _batches(file, part, group, names, rows):
                    yield _project(pa.Table.from_batches([batch]), contract, names, part)


def _may_hold(group: pq.RowGroupMetaData, column: str, prefix: str) -> bool:
    """Whether a value of the column may begin so, by the least and the largest of the group."""
    for number in range(group.num_columns):
        chunk = group.column(number)
        if chunk.path_in_schema == column and chunk.is_stats_set and chunk.statistics.has_min_max:
            least, most = chunk.statistics.min, chunk.statistics.max
            return bool(least[: len(prefix)] <= prefix <= most[: len(prefix)])
    return True


def _batches(
    file: pq.ParquetFile, part: Path, group: int, names: list[str], rows: int
) -> Iterator[pa.RecordBatch]:
    batches = file.iter_batches(batch_size=rows, row_groups=[group], columns=names)
    while True:
        try:
            batch = next(batches, None)
        except (pa.ArrowException, OSError) as error:
            raise _damaged(part, error) from error
        if batch is None:
            return
        yield batch


def read_table(
    path: str | Path, contract: Contract | None = None, columns: Sequence[str] | None = None
) -> pa.Table:
    """The whole table, from a file or a folder of parts. Errors as for `iter_tables`."""
    pieces = []
    for part in part_paths(path):
        with _open(part, contract, columns) as file:
            names = _names(file, contract, columns)
            try:
                piece = file.read(columns=names)
            except (pa.ArrowException, OSError) as error:
                raise _damaged(part, error) from error
            pieces.append(_project(piece, contract, names, part))
    return pa.concat_tables(pieces)


def read_provenance(path: str | Path) -> dict[str, str]:
    """What the table says it was made from (of several parts: the first), keys without prefix."""
    with _open(part_paths(path)[0], None, None) as file:
        metadata = file.schema_arrow.metadata or {}
    texts = {key.decode(): value.decode() for key, value in metadata.items()}
    return {key[len(PREFIX) :]: texts[key] for key in sorted(texts) if key.startswith(PREFIX)}


def content_hash(path: str | Path) -> str:
    """SHA-256 (hex) of a file's bytes; of a folder: of its parts' names and bytes."""
    parts = part_paths(path)
    if parts == [Path(path)]:
        return _file_hash(parts[0])
    lines = "".join(f"{part.name} {_file_hash(part)}\n" for part in parts)
    return hashlib.sha256(lines.encode()).hexdigest()


def schema_at(part: Path) -> pa.Schema:
    """The schema of a Parquet file. ContractError when it is damaged."""
    with _open(part, None, None) as file:
        return file.schema_arrow


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _open(part: Path, contract: Contract | None, columns: Sequence[str] | None) -> pq.ParquetFile:
    try:
        file = pq.ParquetFile(part)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(part, error) from error
    try:
        if contract is not None:
            _check_identity(file.schema_arrow, contract, part)
            asked = contract.columns if columns is None else columns
            if "text" in asked and _textless(file.schema_arrow, contract):
                raise ContractError(
                    where=part,
                    column="text",
                    found="offsets and hashes only, for the run was made with --no-text",
                    expected="the text",
                    to_do="Run it again without --no-text, into another folder.",
                )
            check_schema(file.schema_arrow, contract, where=part, columns=columns)
    except ContractError:
        file.close()
        raise
    return file


def _names(
    file: pq.ParquetFile, contract: Contract | None, columns: Sequence[str] | None
) -> list[str]:
    if columns is not None:
        return list(columns)
    return list(contract.columns if contract is not None else file.schema_arrow.names)


def _check_identity(schema: pa.Schema, contract: Contract, part: Path) -> None:
    """A file that says which contract it was written under must say this one."""
    metadata = schema.metadata or {}
    name = metadata.get(f"{PREFIX}contract".encode())
    version = metadata.get(f"{PREFIX}contract_version".encode())
    expected = f"{contract.name} version {contract.version}"
    if name is not None and version is not None:
        found = f"{name.decode()} version {version.decode()}"
        if found not in (expected, f"{contract.name}{WITHOUT_TEXT} version {contract.version}"):
            raise ContractError(
                where=part, column=None, found=f"a table of {found}", expected=expected
            )


def _textless(schema: pa.Schema, contract: Contract) -> bool:
    name = (schema.metadata or {}).get(f"{PREFIX}contract".encode(), b"").decode()
    return bool(name == contract.name + WITHOUT_TEXT)


def _project(table: pa.Table, contract: Contract | None, names: list[str], part: Path) -> pa.Table:
    if contract is None:
        return table
    fields = [contract.schema.field(name) for name in names]
    arrays = [table[field.name].cast(field.type) for field in fields]
    projected = pa.Table.from_arrays(arrays, schema=pa.schema(fields))
    check_nulls(projected, contract, where=part)
    return projected


def _damaged(part: Path, error: Exception) -> ContractError:
    return ContractError(
        where=part,
        column=None,
        found=f"a damaged or truncated file ({type(error).__name__})",
        expected="a complete Parquet file",
        to_do="Delete it and run the stage again that writes it.",
    )
