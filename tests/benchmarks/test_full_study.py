"""The full study: its plan, and parts of it walked on phantoms under NIH's names."""

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

from benchmarks.full_study import SMOKE, Part, Scale, StudyError, main, plan, run_parts
from benchmarks.full_study_page import ablation_rows, write_page
from benchmarks.nih_phantoms import write_as_nih
from data_contracts import CHESTXRAY8, IMAGES, read_table
from modeling.nih import read_box_list, read_data_entry
from modeling.presets import preset

PARTS = ["backbones", "losses", "pooling", "resnet50", "densenet121", "boxes", "speed"]


@pytest.fixture(scope="module")
def nih(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_as_nih(tmp_path_factory.mktemp("set") / "nih", count=30, size=64)


def values(part: Part, option: str) -> list[str]:
    """What is given for an option, each time it comes."""
    words = part.command
    return [words[n + 1] for n, word in enumerate(words) if word == option]


def test_phantoms_are_laid_out_as_nih_releases_its_images(nih: Path) -> None:
    entries = read_data_entry(nih / "Data_Entry_2017.csv")
    boxes = read_box_list(nih / "BBox_List_2017.csv")
    assert entries.labels.num_rows == 30 and not entries.rejects.num_rows
    assert boxes.accepted.num_rows and not boxes.rejects.num_rows
    assert {path.name for path in (nih / "images").iterdir()} == set(
        entries.labels["report_id"].to_pylist()
    )
    shown = {
        (row["report_id"], name)
        for row in entries.labels.to_pylist()
        for name in CHESTXRAY8
        if row[name] == "present"
    }
    columns = (boxes.accepted[name].to_pylist() for name in ("image_id", "finding"))
    assert set(zip(*columns, strict=True)) == shown
    assert max(boxes.accepted["x"].to_pylist()) > 64  # in pixels of 1024


def test_no_patient_of_the_phantoms_is_in_both_lists(nih: Path) -> None:
    train, test = (
        {name[:8] for name in (nih / file).read_text().split()}
        for file in ("train_val_list.txt", "test_list.txt")
    )
    assert train and test and not train & test


def test_the_plan_is_the_papers_tables(nih: Path, tmp_path: Path) -> None:
    parts = {part.name: part for part in plan(nih, tmp_path, Scale())}
    assert list(parts) == PARTS
    backbones = values(parts["backbones"], "--grid")[0]
    assert set(backbones.split("=")[1].split(",")) == {
        "resnet50", "alexnet", "googlenet", "vgg16", "densenet121",
    }  # fmt: skip
    rs = next(text for text in values(parts["pooling"], "--grid") if text.startswith("r="))
    assert sorted(map(float, rs[2:].split(","))) == [0.1, 0.5, 1, 5, 8, 10, 12]
    assert values(parts["backbones"], "--seeds") == ["3"]
    for name in ("backbones", "losses", "pooling", "resnet50"):  # the paper's recipe
        assert "--preset" not in parts[name].command
        assert values(parts[name], "--steps") == [str(preset("chestxray8").steps)]
        assert values(parts[name], "--weights") == ["imagenet"]
    assert values(parts["resnet50"], "--split") == [str(nih)]
    assert values(parts["resnet50"], "--findings") == ["chestxray14"]


def test_files_that_are_missing_are_named(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    with pytest.raises(StudyError, match=r"BBox_List_2017\.csv, test_list\.txt.*--smoke"):
        plan(tmp_path, tmp_path, SMOKE)


def test_commands_are_shown_and_none_is_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--smoke", "--show", "--out", str(tmp_path)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(PARTS)
    assert not (tmp_path / "study.md").exists() and not (tmp_path / "backbones").exists()


def test_another_study_in_the_folder_is_refused(nih: Path, tmp_path: Path) -> None:
    given = ["--data", str(nih), "--show", "--out", str(tmp_path)]
    assert main(given) == 0
    with pytest.raises(StudyError, match="steps 10000"):
        main([*given, "--steps", "9"])


def test_a_part_that_fails_stops_no_other_and_one_that_is_done_is_not_repeated(
    tmp_path: Path,
) -> None:
    (tmp_path / "before.md").write_text("")
    parts = [
        Part("broken", ("false",), "broken.md"),
        Part("before", ("false",), "before.md"),
        Part("empty", ("true",), "empty.md"),
        Part("whole", ("touch", str(tmp_path / "whole.md")), "whole.md"),
    ]
    assert run_parts(parts, tmp_path) == {
        "broken": "failed with exit code 1",
        "before": "done before",
        "empty": "failed with exit code 0",
        "whole": "done",
    }


def test_the_page_says_what_was_not_run(tmp_path: Path) -> None:
    write_page(tmp_path, dict.fromkeys(PARTS, "command"), smoke=False)
    assert (tmp_path / "study.md").read_text().count("Not run.") == len(PARTS)


@pytest.mark.slow
def test_parts_of_the_study_on_phantoms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CXRMINE_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "out"
    given = ["--smoke", "--out", str(out), "--only", "losses", "resnet50", "boxes"]
    assert main(given) == 0
    assert "boxes: done" in capsys.readouterr().out
    page = (out / "study.md").read_text()
    assert page.count("Not run.") == 4
    assert "smoke test" in page and "ResNet-50 W-CEL (paper)" in page
    assert "AUC per finding, as Table 17" in page and "Acc" in page
    assert str(tmp_path) not in page
    rows = ablation_rows(out / "losses" / "ablation.json")
    assert list(rows) == ["loss=wcel", "loss=cel", "loss=hinge", "loss=euclidean"]
    assert all(set(auc) == set(CHESTXRAY8) for auc, _ in rows.values())
    listed = set((out / "nih" / "test_list.txt").read_text().split())
    images = read_table(out / "resnet50" / "images.parquet", IMAGES).to_pylist()
    assert {row["image_id"] for row in images if row["split"] == "test"} == listed
    assert main(given) == 0  # nothing is left to do
    assert json.loads((out / "plan.json").read_text())["size"] == 64
    assert "boxes: done before" in capsys.readouterr().out
