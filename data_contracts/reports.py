"""The table of reports: the one version of each report that is labelled, as received."""

from __future__ import annotations

import pyarrow as pa

from .checks import InRange, NotBlank, OneOf, UniqueKey
from .contract import Contract, column, schema_of
from .states import ReportStatus

REPORTS = Contract(
    name="reports",
    version=2,
    schema=schema_of(
        column("report_id", pa.string(), "Identifier of the report; one row per report"),
        column("version", pa.int64(), "Number of this version; higher is newer", nullable=True),
        column(
            "status",
            pa.string(),
            "preliminary, final, amended or cancelled; null is read as final",
            nullable=True,
        ),
        column("study_id", pa.string(), "Study or accession; joins images", nullable=True),
        column("patient_id", pa.string(), "Patient; serves splits only", nullable=True),
        column(
            "received_at",
            pa.timestamp("us", tz="UTC"),
            "When the report came in; a time without a zone is taken as UTC",
            nullable=True,
        ),
        column("procedure_code", pa.string(), "Code of the examination", nullable=True),
        column("modality", pa.string(), "Modality, e.g. XR, CR, DX", nullable=True),
        column("body_part", pa.string(), "Body part examined, e.g. CHEST", nullable=True),
        column("language", pa.string(), "Language of the text, e.g. en", nullable=True),
        column("source", pa.string(), "File or archive member it was read from", nullable=True),
        column("text", pa.string(), "The whole report as received"),
        column("text_sha256", pa.string(), "SHA-256 of the text in UTF-8", nullable=True),
    ),
    key=("report_id",),
    checks=(
        NotBlank("report_id"),
        NotBlank("text"),
        OneOf("status", ReportStatus),
        InRange("version", low=0),
        UniqueKey(("report_id",)),
    ),
)
