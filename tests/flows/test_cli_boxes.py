"""`cxrmine evaluate-boxes`: what it prints, writes and how it exits."""

import json
import sys
from pathlib import Path

import pytest

from data_contracts import BOXES, CHESTXRAY8, write_table
from flows.cli.app import main
from tests.modeling.box_cases import boxes

LIST = """\
Image Index,Finding Label,Bbox [x,y,w,h],,,
00000001_000.png,Infiltrate,0,0,100,100
00000001_000.png,Mass,500,500,100,100
00000002_000.png,Mass,200,200,100,100
"""
FOUND = boxes(
    ("00000001_000.png", "Infiltration", 0, 0, 100, 50),  # IoBB 1, IoU 1/2
    ("00000002_000.png", "Infiltration", 0, 0, 100, 50),  # false, not annotated with it
    ("00000002_000.png", "Mass", 600, 600, 100, 100),  # false
    ("00000003_000.png", "Mass", 0, 0, 100, 100),  # not in the list
)


def evaluate(folder: Path, *arguments: object, truth: str = LIST) -> tuple[int, dict]:
    """The exit code and the JSON of evaluate-boxes on the boxes above."""
    (folder / "BBox_List_2017.csv").write_text(truth)
    write_table(folder / "boxes.parquet", FOUND, BOXES)
    before = sys.argv
    sys.argv = [
        *("cxrmine", "evaluate-boxes", "--boxes", str(folder / "boxes.parquet")),
        *("--truth", str(folder / "BBox_List_2017.csv"), "--json", str(folder / "out.json")),
        *("--bootstrap", "20", *map(str, arguments)),
    ]
    try:
        main()
    except SystemExit as end:
        out = folder / "out.json"
        return int(end.code or 0), json.loads(out.read_text()) if out.exists() else {}
    finally:
        sys.argv = before
    raise AssertionError("main returned without an exit code")


def test_json_holds_the_figures(tmp_path: Path) -> None:
    code, figures = evaluate(tmp_path)
    assert code == 0
    assert figures["iobb"]["0.9"]["Infiltration"] == {
        "acc": 1.0,
        "afp": pytest.approx(1 / 3),
        "afp_own": 0.0,
    }
    assert figures["iou"]["0.5"]["Infiltration"]["acc"] == 0.0
    assert figures["iobb"]["0.1"]["Mass"] == {
        "acc": 0.0,
        "afp": pytest.approx(1 / 3),
        "afp_own": pytest.approx(1 / 3),
    }
    assert set(figures["iobb"]["0.1"]) == set(CHESTXRAY8)
    assert figures["counts"]["left_out"]["outside_the_rows"] == 1


@pytest.mark.parametrize(
    ("rows", "infiltration", "mass"), [("all", 1, 1), ("own", 0, 1), ("rows.txt", 1, 2)]
)
def test_rows_decide_which_boxes_count(
    tmp_path: Path, rows: str, infiltration: int, mass: int
) -> None:
    listed = tmp_path / "rows.txt"
    listed.write_text("00000001_000.png\n00000002_000.png\n00000003_000.png\n")
    _, figures = evaluate(tmp_path, "--rows", listed if rows == "rows.txt" else rows)
    afp = [figures["iobb"]["0.1"][name]["afp"] * 3 for name in ("Infiltration", "Mass")]
    assert afp == pytest.approx([infiltration, mass])


def test_table_stands_beside_the_paper(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    evaluate(tmp_path)
    text = capsys.readouterr().out
    assert "rows with boxes: all" in text
    assert "0.7277" in text and "0.6888" in text and "0.6222" in text  # Tables 4, 7, v5 19
    assert max(map(len, text.splitlines())) <= 100


def test_broken_truth_fails_after_its_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, figures = evaluate(tmp_path, truth=LIST + "00000004_000.png,Mass,1,2,3\n")
    assert code == 3
    assert figures["counts"]["rejects"] == {"boxes": 0, "truth": 1}
    assert "1 of 4 rows were refused" in capsys.readouterr().err


def test_boxes_of_other_images_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, figures = evaluate(tmp_path, truth=LIST.replace(".png", ".jpg"))
    assert code == 0 and figures["iobb"]["0.1"]["Mass"]["acc"] == 0
    assert "none of its boxes is in these rows" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(("--rows", "nowhere.txt"), "nowhere.txt"), (("--truth", "nowhere.csv"), "nowhere.csv")],
)
def test_missing_file_is_the_users_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, str], word: str
) -> None:
    assert evaluate(tmp_path, *arguments)[0] == 2
    assert word in capsys.readouterr().err
