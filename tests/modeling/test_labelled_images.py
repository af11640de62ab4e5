"""Labels and images brought together: whose study a DICOM file is."""

from pathlib import Path

import pyarrow as pa
import pytest

from data_contracts import labels_contract, write_table
from modeling.labelled_images import LabelledImagesError, bring_together
from tests.modeling.image_files import pattern, write_dicom

FINDINGS = ("Effusion",)
UIDS = ["1.2.840.1", "1.2.840.2"]


def write_labels(folder: Path, report_ids: list[str]) -> Path:
    rows = [
        {"report_id": key, "Effusion": "present", "no_finding": False, "normal": False}
        for key in report_ids
    ]
    contract = labels_contract(FINDINGS)
    table = pa.Table.from_pylist(rows, schema=contract.schema)
    write_table(folder / "labels.parquet", table, contract)
    return folder / "labels.parquet"


@pytest.fixture
def dicoms(tmp_path: Path) -> Path:
    """Two studies, known by UID and by accession number."""
    folder = tmp_path / "dicom"
    folder.mkdir()
    for n, uid in enumerate(UIDS):
        write_dicom(
            folder / f"{n}.dcm", pattern(n).astype("uint16") * 16, StudyInstanceUID=uid,
            AccessionNumber=f"A{n}", PatientID=f"P{n}", ViewPosition="PA",
        )  # fmt: skip
    return folder


@pytest.mark.parametrize("keys", [UIDS, ["A0", "A1"]])
def test_dicom_finds_its_report_by_uid_or_by_accession_number(
    keys: list[str], dicoms: Path, tmp_path: Path
) -> None:
    found = bring_together(write_labels(tmp_path, keys), dicoms, workers=1)
    assert found.report_ids == tuple(keys)
    assert found.images["study_id"].to_pylist() == keys
    assert found.images["patient_id"].to_pylist() == ["P0", "P1"]
    assert not found.rejects.num_rows


def test_where_uids_are_known_an_accession_number_joins_nobody_else(
    dicoms: Path, tmp_path: Path
) -> None:
    found = bring_together(write_labels(tmp_path, [UIDS[0], "A1"]), dicoms, workers=1)
    assert found.report_ids == (UIDS[0],) and found.rejects.num_rows == 1


def test_without_any_report_the_reason_is_told(dicoms: Path, tmp_path: Path) -> None:
    with pytest.raises(LabelledImagesError, match="no report of its study"):
        bring_together(write_labels(tmp_path, ["B"]), dicoms, workers=1)
