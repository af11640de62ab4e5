"""Label tables as CSV files in the layouts that other tools read.

States become -1/0/1 and blanks here and nowhere else. A cell of text that a spreadsheet would run
as a formula gets an apostrophe in front (OWASP, "CSV Injection").
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from data_contracts import CHEXPERT14, Verdict, findings_in
from mining.whole_files import whole_file

NO_FINDING = "No Finding"
# Not judged is no answer either way: a model must not learn from it, as with CheXpert's -1.
_CHEXPERT: dict[str | None, str] = {
    Verdict.PRESENT: "1",
    Verdict.ABSENT: "0",
    Verdict.UNCERTAIN: "-1",
    Verdict.UNPARSED: "-1",
    None: "",
}
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def write_nih(labels: pa.Table, path: Path) -> int:
    """How many reports were written to `path` as `report_id,Finding Labels` (ChestX-ray14's form).

    The findings present are joined by `|`; "No Finding" stands where none is present and every
    mention was judged. Where one was not (`unparsed`), the cell stays empty: nobody can say.
    Errors: OSError. Source: NIH's `Data_Entry_2017.csv`.
    """
    names = findings_in(labels.schema)
    rows = ((key, _nih_cell(names, states)) for key, states in _rows(labels, names))
    return _write(path, ("report_id", "Finding Labels"), rows)


def write_chexpert(labels: pa.Table, path: Path) -> int:
    """How many reports were written to `path`, one column per finding as in CheXpert's CSV files.

    1 present, 0 absent, -1 uncertain or not judged, blank not mentioned. "No Finding" is 1 where
    every disease is absent or not mentioned, else blank. CheXpert's own findings get the names of
    its files. Errors: OSError. Source: Irvin et al., AAAI 2019.
    """
    names = findings_in(labels.schema)
    nothing = labels.column("no_finding").to_pylist()
    rows = (
        (key, "1" if nothing[row] else "", *(_CHEXPERT[s] for s in states))
        for row, (key, states) in enumerate(_rows(labels, names))
    )
    titles = [n.replace("_", " ") if n in CHEXPERT14 else n for n in names]
    return _write(path, ("report_id", NO_FINDING, *titles), rows)


def safe_cell(text: str) -> str:
    """The text so that no spreadsheet takes it for a formula.

    >>> safe_cell('=HYPERLINK("x")'), safe_cell("CXR1001")
    ('\\'=HYPERLINK("x")', 'CXR1001')
    """
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _nih_cell(names: Sequence[str], states: Sequence[str | None]) -> str:
    present = [name for name, state in zip(names, states, strict=True) if state == Verdict.PRESENT]
    if present:
        return "|".join(present)
    return "" if Verdict.UNPARSED in states else NO_FINDING


def _rows(labels: pa.Table, names: Sequence[str]) -> Iterator[tuple[str, tuple[str | None, ...]]]:
    for batch in labels.select(["report_id", *names]).to_batches():
        columns = [batch.column(name).to_pylist() for name in ("report_id", *names)]
        for report_id, *states in zip(*columns, strict=True):
            yield safe_cell(report_id), tuple(states)


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    """The number of rows in the file."""
    count = 0
    with whole_file(path) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        for count, row in enumerate(rows, start=1):  # noqa: B007
            writer.writerow(row)
    return count
