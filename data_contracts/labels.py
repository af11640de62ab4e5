"""The table of labels: one row per report, one column per finding."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from .checks import NotBlank, OneOf, UniqueKey
from .contract import Contract, column, schema_of
from .findings import CHESTXRAY14, Finding, finding_names
from .states import Verdict

_OTHER_COLUMNS = ("report_id", "no_finding", "normal")


def labels_contract(findings: Iterable[str | Finding] = CHESTXRAY14) -> Contract:
    """The contract of a label table for these findings, in this order."""
    names = finding_names(findings)
    states = [
        column(
            name,
            pa.string(),
            f"{name}: present, absent, uncertain or unparsed; null = not mentioned",
            nullable=True,
        )
        for name in names
    ]
    return Contract(
        name="labels",
        version=1,
        schema=schema_of(
            column("report_id", pa.string(), "The report"),
            *states,
            column("no_finding", pa.bool_(), "None of the findings is present"),
            column("normal", pa.bool_(), "The report calls the chest normal, as the paper counts"),
        ),
        key=("report_id",),
        checks=(
            NotBlank("report_id"),
            *(OneOf(name, Verdict) for name in names),
            UniqueKey(("report_id",)),
        ),
    )


def findings_in(schema: pa.Schema) -> tuple[str, ...]:
    """The findings a label table has columns for, in the table's order."""
    return tuple(name for name in schema.names if name not in _OTHER_COLUMNS)
