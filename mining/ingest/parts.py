"""A table written in a fixed number of contiguous parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import pyarrow as pa

from data_contracts import REPORTS, TableWriter


def write_parts(
    path: Path,
    tables: Iterator[pa.Table],
    rows: int,
    shards: int,
    provenance: Mapping[str, str] | None,
) -> None:
    """Writes reports (`rows` of them in all) to one file, or to a folder of `shards` parts.

    Parts differ by at most one row; with fewer rows than parts some are empty.
    """
    if shards == 1:
        with TableWriter(path, REPORTS, provenance) as writer:
            for table in tables:
                writer.write(table)
        return
    waiting = REPORTS.empty()
    borders = [rows * shard // shards for shard in range(shards + 1)]
    for shard, (start, stop) in enumerate(pairwise(borders)):
        with TableWriter(path / f"part-{shard:05}.parquet", REPORTS, provenance) as writer:
            while writer.rows < stop - start:
                if not waiting.num_rows:
                    waiting = next(tables)
                taken = waiting.slice(0, stop - start - writer.rows)
                waiting = waiting.slice(taken.num_rows)
                writer.write(taken)
    # The rows are all placed, but what is left to read may hold conflicts for the rejects.
    for _ in tables:
        pass
