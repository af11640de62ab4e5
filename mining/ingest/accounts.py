"""The accounts of an ingestion: where every row of the source went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


class AccountsError(RuntimeError):
    """Rows got lost or multiplied: the `counts` that do not add up. A defect, not bad input."""

    def __init__(self, counts: IngestCounts) -> None:
        self.counts = counts
        super().__init__(
            f"ingest: found {counts.rows_in} rows in, expected the sum of out, rejects, "
            f"superseded, duplicates and filtered, which is {counts.accounted}. "
            "The tables must not be used; please report this defect."
        )


@dataclass(frozen=True, slots=True)
class IngestCounts:
    """Rows of a source by what became of them.

    `filtered` are cancellations and examinations that are not wanted, `filtered_by` the same by
    reason; `notes` counts what readers put up with, e.g. lines in an old encoding. AccountsError
    unless rows_in is the sum of the others.
    """

    rows_in: int
    rows_out: int
    rejects: int = 0
    superseded: int = 0
    duplicates: int = 0
    filtered: int = 0
    notes: Mapping[str, int] = field(default_factory=dict)
    filtered_by: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        told = sum(self.filtered_by.values()) if self.filtered_by else self.filtered
        if self.rows_in != self.accounted or self.filtered != told:
            raise AccountsError(self)

    @property
    def accounted(self) -> int:
        """The rows whose whereabouts are known."""
        return self.rows_out + self.rejects + self.superseded + self.duplicates + self.filtered
