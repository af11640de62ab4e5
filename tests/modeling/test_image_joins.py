"""Images joined to studies: OpenI, NIH, CheXpert, mined reports."""

from __future__ import annotations

import gzip
import importlib.util
import os
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from data_contracts import IMAGES, REPORTS, labels_contract, read_table
from mining import stages
from mining.settings import MiningSettings
from modeling.chexpert import CheXpertError, join_chexpert
from modeling.image_joins import join_entries, join_reports, named_after_studies
from modeling.images import ImageSet, scan_images
from modeling.nih import read_data_entry
from modeling.openi import OpenIError, join_openi, openi_views, parse_name
from modeling.targets import targets_from_labels
from modeling.views import is_frontal
from tests.mining.ingest.ingest_sources import openi_xml
from tests.modeling.image_files import adds_up, scan


def _labels(rows: dict[str, str | None]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {"report_id": key, "Mass": state, "no_finding": False, "normal": False}
            for key, state in rows.items()
        ],
        schema=labels_contract(["Mass"]).schema,
    )


def _with_study(found: ImageSet, studies: list[str | None]) -> ImageSet:
    column = found.images.schema.get_field_index("study_id")
    images = found.images.set_column(column, "study_id", pa.array(studies, pa.string()))
    return ImageSet(images.cast(IMAGES.schema), found.rejects, found.people, found.counts)


def test_reports_are_joined_by_study(tmp_path: Path) -> None:
    found = scan(tmp_path, ["a.png", "b.png", "c.png", "d.png", "e.png"])
    found = _with_study(found, ["S1", "S1", "S2", None, "S3"])
    reports = pa.Table.from_pylist(
        [
            {"report_id": "r1", "study_id": "S1", "patient_id": "P1", "text": "x"},
            {"report_id": "r2", "study_id": "S2", "text": "x"},
            {"report_id": "r3", "study_id": "S2", "text": "x"},
            {"report_id": "r4", "study_id": "S3", "text": "x"},
        ],
        schema=REPORTS.schema,
    )
    joined = join_reports(found, _labels({"r1": "present", "r2": None, "r3": None}), reports)
    assert joined.report_ids == ("r1", "r1")
    assert joined.found.images["patient_id"].to_pylist() == ["P1", "P1"]
    reasons = joined.found.rejects.to_pylist()
    assert [(row["key"], row["reason"]) for row in reasons] == [
        ("c.png", "two candidate reports"),
        ("d.png", "no study"),
        ("e.png", "no report of its study"),
    ]
    assert adds_up(joined.found)


def test_nih_entries_give_patient_view_and_person(tmp_path: Path) -> None:
    names = ["images_001/00000007_000.png", "images_002/00000007_001.png", "other.png"]
    found = scan(tmp_path / "images", names)
    table = tmp_path / "Data_Entry_2017.csv"
    header = (
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,"
        "View Position,OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
    )
    table.write_text(
        f"{header}\n00000007_000.png,Mass|Nodule,0,7,61,F,PA,10,10,1,1\n"
        "00000007_001.png,No Finding,1,7,62,F,AP,10,10,1,1\n"
        "00000008_000.png,No Finding,0,8,50,M,PA,10,10,1,1\n"
    )
    entries = read_data_entry(table)
    found = join_entries(found, entries.entries)
    assert found.images["patient_id"].to_pylist() == ["7", "7"]
    assert found.images["view"].to_pylist() == ["PA", "AP"]
    assert found.people["age"].to_pylist() == [61, 62]
    assert found.counts["missing file"] == 1 and found.counts["no study"] == 1
    assert adds_up(found)
    joined = join_reports(found, entries.labels)
    targets = targets_from_labels(entries.labels, ["Mass"], report_ids=joined.report_ids)
    assert targets.values.tolist() == [[1], [0]]


CHEXPERT = (
    "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Pleural Effusion,Edema,Support Devices\n"
    "CheX/train/patient1/study1/view1_frontal.jpg,Female,68,Frontal,AP,,1.0,-1.0,\n"
    "CheX/train/patient1/study1/view2_lateral.jpg,Female,68,Lateral,,,1.0,-1.0,\n"
    "CheX/train/patient2/study1/view1_frontal.jpg,Male,0,Frontal,,1.0,0.0,,1.0\n"
    "CheX/train/patient3/study1/view1_frontal.jpg,Male,5,Frontal,PA,,1.0,,\n"
    "CheX/train/patient3/study1/view2_frontal.jpg,Male,5,Frontal,PA,,0.0,,\n"
    "CheX/train/patient4/study1/view1_frontal.jpg,Male,5,Frontal,PA,,,,\n"
)


