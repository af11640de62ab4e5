"""Tables of boxes for tests."""

import pyarrow as pa

from data_contracts import BOXES

Row = tuple[str, str, float, float, float, float]


def boxes(*rows: Row, scores: list[float | None] | None = None) -> pa.Table:
    """A `boxes` table of (image, finding, x, y, w, h)."""
    given = scores if scores is not None else [0.5] * len(rows)
    table = [
        dict(zip(BOXES.columns, (*row, score, "test"), strict=True))
        for row, score in zip(rows, given, strict=True)
    ]
    return pa.Table.from_pylist(table, schema=BOXES.schema)
