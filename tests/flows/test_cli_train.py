"""The verbs train, evaluate, predict and ablate, as a person calls them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image

from flows.cli.app import app
from flows.cli.errors import report_error
from tests.flows.phantoms import make_phantoms

SMALL = [
    "--backbone", "alexnet", "--size", "64", "--steps", "3", "--batch", "4", "--accumulate", "1",
    "--findings", "Effusion,Infiltration", "--accelerator", "cpu", "--workers", "0",
    "--set", "transition_width=16", "--set", "validations=1", "--set", "checkpoints=3",
]  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_phantoms(tmp_path_factory.mktemp("phantoms") / "set")


@pytest.fixture(scope="module")
def trained(phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "out"
    assert call("train", "--labels", phantoms, "--images", phantoms, "--out", out, *SMALL) == 0
    return out


def call(*arguments: object) -> int:
    """The exit code that `cxrmine` would end with."""
    try:
        return app([str(item) for item in arguments], standalone_mode=False) or 0
    except Exception as error:
        return report_error(error)


def test_train_leaves_checkpoint_curves_tables_and_figures(trained: Path) -> None:
    names = {path.name for path in trained.iterdir()}
    tables = {"images.parquet", "predictions.parquet", "rejects.parquet"}
    assert {"checkpoints", "steps.csv", "validation.csv", "evaluation.md", "curves.svg"} <= names
    assert tables <= names
    figures = json.loads((trained / "evaluation.json").read_text())
    assert set(figures["findings"]) == {"Effusion", "Infiltration"}
    assert figures["baseline"] is not None  # phantoms have views


def test_training_into_it_again_is_refused(
    trained: Path, phantoms: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = ["train", "--labels", phantoms, "--images", phantoms, "--out", trained, *SMALL]
    assert call(*again) == 2
    assert "a training" in capsys.readouterr().err
    assert call(*again, "--resume") == 0  # nothing left to do
    assert "3 steps" in capsys.readouterr().out


def test_evaluate_prints_the_papers_beside_ours(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("evaluate", "-c", trained, "--split", "all", "--bootstrap", 20, "--accelerator",
                "cpu", "-o", tmp_path / "e") == 0  # fmt: skip
    text = capsys.readouterr().out
    assert "40 images" in text and "ResNet-50 W-CEL" in text and "within one view" in text
    assert json.loads((tmp_path / "e" / "evaluation.json").read_text())["images"] == 40


def test_evaluate_on_other_labels_and_images(trained: Path, tmp_path: Path) -> None:
    other = make_phantoms(tmp_path / "other", 20)
    assert call("evaluate", "-c", trained, "--labels", other, "--images", other, "--split", "all",
                "--bootstrap", 5, "--accelerator", "cpu", "-o", tmp_path / "e") == 0  # fmt: skip
    assert json.loads((tmp_path / "e" / "evaluation.json").read_text())["images"] == 20


def test_predict_says_scores_and_draws(
    trained: Path, phantoms: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = sorted((phantoms / "images").iterdir())[:2]
    assert call("predict", *images, "-c", trained, "-o", tmp_path, "--json", tmp_path / "p.json",
                "--threshold", 0.01, "--device", "cpu") == 0  # fmt: skip
    text = capsys.readouterr().out
    assert text.count("Effusion") >= 2 and images[0].name in text
    body = json.loads((tmp_path / "p.json").read_text())
    assert [Path(row["image"]).name for row in body["images"]] == [path.name for path in images]
    with Image.open(tmp_path / f"{images[0].stem}.overlay.png") as picture:
        assert picture.mode == "RGB"


def test_ablate_fills_the_table(
    phantoms: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [item for item in SMALL if item != "3"]
    options.insert(options.index("--steps") + 1, "1")
    assert call("ablate", "--labels", phantoms, "--images", phantoms, "--out", tmp_path / "a",
                "--grid", "pooling=average,lse", "--grid", "r=1,10", "--seeds", 2,
                "--bootstrap", 10, *options) == 0  # fmt: skip
    figures = json.loads((tmp_path / "a" / "ablation.json").read_text())
    assert [cell["name"] for cell in figures["cells"]] == [
        "pooling=average", "pooling=lse r=1", "pooling=lse r=10",
    ]  # fmt: skip
    assert all(len(cell["seeds"]) == 2 for cell in figures["cells"])
    text = capsys.readouterr()
    assert "pooling=lse r=10" in text.out and "[6/6]" in text.err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--set", "learningrate=1"], "nearest is learning_rate"),
        (["--set", "learning_rate"], "SETTING=VALUE"),
        (["--preset", "moderne"], "chestxray8, modern"),
        (["--backbone", "resnet51"], "resnet50"),
        (["--findings", "Headache"], "Headache"),
        (["--epochs", "1"], "one of them"),
        (["--labels", "/nowhere/labels.parquet"], "/nowhere"),
    ],
)
def test_mistakes_are_one_line(
    options: list[str],
    told: str,
    phantoms: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    base = ["train", "--labels", phantoms, "--images", phantoms, "--out", tmp_path / "o", *SMALL]
    assert call(*base, *options) == 2
    error = capsys.readouterr().err
    assert told in error.splitlines()[-1]
