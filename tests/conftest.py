"""What all tests share: nothing of the user's is touched, and reports of our own to mine."""

import csv
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no bug: tests that bound their time say so themselves.
settings.register_profile("cxrmine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("cxrmine")

# Before any test imports Prefect, which reads its environment once.
os.environ["CXRMINE_CACHE"] = tempfile.mkdtemp(prefix="cxrmine-tests-")
os.environ.pop("PREFECT_API_URL", None)

# Made up.
REPORTS = [
    ("R1", "FINDINGS: The heart is enlarged. No pleural effusion. IMPRESSION: Cardiomegaly."),
    ("R2", "FINDINGS: Small left pleural effusion with adjacent atelectasis. No pneumothorax."),
    ("R3", "IMPRESSION: No acute disease."),
    ("R4", "FINDINGS: Patchy opacity at the base may represent pneumonia. IMPRESSION: As above."),
    ("R5", "INDICATION: Rule out pneumothorax. FINDINGS: Lungs are clear. Heart size is normal."),
    ("R6", "FINDINGS: There is a 2 cm nodule in the right upper lobe. IMPRESSION: Lung nodule."),
]


WriteReports = Callable[[Path, list[tuple[str, str]]], Path]


@pytest.fixture(scope="session")
def write_reports() -> WriteReports:
    """Writes a CSV file of reports with the columns report_id and text."""

    def write(path: Path, rows: list[tuple[str, str]]) -> Path:
        with path.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([("report_id", "text"), *rows])
        return path

    return write


@pytest.fixture(scope="session")
def sample_reports() -> list[tuple[str, str]]:
    """Id and text of six made-up reports."""
    return REPORTS


@pytest.fixture
def reports_csv(tmp_path: Path, write_reports: WriteReports) -> Path:
    """The six reports in a CSV file."""
    return write_reports(tmp_path / "reports.csv", REPORTS)
