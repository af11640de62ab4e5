"""Gold tables from CSV files that people made: 0/1 per finding, one row per report."""

from __future__ import annotations

import csv
import io
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pyarrow as pa

from data_contracts import CHESTXRAY14, gold_contract

_PATH_OR_SUFFIX = re.compile(r"^.*[/\\]|\.(?:xml|txt)$", re.IGNORECASE)


class GoldError(ValueError):
    """A gold file cannot be read: `path`, `where` in it, `found`, `expected` and what `to_do`."""

    def __init__(self, path: Path, where: str, found: str, expected: str, to_do: str) -> None:
        self.path, self.where, self.found = path, where, found
        self.expected, self.to_do = expected, to_do
        super().__init__(f"{path}: {where}: found {found}; expected {expected}. {to_do}")


def read_gold(
    path: str | Path,
    *,
    key: str | None = None,
    findings: Sequence[str] = CHESTXRAY14,
    annotator: str | None = None,
    strip_paths: bool = True,
) -> pa.Table:
    """The gold table of a CSV (or .tsv) file with one row per report and 0/1 per finding.

    The key column is `key`, or the first that looks like one (gold.toml). Finding columns are
    found by name or alias whatever their case; a finding without a column, and an empty cell, is
    null: nobody judged it. Columns `normal` and `judged` are optional (judged: true). Keys lose
    folders and `.xml` / `.txt` unless `strip_paths` is False. `annotator` is the file's name if not
    given. GoldError when a column or value cannot be read or two rows are of the same report.
    """
    path = Path(path)
    header, rows = _read_rows(path)
    columns = _resolve_columns(path, header, key, findings)
    seen: dict[str, int] = {}
    table: dict[str, list[Any]] = {name: [] for name in ("report_id", "normal", "judged")}
    table.update({finding: [] for finding in findings})
    for line, row in rows:
        report_id = _read_key(path, line, row[columns["report_id"]], strip_paths)
        if report_id in seen:
            raise GoldError(
                path,
                f"lines {seen[report_id]} and {line}",
                f"report {report_id!r} twice",
                "one row per report" + (" (folders and .xml are cut off)" if strip_paths else ""),
                "Keep one of the rows, or give one file per annotator.",
            )
        seen[report_id] = line
        table["report_id"].append(report_id)
        for name, values in table.items():
            if name != "report_id":
                cell = row[columns[name]] if name in columns else ""
                values.append(_read_flag(path, line, name, cell))
    table["judged"] = [judged is not False for judged in table["judged"]]
    return build_gold(table, annotator=annotator or path.name, findings=findings)


def build_gold(
    columns: dict[str, list[Any]], *, annotator: str, findings: Sequence[str] = CHESTXRAY14
) -> pa.Table:
    """A gold table under its contract from lists by column name, all by one annotator."""
    schema = gold_contract(findings).schema
    columns = {**columns, "annotator": [annotator] * len(columns["report_id"])}
    arrays = [pa.array(columns[field.name]).cast(field.type) for field in schema]
    return pa.table(arrays, schema=schema)


def mark_unjudged(gold: pa.Table, report_ids: Iterable[str]) -> pa.Table:
    """The gold table with `judged` false for these reports, for files that cannot say so."""
    unjudged = frozenset(report_ids)
    pairs = zip(gold["report_id"].to_pylist(), gold["judged"].to_pylist(), strict=True)
    judged = pa.array([bool(flag) and report_id not in unjudged for report_id, flag in pairs])
    index = gold.schema.get_field_index("judged")
    return gold.set_column(index, gold.schema.field(index), judged)


def gold_differences(
    one: pa.Table, other: pa.Table, *, findings: Sequence[str] = CHESTXRAY14
) -> pa.Table:
    """Per finding (and normal) how two golds agree on the reports that both hold.

    Columns: finding, both, only_one, only_other, neither, incomparable (null in either).
    """
    at = {report_id: i for i, report_id in enumerate(other["report_id"].to_pylist())}
    pairs = [
        (i, at[report_id])
        for i, report_id in enumerate(one["report_id"].to_pylist())
        if report_id in at
    ]
    rows = []
    for name in (*findings, "normal"):
        left, right = one[name].to_pylist(), other[name].to_pylist()
        counts = {"both": 0, "only_one": 0, "only_other": 0, "neither": 0, "incomparable": 0}
        for i, j in pairs:
            counts[_agreement(left[i], right[j])] += 1
        rows.append({"finding": name, **counts})
    return pa.Table.from_pylist(rows)


