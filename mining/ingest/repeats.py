"""Reports that come more than once among pieces, and which of their versions is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import ReportStatus, read_table

from .versions import Fate, Version, resolve

# One row per version: a hash of its report's id, whether it withdraws the report, when it arrived.
KEY = np.dtype([("hash", "<u8"), ("cancelled", "?"), ("arrival", "<i8")])
DETAILS = ("report_id", "text_sha256", "version", "received_at", "status")
_AT_ONCE = 250_000  # versions whose details are in memory together

Keys = npt.NDArray[np.void]
Lines = npt.NDArray[np.int64]


def keys_of(reports: pa.Table, arrivals: pa.Array | None = None) -> Keys:
    """The keys of these versions of reports."""
    keys = np.empty(reports.num_rows, dtype=KEY)
    ids = np.asarray(reports.column("report_id").to_pylist(), dtype=object)
    # The same in every process and run, which Python's own hash is not.
    keys["hash"] = pd.util.hash_array(ids, categorize=False)
    cancelled = pc.equal(reports.column("status"), ReportStatus.CANCELLED)
    keys["cancelled"] = pc.fill_null(cancelled, False).to_numpy(zero_copy_only=False)
    keys["arrival"] = 0 if arrivals is None else arrivals.to_numpy(zero_copy_only=False)
    return keys


def fates_of(keys: Keys, parts: Sequence[Path], rows: Sequence[int]) -> dict[int, Fate]:
    """What becomes of every row that is not kept, by its number over all parts.

    `keys` are those of all rows; `rows` says how many each part holds.
    """
    borders = np.concatenate([[0], np.cumsum(rows)]).astype(np.int64)
    fates: dict[int, Fate] = {}
    for lines in _suspects(keys):
        found = sorted(_details(lines, keys, parts, borders), key=itemgetter(0, 1))
        for _, group in groupby(found, key=itemgetter(0)):
            members = list(group)
            for member, fate in zip(members, resolve([m[2] for m in members]), strict=True):
                if fate is not Fate.KEPT:
                    fates[member[1]] = fate
    return fates


def _suspects(keys: Keys) -> Iterator[Lines]:
    """The rows whose report may come again or is withdrawn; all rows of a report together."""
    _, group, counts = np.unique(keys["hash"], return_inverse=True, return_counts=True)
    several = counts > 1
    several[group[keys["cancelled"]]] = True
    lines = np.flatnonzero(several[group])
    share = len(lines) // _AT_ONCE + 1
    for turn in range(share):
        taken: Lines = lines[group[lines] % share == turn]
        if len(taken):
            yield taken


def _details(
    lines: Lines, keys: Keys, parts: Sequence[Path], borders: Lines
) -> Iterator[tuple[str, int, Version]]:
    for number, part in enumerate(parts):
        start, stop = borders[number], borders[number + 1]
        own = lines[(lines >= start) & (lines < stop)]
        if len(own):
            table = read_table(part, columns=DETAILS).take(pa.array(own - start))
            yield from row_details(table, own.tolist(), keys["arrival"][own].tolist())


def row_details(
    rows: pa.Table, lines: Sequence[int], arrivals: Sequence[int]
) -> Iterator[tuple[str, int, Version]]:
    """Report, number and version of these rows, which have the columns of DETAILS."""
    received = rows["received_at"].cast(pa.int64()).to_pylist()
    columns = (rows[name].to_pylist() for name in ("report_id", "text_sha256", "version", "status"))
    for report_id, digest, version, status, line, time, arrival in zip(
        *columns, lines, received, arrivals, strict=True
    ):
        yield report_id, line, Version(digest, version, time, status, arrival)
