"""NIH's files as they are, boxes tables from any hand, and lists of rows."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts import BOXES, CHESTXRAY8, REJECTS, labels_contract
from modeling.box_files import RowsFileError, read_boxes, read_rows
from modeling.nih import NihFileError, read_box_list, read_data_entry

ODD_HEADER = "Image Index,Finding Label,Bbox [x,y,w,h],,,"
BOX = "00000001_000.png,Infiltrate,225.5,547.0,86.7,79.1"
ENTRY_HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
ENTRY = "00000001_000.png,Cardiomegaly|Pleural_Thickening,3,1,58,M,PA,2682,2749,0.143,0.143"


def write(path: Path, *lines: str) -> Path:
    text = "\n".join(lines) + "\n"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("name", "header", "row"),
    [
        ("b.csv", ODD_HEADER, BOX),
        ("b.csv.gz", ODD_HEADER, BOX),
        ("b.csv", ODD_HEADER, BOX + ",,,"),
        ("b.csv", "\ufeff" + ODD_HEADER, BOX),
        ("b.csv", 'Image Index,Finding Label,"Bbox [x,y,w,h]",,,', BOX),
        ("b.csv", "Image Index,Finding Label,Bbox [x,y,w,h]", BOX),
        ("b.csv", "Image Index,Finding Label,x,y,w,h", BOX),
    ],
    ids=["as released", "gzip", "nine cells", "byte order mark", "quoted", "six names", "plain"],
)
def test_box_list_is_read_whatever_its_header(
    tmp_path: Path, name: str, header: str, row: str
) -> None:
    checked = read_box_list(write(tmp_path / name, header, row))
    assert checked.rejects.num_rows == 0
    assert checked.accepted.schema == BOXES.schema
    assert checked.accepted.to_pylist() == [
        {
            "image_id": "00000001_000.png",
            "finding": "Infiltration",
            "x": 225.5,
            "y": 547.0,
            "w": 86.7,
            "h": 79.1,
            "score": None,
            "source": "NIH",
        }
    ]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("a.png,Broken rib,1,2,3,4", "finding"),
        ("a.png,Mass,1,two,3,4", "y"),
        ("a.png,Mass,1,2,3", "h"),
        ("a.png,Mass,nan,2,3,4", "x"),
        ("a.png,Mass,1,2,0,4", "w"),
        ("a.png,Mass,-1,2,3,4", "x"),
        (",Mass,1,2,3,4", "image_id"),
    ],
)
def test_broken_box_is_a_reject(tmp_path: Path, row: str, column: str) -> None:
    checked = read_box_list(write(tmp_path / "b.csv", ODD_HEADER, BOX, row))
    assert checked.accepted.num_rows == 1
    assert checked.rejects.schema == REJECTS.schema
    assert checked.rejects["column"].to_pylist() == [column]


def test_box_that_stands_twice_is_kept_twice(tmp_path: Path) -> None:
    assert read_box_list(write(tmp_path / "b.csv", ODD_HEADER, BOX, BOX)).accepted.num_rows == 2


@pytest.mark.parametrize(
    ("content", "word"),
    [(b"a,b,c\n1,2,3\n", "Image Index"), (b"", "Image Index"), (b"\xff\xfe\x00", "CSV")],
)
def test_another_file_is_refused(tmp_path: Path, content: bytes, word: str) -> None:
    path = tmp_path / "other.csv"
    path.write_bytes(content)
    with pytest.raises(NihFileError, match=word):
        read_box_list(path)


def test_data_entry_gives_labels_and_patients(tmp_path: Path) -> None:
    nothing = "00000002_000.png,No Finding,0,2,034Y,F,AP,2500,2048,0.168,0.168"
    path = write(tmp_path / "Data_Entry_2017.csv", ENTRY_HEADER + ",", ENTRY, nothing)
    data = read_data_entry(path)
    assert data.rejects.num_rows == 0
    assert data.labels.schema == labels_contract().schema
    first, second = data.labels.to_pylist()
    present = [name for name, state in first.items() if state == "present"]
    assert (first["report_id"], present) == (
        "00000001_000.png",
        ["Cardiomegaly", "Pleural_Thickening"],
    )
    assert (first["no_finding"], second["no_finding"]) == (False, True)
    assert data.entries.to_pylist() == [
        dict(zip(data.entries.column_names, row, strict=True))
        for row in (
            ("00000001_000.png", "1", 58, "M", "PA", 3),
            ("00000002_000.png", "2", 34, "F", "AP", 0),
        )
    ]


def test_findings_outside_the_set_leave_an_image_not_without_finding(tmp_path: Path) -> None:
    row = ENTRY.replace("Cardiomegaly|Pleural_Thickening", "Hernia")
    path = write(tmp_path / "d.csv", ENTRY_HEADER, row)
    labels = read_data_entry(path, findings=CHESTXRAY8).labels
    assert labels.schema == labels_contract(CHESTXRAY8).schema
    assert labels["no_finding"].to_pylist() == [False]
    assert labels["Mass"].to_pylist() == [None]


@pytest.mark.parametrize(
    ("text", "years"),
    [("58", 58), ("058Y", 58), ("011M", 0), ("411", None), ("", None), ("old", None)],
)
def test_age_in_years(tmp_path: Path, text: str, years: int | None) -> None:
    path = write(tmp_path / "d.csv", ENTRY_HEADER, ENTRY.replace(",58,", f",{text},"))
    assert read_data_entry(path).entries["age"].to_pylist() == [years]


@pytest.mark.parametrize(
    ("old", "new", "column", "reason"),
    [
        ("Cardiomegaly", "Big heart", "findings", "unknown finding"),
        (",3,1,", ",3,,", "patient_id", "blank"),
        ("Cardiomegaly|Pleural_Thickening", "", "findings", "blank"),
    ],
)
def test_broken_entry_is_a_reject(
    tmp_path: Path, old: str, new: str, column: str, reason: str
) -> None:
    path = write(tmp_path / "d.csv", ENTRY_HEADER, ENTRY.replace(old, new))
    data = read_data_entry(path)
    assert (data.labels.num_rows, data.entries.num_rows) == (0, 0)
    assert data.rejects.to_pylist()[0] | {"value_sha256": None, "value_length": None} == {
        "stage": "read_nih",
        "table": "labels",
        "key": "d.csv:2",
        "column": column,
        "reason": reason,
        "value_length": None,
        "value_sha256": None,
    }


def test_image_that_comes_again_is_a_reject(tmp_path: Path) -> None:
    data = read_data_entry(write(tmp_path / "d.csv", ENTRY_HEADER, ENTRY, ENTRY))
    assert data.labels.num_rows == 1
    assert data.rejects["reason"].to_pylist() == ["repeats the key image_id"]


def test_boxes_table_of_another_hand_is_read(tmp_path: Path) -> None:
    table = pa.table(
        {
            "h": pa.array([4, 4, 4], pa.int32()),
            "w": [3.0, 3.0, float("inf")],
            "y": pa.array([2, 2, 2], pa.uint16()),
            "x": pa.array([1, 1, 1], pa.float32()),
            "finding": pa.array(["Infiltrate", "Broken rib", "Mass"]).dictionary_encode(),
            "image_id": pa.array(["a", "b", "c"], pa.large_string()),
            "remark": ["", "", ""],
        }
    )
    pq.write_table(table, tmp_path / "b.parquet")
    checked = read_boxes(tmp_path / "b.parquet")
    assert checked.accepted.schema == BOXES.schema
    assert checked.accepted["finding"].to_pylist() == ["Infiltration"]
    assert checked.rejects["column"].to_pylist() == ["finding", "w"]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_findings_come_under_nihs_names_however_texts_are_written(
    tmp_path: Path, kind: pa.DataType
) -> None:
    names = pa.array(["Infiltrate", "infiltration", "mass"], pa.string()).cast(kind)
    places = {side: [1.0, 1.0, 1.0] for side in "xywh"}
    table = pa.table({"image_id": pa.array(["a", "b", "c"]).cast(kind), "finding": names, **places})
    pq.write_table(table, tmp_path / "b.parquet")
    checked = read_boxes(tmp_path / "b.parquet")
    assert checked.accepted["finding"].to_pylist() == ["Infiltration", "Infiltration", "Mass"]


def test_text_file_is_no_boxes_table(tmp_path: Path) -> None:
    with pytest.raises(NihFileError, match=r"\.txt"):
        read_boxes(write(tmp_path / "b.txt", "a"))


def test_rows_are_images_and_pairs(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv", "Image Index,finding", "a.png", "", "b.png,Infiltrate")
    assert read_rows(path) == {"a.png", ("b.png", "Infiltration")}


@pytest.mark.parametrize(("line", "word"), [("", "no row"), ("a.png,Broken rib", "line 1")])
def test_unreadable_rows_are_an_error(tmp_path: Path, line: str, word: str) -> None:
    with pytest.raises(RowsFileError, match=word):
        read_rows(write(tmp_path / "rows.txt", line))
