from __future__ import annotations

from pathlib import Path

import pytest

from data_contracts import CHESTXRAY14
from mining.audit import gold_differences, read_gold
from mining.audit.gold import GoldError, mark_unjudged


def write(folder: Path, text: str, name: str = "gold.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def values(table, column):
    return table[column].to_pylist()


@pytest.mark.parametrize("key", ["report_id", "filename", "ID", "Study ID", "uId", "Accession"])
def test_key_column_is_detected(tmp_path, key):
    gold = read_gold(write(tmp_path, f"Mass,{key}\n1,r1\n0,r2\n"))
    assert values(gold, "report_id") == ["r1", "r2"]


def test_key_column_can_be_named(tmp_path):
    gold = read_gold(write(tmp_path, "id,case,Mass\n7,r1,1\n"), key="case")
    assert values(gold, "report_id") == ["r1"]


@pytest.mark.parametrize(
    ("column", "finding"),
    [
        ("atelectasis", "Atelectasis"),
        ("Pleural Thickening", "Pleural_Thickening"),
        ("pleural_thickening", "Pleural_Thickening"),
        ("Pleural_Thickening", "Pleural_Thickening"),
        ("Pleural Effusion", "Effusion"),
        ("INFILTRATE", "Infiltration"),
        ("Oedema", "Edema"),
    ],
)
def test_finding_is_known_by_case_alias_and_nih_name(tmp_path, column, finding):
    gold = read_gold(write(tmp_path, f"id,{column}\nr1,1\nr2,0\n"))
    assert [bool(value) for value in values(gold, finding)] == [True, False]


@pytest.mark.parametrize(
    "key", ["CXR7.xml", "reports/CXR7.XML", "/data/a b/CXR7", r"C:\reports\CXR7.txt", " CXR7 "]
)
def test_key_loses_folders_and_suffix(tmp_path, key):
    assert values(read_gold(write(tmp_path, f"id,Mass\n{key},1\n")), "report_id") == ["CXR7"]


def test_slashes_stay_when_keys_are_no_paths(tmp_path):
    path = write(tmp_path, "id,Mass\n2020/7,1\n2021/7,0\n")
    assert values(read_gold(path, strip_paths=False), "report_id") == ["2020/7", "2021/7"]
    with pytest.raises(GoldError, match="lines 2 and 3"):
        read_gold(path)


def test_missing_column_and_empty_cell_are_null(tmp_path):
    gold = read_gold(write(tmp_path, "id,Mass,Nodule\nr1,,1\n"))
    assert values(gold, "Mass") == [None]
    assert values(gold, "Edema") == [None]
    assert values(gold, "normal") == [None]


def test_normal_and_judged_are_read(tmp_path):
    gold = read_gold(write(tmp_path, "id,Mass,Normal,judged\nr1,0,1,\nr2,0,0,0\n"))
    assert [bool(value) for value in values(gold, "normal")] == [True, False]
    assert values(gold, "judged") == [True, False]


def test_other_columns_are_ignored(tmp_path):
    gold = read_gold(write(tmp_path, "id,Fracture,Mass,comment\nr1,9,1,why\n"))
    assert "Fracture" not in gold.column_names


def test_tab_separated_file_with_mark_and_blank_lines(tmp_path):
    path = write(tmp_path, "\ufeffid\tMass\r\n\r\nr1\t1.0\r\n", name="gold.tsv")
    assert [bool(value) for value in values(read_gold(path), "Mass")] == [True]


def test_annotator_is_the_file_unless_given(tmp_path):
    path = write(tmp_path, "id,Mass\nr1,1\n")
    assert values(read_gold(path), "annotator") == ["gold.csv"]
    assert values(read_gold(path, annotator="Dr A"), "annotator") == ["Dr A"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no header"),
        ("patient,Mass\np1,1\n", "patient, Mass.*key column"),
        ("id,Fracture\nr1,1\n", "id, Fracture.*at least one finding"),
        ("id,Edema,edema\nr1,1,1\n", "Edema, edema.*one column for Edema"),
        ("id,Mass\nr1,1\nr2,0\nr1,0\n", "lines 2 and 4.*'r1' twice"),
        ("id,Mass\nr1,1\nr1.xml,1\n", "lines 2 and 3.*'r1' twice"),
        ("id,Mass\nr1,-1\n", "line 2, column Mass"),
        ("id,Mass\nr1,yes maybe\n", "line 2, column Mass"),
        ("id,Mass\nr1\n", "line 2.*1 cells.*2"),
        ("id,Mass\n,1\n", "line 2.*empty key"),
    ],
)
def test_error_says_where_and_what(tmp_path, text, says):
    with pytest.raises(GoldError, match=says) as caught:
        read_gold(write(tmp_path, text))
    assert "gold.csv" in str(caught.value)


def test_named_key_that_is_missing_lists_the_columns(tmp_path):
    with pytest.raises(GoldError, match=r"columns id, Mass.*'case'"):
        read_gold(write(tmp_path, "id,Mass\nr1,1\n"), key="case")


def test_file_that_is_not_utf8_says_at_which_byte(tmp_path):
    path = tmp_path / "gold.csv"
    path.write_bytes(b"id,Mass\n\xff,1\n")
    with pytest.raises(GoldError, match="byte 8"):
        read_gold(path)


def test_error_does_not_repeat_a_cell(tmp_path):
    with pytest.raises(GoldError) as caught:
        read_gold(write(tmp_path, "id,Mass\nr1,a sentence of a report\n"))
    assert "sentence" not in str(caught.value)


def test_unjudged_reports_can_be_marked(make_gold):
    gold = mark_unjudged(make_gold({"r1": {}, "r2": {}}), ["r2", "r9"])
    assert values(gold, "judged") == [True, False]


def test_differences_count_reports_that_both_golds_hold(make_gold):
    one = make_gold({"r1": {"Hernia": True}, "r2": {"Mass": True}, "r3": {"Mass": True}})
    other = make_gold({"r1": {}, "r2": {"Mass": True}, "r4": {"Mass": True}})
    found = {row["finding"]: row for row in gold_differences(one, other).to_pylist()}
    assert found["Hernia"]["only_one"] == 1
    assert found["Mass"]["both"] == 1
    assert found["Mass"]["neither"] == 1
    assert set(found) == {*CHESTXRAY14, "normal"}