def _agreement(left: Any, right: Any) -> str:
    if left is None or right is None:
        return "incomparable"
    if left:
        return "both" if right else "only_one"
    return "only_other" if right else "neither"


@cache
def _names() -> dict[str, Any]:
    text = resources.files("mining.audit").joinpath("gold.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _folded(name: str) -> str:
    """The name without case, spaces, hyphens and underscores.

    >>> _folded("Pleural_Thickening ") == _folded("pleural thickening")
    True
    """
    return re.sub(r"[\s_\-]+", "", name).casefold()


def _read_rows(path: Path) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise GoldError(
            path, f"byte {error.start}", "bytes that are not UTF-8", "a UTF-8 file", "Save it so."
        ) from error
    delimiter = "\t" if path.suffix.lower() in {".tsv", ".tab"} else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header = next(reader, [])
    if not any(header):
        raise GoldError(
            path, "line 1", "no header", "column names", "Name the key and the finding columns."
        )
    return header, _checked_rows(path, header, reader)


def _checked_rows(path: Path, header: list[str], reader: Any) -> Iterator[tuple[int, list[str]]]:
    for row in reader:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(header):
            raise GoldError(
                path,
                f"line {reader.line_num}",
                f"{len(row)} cells",
                f"{len(header)}, as in the header",
                "Check the separators and quotes of this line.",
            )
        yield reader.line_num, row


def _resolve_columns(
    path: Path, header: list[str], key: str | None, findings: Sequence[str]
) -> dict[str, int]:
    """Where each column of the gold table stands in the file's header."""
    names, folded = _names(), [_folded(name) for name in header]
    listed = ", ".join(header)
    wanted = {
        "report_id": [key] if key is not None else names["keys"],
        "normal": names["normal"],
        "judged": names["judged"],
        **{finding: [finding, *names["aliases"].get(finding, ())] for finding in findings},
    }
    columns = {}
    for name, spellings in wanted.items():
        hits = [i for s in map(_folded, spellings) for i, have in enumerate(folded) if have == s]
        if len(set(hits)) > 1 and name != "report_id":
            found = ", ".join(header[i] for i in dict.fromkeys(hits))
            raise GoldError(
                path, "header", f"columns {found}", f"one column for {name}", "Drop all but one."
            )
        if hits:
            columns[name] = hits[0]
    if "report_id" not in columns:
        expected = f"a key column {key!r}" if key else f"a key column ({', '.join(names['keys'])})"
        raise GoldError(path, "header", f"columns {listed}", expected, "Name it with key=….")
    if not any(finding in columns for finding in findings):
        raise GoldError(
            path,
            "header",
            f"columns {listed}",
            f"at least one finding ({', '.join(findings)})",
            "Rename the columns; case, spaces and underscores do not matter.",
        )
    return columns


def _read_key(path: Path, line: int, cell: str, strip_paths: bool) -> str:
    report_id = cell.strip()
    while strip_paths and (shorter := _PATH_OR_SUFFIX.sub("", report_id)) != report_id:
        report_id = shorter
    if not report_id:
        raise GoldError(path, f"line {line}", "an empty key", "a report id", "Fill it or drop it.")
    return report_id


def _read_flag(path: Path, line: int, column: str, cell: str) -> bool | None:
    value, names = cell.strip().casefold(), _names()
    if not value:
        return None
    if value in names["true"]:
        return True
    if value in names["false"]:
        return False
    raise GoldError(
        path,
        f"line {line}, column {column}",
        f"a value of {len(value)} characters that is none of these",
        f"{', '.join(names['true'] + names['false'])} or empty (not judged)",
        "Decide what uncertain codes such as -1 shall mean before auditing.",
    )
