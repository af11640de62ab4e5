"""Tables as they are handed on without a word of any report: offsets and hashes stay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from .contract import Contract, column, schema_of
from .mentions import MENTIONS
from .parquet import WITHOUT_TEXT, iter_tables, part_paths, read_provenance, schema_at
from .reports import REPORTS
from .writing import TableWriter

_TEXT, _LENGTH = "text", "text_length"


def without_text(contract: Contract) -> Contract:
    """The contract of the same table without its column `text`.

    Where no offsets say how long the text was, `text_length` does.

    >>> without_text(REPORTS).columns[-2:]
    ('text_sha256', 'text_length')
    """
    kept = [field for field in contract.schema if field.name != _TEXT]
    if "end" not in contract.columns:
        kept.append(column(_LENGTH, pa.int64(), "Characters of the text that is not here"))
    checks = tuple(check for check in contract.checks if check.column != _TEXT)
    name = contract.name + WITHOUT_TEXT
    return replace(contract, name=name, schema=schema_of(*kept), checks=checks)


REPORTS_WITHOUT_TEXT = without_text(REPORTS)
MENTIONS_WITHOUT_TEXT = without_text(MENTIONS)


def has_text(path: str | Path) -> bool:
    """Whether the table has texts. Errors: FileNotFoundError, ContractError."""
    return _TEXT in schema_at(part_paths(path)[0]).names


def write_without_text(source: Path, folder: Path, contract: Contract) -> None:
    """Writes the table at `source` into the folder, under its name, without its texts.

    Errors: ContractError.
    """
    bare = without_text(contract)
    for part in part_paths(source):
        target = folder / source.name / part.name if source.is_dir() else folder / source.name
        told = {k: v for k, v in read_provenance(part).items() if not k.startswith("contract")}
        with TableWriter(target, bare, told) as writer:
            for table in iter_tables(part, contract):
                if _LENGTH in bare.columns:
                    lengths = pc.cast(pc.utf8_length(table[_TEXT]), pa.int64())
                    table = table.append_column(_LENGTH, lengths)
                writer.write(table.drop_columns([_TEXT]))
