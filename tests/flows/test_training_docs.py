"""docs/training.md: the options and settings that it names are there, and are what it says."""

import re
from pathlib import Path

import pytest

pytest.importorskip("torch")

from typer.main import get_command

from benchmarks.full_study import _arguments
from flows.cli.app import app
from modeling.losses import LOSSES
from modeling.presets import CHESTXRAY8, MODERN

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "training.md").read_text()
CODE = re.findall(r"`([^`\n]+)`", TEXT) + [
    line for line in TEXT.splitlines() if line.startswith("    ")
]
VERBS = ("train", "ablate", "predict", "evaluate", "phantoms", "mine", "run")
TORCHRUN = {"--standalone", "--nproc_per_node"}


def known_options(capsys: pytest.CaptureFixture[str]) -> set[str]:
    """The options of every command that the page calls."""
    verbs = get_command(app).commands  # type: ignore[attr-defined]
    options = {text for name in VERBS for item in verbs[name].params for text in item.opts}
    with pytest.raises(SystemExit):
        _arguments(["--help"])
    return options | set(re.findall(r"--[a-z]+", capsys.readouterr().out)) | TORCHRUN


def test_every_option_named_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    named = {option for code in CODE for option in re.findall(r"(?<!\S)--[a-z_-]+", code)}
    assert len(named) > 20
    assert named <= known_options(capsys)


def test_every_loss_and_file_named_is_there() -> None:
    assert all(f"`{kind}`" in TEXT for kind in LOSSES)
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert links and all((ROOT / "docs" / link).is_file() for link in links)


def test_the_table_of_presets_is_that_of_the_code() -> None:
    rows = {
        cells[0].strip(): [cell.strip() for cell in cells[2:4]]
        for line in TEXT.splitlines()
        if line.startswith("| ") and len(cells := re.split(r"(?<!\\)\|", line.strip("|"))) == 4
    }
    paper, modern = CHESTXRAY8, MODERN
    assert rows["learning rate"][0].startswith(f"{paper.learning_rate:g}".lstrip("0"))
    assert float(rows["learning rate"][1].split(",")[0]) == modern.learning_rate
    assert rows["input size"] == [str(paper.image_size), str(modern.image_size)]
    assert rows["batch × iter_size"][0].startswith(f"{paper.batch} × {paper.accumulate}")
    assert rows["batch × iter_size"][1] == f"{modern.batch} × {modern.accumulate}"
    assert rows["length"][0] == f"{paper.steps:,} steps"
    assert f"{modern.epochs:g} epochs" in rows["length"][1]
    assert f"after {modern.patience} validations" in rows["length"][1]
    assert float(rows["weight decay"][1]) == modern.weight_decay
    assert float(rows["weight decay"][0].split(",")[0]) == paper.weight_decay
    assert (paper.augment, modern.augment) == (False, True)
    assert (paper.precision, modern.precision) == ("32", "auto")
