"""`cxrmine run --images`: from reports and images to labels, a network and boxes in one go."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from data_contracts import BOXES, IMAGES, content_hash, read_table
from flows.cli.app import app
from flows.image_folder import images_table
from modeling.checkpoints import find_checkpoint, read_card
from tests.flows.phantoms import TINY
from tests.modeling.image_files import pattern, write_dicom, write_png
from tests.modeling.sight import small_phantoms

SETS = [
    word
    for name, value in {**TINY, "steps": 2, "checkpoints": 1, "validations": 1}.items()
    for word in ("--set", f"{name}={value}")
]
Run = Callable[..., Result]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One store for all tests here: what one has made, the others find."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXRMINE_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_phantoms(tmp_path_factory.mktemp("phantoms") / "set", count=24).folder


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["run", *map(str, words)])


def whole(phantoms: Path, out: Path, *more: object) -> Result:
    return run(
        phantoms / "reports.jsonl", "--images", phantoms, "--out", out, "--findings", "chestxray8",
        "--truth", phantoms / "boxes.parquet", *SETS, *more,
    )  # fmt: skip


@pytest.fixture(scope="module")
def done(phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a whole run, and what it said."""
    out = tmp_path_factory.mktemp("whole") / "out"
    result = whole(phantoms, out)
    assert result.exit_code == 0, result.output
    return out, result.output


def stages(out: Path) -> dict[str, bool]:
    """Every stage of the three flows, and whether it came from the store."""
    return {
        f"{part}/{name}": stage["cached"]
        for part in ("labels", "model", "boxes")
        for name, stage in json.loads((out / part / "run.json").read_text())["stages"].items()
    }


def test_boxes_come_from_the_network_that_the_mined_labels_have_taught(
    done: tuple[Path, str],
) -> None:
    out, _ = done
    card = read_card(find_checkpoint(out / "model"))
    assert card.provenance["labels"] == content_hash(out / "labels" / "labels.parquet")
    boxes = read_table(out / "boxes" / "boxes.parquet", BOXES)
    assert set(boxes["source"].to_pylist()) == {card.checkpoint_id}
    images = read_table(out / "boxes" / "images.parquet", IMAGES)
    assert set(images["split"].to_pylist()) == {"test"}
    figures = json.loads((out / "boxes" / "box_scores.json").read_text())
    assert "untrained" in figures["baselines"]


def test_it_says_what_to_open_and_where_a_box_comes_from(done: tuple[Path, str]) -> None:
    out, said = done
    assert f"Open {out}/boxes/gallery.html" in said
    command = next(line for line in said.splitlines() if "cxrmine trace" in line)
    words = command.partition("cxrmine ")[2].split()
    traced = CliRunner().invoke(app, words)
    assert traced.exit_code == 0, traced.output
    assert words[1] in traced.output


def test_a_second_run_makes_nothing_anew(done: tuple[Path, str], phantoms: Path) -> None:
    out, _ = done
    assert not any(stages(out).values())
    before = (out / "boxes" / "boxes.parquet").read_bytes()
    assert whole(phantoms, out).exit_code == 0
    assert all(stages(out).values())
    assert (out / "boxes" / "boxes.parquet").read_bytes() == before


def test_labels_with_problems_train_nothing(phantoms: Path, tmp_path: Path) -> None:
    reports = (phantoms / "reports.jsonl").read_text().splitlines()
    broken = [json.dumps({**json.loads(line), "text": None}) for line in reports[:20]]
    (tmp_path / "r.jsonl").write_text("\n".join([*broken, *reports[20:]]) + "\n")
    result = run(
        tmp_path / "r.jsonl", "--images", phantoms, "--out", tmp_path / "out",
        "--findings", "chestxray8", *SETS,
    )  # fmt: skip
    assert result.exit_code == 3, result.output
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["labels"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["--images", "nowhere"], "nowhere: no such file"),
        (["--images", "{empty}"], "expected images"),
        (["--truth", "nowhere.csv"], "nowhere.csv"),
        (["--truth", "{reports}"], "boxes table"),
        (["--set", "stepz=3"], "nearest is steps"),
        (["--set", "mining.steps=2"], "attention-mining"),
        (["--preset", "modem"], "modern"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_mistakes_are_told_before_any_work(
    phantoms: Path, tmp_path: Path, change: list[str], said: str
) -> None:
    (tmp_path / "empty").mkdir()
    places = {"empty": tmp_path / "empty", "reports": phantoms / "reports.jsonl"}
    result = whole(phantoms, tmp_path / "out", *(word.format(**places) for word in change))
    assert result.exit_code != 0
    assert said in result.output + str(result.exception)
    assert not (tmp_path / "out").exists()


def test_settings_of_a_training_without_images_are_a_mistake(
    phantoms: Path, tmp_path: Path
) -> None:
    result = run(phantoms / "reports.jsonl", "--out", tmp_path / "out", "--set", "steps=3")
    assert result.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_a_folder_of_somebody_else_is_left_alone(phantoms: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "boxes").mkdir(parents=True)
    (tmp_path / "out" / "boxes" / "mine.txt").write_text("mine")
    assert whole(phantoms, tmp_path / "out").exit_code != 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["boxes"]


def test_a_folder_of_pictures_and_dicom_files_will_do(phantoms: Path, tmp_path: Path) -> None:
    """Pictures by the name of their study, a DICOM file by its study, and a stray."""
    images = tmp_path / "images"
    images.mkdir()
    rows = read_table(phantoms / "images.parquet", IMAGES).to_pylist()
    for row in rows[1:]:
        shutil.copyfile(phantoms / "images" / row["image_id"], images / f"{row['study_id']}.png")
    write_dicom(
        images / "first.dcm", pattern(1).astype(np.uint16) * 8,
        StudyInstanceUID=rows[0]["study_id"], PatientID=rows[0]["patient_id"], ViewPosition="PA",
    )  # fmt: skip
    (images / "notes.txt").write_text("no image")
    result = run(
        phantoms / "reports.jsonl", "--images", images, "--out", tmp_path / "out",
        "--findings", "chestxray8", *SETS,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    kept = read_table(tmp_path / "out" / "model" / "images.parquet", IMAGES)
    assert len(rows) == 24 and kept.num_rows == 24
    assert (tmp_path / "out" / "boxes" / "gallery.html").is_file()


def test_the_table_of_a_folder_is_made_once_and_again_when_a_file_has_changed(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "images"
    for number in range(2):
        write_png(folder / f"{number}.png", pattern(number))
    (folder / "notes.txt").write_text("no image")
    first = images_table(folder)
    assert read_table(first, IMAGES).num_rows == 2
    assert images_table(folder) == first
    write_png(folder / "1.png", pattern(7))
    assert images_table(folder) != first


def test_a_table_that_lies_in_the_folder_is_taken(phantoms: Path) -> None:
    assert images_table(phantoms) == phantoms / "images.parquet"
    assert images_table(phantoms / "images.parquet") == phantoms / "images.parquet"