def test_chexpert(tmp_path: Path) -> None:
    names = [
        "patient1/study1/view1_frontal.jpg", "patient1/study1/view2_lateral.jpg",
        "patient2/study1/view1_frontal.jpg", "patient3/study1/view1_frontal.jpg",
        "patient3/study1/view2_frontal.jpg", "patient9/study1/view1_frontal.jpg",
    ]  # fmt: skip
    found = scan(tmp_path / "images", names, image_ids="path")
    (tmp_path / "train.csv").write_text(CHEXPERT)
    chexpert = join_chexpert(found, tmp_path / "train.csv")
    images = chexpert.found.images
    assert images["view"].to_pylist() == ["AP", "LATERAL", "FRONTAL"]
    assert images["patient_id"].to_pylist() == ["patient1", "patient1", "patient2"]
    assert chexpert.found.people["age"].to_pylist() == [68, 68, None]
    assert [chexpert.found.counts[reason] for reason in ("no study", "two candidate reports",
            "missing file")] == [1, 2, 1]  # fmt: skip
    labels = {row["report_id"]: row for row in chexpert.labels.to_pylist()}
    one, two = labels["patient1/study1"], labels["patient2/study1"]
    assert (one["Effusion"], one["Edema"], one["Support Devices"]) == ("present", "uncertain", None)
    assert (two["Effusion"], two["no_finding"], two["normal"]) == ("absent", False, True)
    assert "patient3/study1" not in labels
    joined = join_reports(chexpert.found, chexpert.labels)
    assert len(joined.report_ids) == 3 and adds_up(joined.found)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [("Age,", "Years,", "no column 'Age'"), ("-1.0", "2", "1, 0, -1 or blank"),
     ("CheX/train/patient4/study1/", "", "short Path")],
)  # fmt: skip
def test_chexpert_csv_with_a_slip(tmp_path: Path, old: str, new: str, message: str) -> None:
    (tmp_path / "train.csv").write_text(CHEXPERT.replace(old, new))
    found = scan(tmp_path / "images", ["a.png"])
    with pytest.raises(CheXpertError, match=message):
        join_chexpert(found, tmp_path / "train.csv")


def test_chexpert_finding_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(CHEXPERT)
    with pytest.raises(CheXpertError, match="no column for Hernia"):
        join_chexpert(scan(tmp_path, ["a.png"]), tmp_path / "train.csv", findings=["Hernia"])


@pytest.mark.parametrize(
    ("name", "report_id", "key"),
    [("CXR1_1_IM-0001-3001.png", "CXR1", "CXR1_IM-0001-3001"),
     ("CXR3999_IM-2049-1001", "CXR3999", "CXR3999_IM-2049-1001"),
     ("deep/CXR12_IM-0133-1001-0001.dcm", "CXR12", "CXR12_IM-0133-1001-0001")],
)  # fmt: skip
def test_openi_names(name: str, report_id: str, key: str) -> None:
    parsed = parse_name(name)
    assert parsed is not None and (parsed.report_id, parsed.key) == (report_id, key)


@pytest.mark.parametrize("name", ["CXR12.png", "xCXR1_IM-1.png", "00000001_000.png", ""])
def test_names_that_are_not_openis(name: str) -> None:
    assert parse_name(name) is None


def _metadata(folder: Path, stated: dict[str, str], derived: dict[str, str]) -> Path:
    files = (("nlmcxr_dicom_metadata", "View Position", stated), ("nlmcxr_tsne_pa", "tsne-view",
             derived))  # fmt: skip
    (folder / "data").mkdir()
    for name, column, rows in files:
        lines = [f"imageid,{column}", *(f"{key},{value}" for key, value in rows.items())]
        with gzip.open(folder / "data" / f"{name}.csv.gz", "wt") as stream:
            stream.write("\n".join(lines) + "\n")
    return folder


def test_openi_views_stated_derived_and_contradictory(tmp_path: Path) -> None:
    stated = {"CXR1_IM-1": "PA", "CXR2_IM-1": "", "CXR3_IM-1": "", "CXR4_IM-1": "PA",
              "CXR5_IM-1": "LL", "CXR6_IM-1": "AP", "CXR7_IM-1": ""}  # fmt: skip
    derived = {"CXR1_1_IM-1": "PA", "CXR2_IM-1": "PA", "CXR3_IM-1": "L", "CXR4_IM-1": "L",
               "CXR5_IM-1": "PA"}  # fmt: skip
    assert openi_views(_metadata(tmp_path, stated, derived)) == {
        "CXR1_IM-1": "PA", "CXR2_IM-1": "FRONTAL", "CXR3_IM-1": "LATERAL", "CXR6_IM-1": "AP",
    }  # fmt: skip


def test_openi_metadata_with_other_columns(tmp_path: Path) -> None:
    _metadata(tmp_path, {}, {})
    with gzip.open(tmp_path / "data" / "nlmcxr_tsne_pa.csv.gz", "wt") as stream:
        stream.write("imageid,view\n")
    with pytest.raises(OpenIError, match="no column 'tsne-view'"):
        openi_views(tmp_path)


def test_openi_views_of_the_installed_metadata() -> None:
    if importlib.util.find_spec("torchxrayvision") is None:
        pytest.skip("torchxrayvision is not installed")
    views = list(openi_views().values())
    frontal = sum(view in ("PA", "AP", "FRONTAL") for view in views)
    assert 4500 < frontal < len(views) < 7470
    assert "torchxrayvision" not in sys.modules


def _report(folder: Path, report_id: str, findings: str) -> None:
    (folder / f"{report_id}.xml").write_bytes(openi_xml(report_id, {"FINDINGS": findings}))


def test_from_a_reports_text_to_targets(tmp_path: Path) -> None:
    """The whole road: OpenI's XML → mined labels; phantom pictures by OpenI's names → targets."""
    source, out = tmp_path / "reports", tmp_path / "mined"
    source.mkdir()
    _report(source, "CXR9001", "The heart is enlarged. No pleural effusion.")
    _report(source, "CXR9002", "There is a small left pneumothorax. Possible effusion.")
    _report(source, "CXR9003", "The lungs are clear.")
    mined = _mine(source, out)

    names = [
        "CXR9001_1_IM-0001-1001.png", "CXR9001_1_IM-0001-2001.png", "CXR9002_IM-0002-1001.png",
        "CXR9003_IM-0003-1001.png", "CXR9009_IM-0009-1001.png", "portrait.png",
    ]  # fmt: skip
    found = scan(tmp_path / "images", names)
    views = {"CXR9001_IM-0001-1001": "PA", "CXR9001_IM-0001-2001": "LL"}
    views |= {"CXR9002_IM-0002-1001": "AP", "CXR9003_IM-0003-1001": "FRONTAL"}
    joined = join_reports(join_openi(found, views), mined["labels"], mined["reports"])
    assert joined.report_ids == ("CXR9001", "CXR9001", "CXR9002", "CXR9003")
    assert is_frontal(joined.found.images).to_pylist() == [True, False, True, True]
    assert {row["key"]: row["reason"] for row in joined.found.rejects.to_pylist()} == {
        "portrait.png": "no study",
        "CXR9009_IM-0009-1001.png": "no report of its study",
    }
    findings = ("Cardiomegaly", "Effusion", "Pneumothorax")
    targets = targets_from_labels(mined["labels"], findings, report_ids=joined.report_ids)
    expected = [[1, 0, 0], [1, 0, 0], [0, np.nan, 1], [0, 0, 0]]
    np.testing.assert_array_equal(targets.values, expected)


def _mine(source: Path, out: Path) -> dict[str, pa.Table]:
    where = {name: out / name for name in ("ingest", "sentences", "parse", "mine", "label")}
    for folder in where.values():
        folder.mkdir(parents=True)
    settings = MiningSettings()
    reports = where["ingest"] / "reports.parquet"
    stages.ingest(str(source), where["ingest"], settings=settings)
    stages.sentences(reports, where["sentences"], settings=settings)
    sentences, distinct = (where["sentences"] / f"{n}.parquet" for n in ("sentences", "distinct"))
    stages.parse(distinct, where["parse"], settings=settings)
    parses = where["parse"] / "parses.parquet"
    stages.mine(sentences, distinct, parses, where["mine"], settings=settings)
    stages.label(reports, where["mine"] / "mentions.parquet", where["label"], settings=settings)
    return {
        "reports": read_table(reports),
        "labels": read_table(where["label"] / "labels.parquet"),
    }


def test_a_file_is_of_the_study_or_the_report_that_it_is_named_after(tmp_path: Path) -> None:
    found = scan(tmp_path, ["s1.png", "r2.png", "s3.png", "other.png", "s4.png"])
    found = _with_study(found, [None, None, "own", None, None])
    reports = pa.table(
        {"report_id": ["r1", "r2", "r3"], "study_id": ["s1", "s2", "s3"], "patient_id": ["p"] * 3}
    )
    labels = _labels({"r1": None, "r2": None, "r3": None, "s4": None})
    named = named_after_studies(found, labels, reports)
    own = dict(
        zip(found.images["image_id"].to_pylist(), found.images["study_id"].to_pylist(), strict=True)
    )
    after = dict(
        zip(named.images["image_id"].to_pylist(), named.images["study_id"].to_pylist(), strict=True)
    )
    expected = {"s1.png": "s1", "r2.png": "s2", "s3.png": "s3", "other.png": None, "s4.png": None}
    assert after == {name: own[name] or study for name, study in expected.items()}
    assert "own" in after.values() and adds_up(named)


def test_real_nih_images() -> None:
    data = os.environ.get("CXRMINE_DATA")
    if not data:
        pytest.skip("CXRMINE_DATA is not set")
    nih = Path(data) / "nih"
    found = scan_images(nih / "images448", size=(448, 448))
    assert found.counts["kept"] + found.rejects.num_rows == 1289
    entries = read_data_entry(nih / "labels.csv")
    joined = join_entries(found, entries.entries)
    assert adds_up(joined) and joined.images.num_rows > 1250
    assert set(joined.images["view"].to_pylist()) == {"PA", "AP"}
