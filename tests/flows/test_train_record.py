"""run.json of a training: what it was made from is found again, and hours of work stay."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
import torchvision

from flows.localise_job import after_training
from flows.output import OutputRefused, check_target
from flows.tables import NotFound, find_labels
from flows.train_stages import TrainJob
from flows.training_record import labels_trained_on
from flows.training_run import train_here
from modeling.checkpoints import read_card
from modeling.training_run import ResumeError
from tests.flows.phantoms import make_phantoms, tiny_job
from tests.flows.test_cli_train import SMALL, call


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
def job(phantoms: Path) -> TrainJob:
    return tiny_job(phantoms, steps=1)


@pytest.fixture
def labelled(phantoms: Path, tmp_path: Path) -> TrainJob:
    """A job on a copy of the labels, which may be changed."""
    shutil.copytree(phantoms, tmp_path / "own")
    return tiny_job(tmp_path / "own", steps=1)


@pytest.fixture(scope="module")
def trained(job: TrainJob, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "out"
    train_here(job, out)
    return out


def test_the_record_names_data_and_settings(trained: Path, phantoms: Path) -> None:
    record = json.loads((trained / "run.json").read_text())
    assert record["command"] == "train" and record["status"] == "ok" and record["finished"]
    assert record["settings"]["labels"] == str(phantoms.resolve())
    assert record["settings"]["settings"]["backbone"] == "alexnet"
    provenance = read_card(trained).provenance
    assert {name: provenance[name] for name in record["data"]} == record["data"]
    assert record["versions"]["modeling"] == read_card(trained).code["modeling"]
    assert record["test"]["images"] > 0


def test_paths_are_found_from_other_folders(
    phantoms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(phantoms.parent)
    train_here(tiny_job(Path(phantoms.name), steps=1), tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    assert labels_trained_on(tmp_path / "out") == phantoms


def test_the_labels_of_a_training_are_found_while_they_are_what_they_were(
    labelled: TrainJob, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    train_here(labelled, out)
    given = labelled.labels / "labels.parquet"
    assert after_training(out).labels == labels_trained_on(out) == labelled.labels
    table = pq.read_table(given)
    pq.write_table(table.slice(0, table.num_rows - 1), given)  # mined anew, say
    assert labels_trained_on(out) == out / "labels.parquet"
    shutil.rmtree(labelled.labels)
    assert labels_trained_on(out) == out / "labels.parquet"


def test_no_other_verb_replaces_a_training(trained: Path) -> None:
    with pytest.raises(OutputRefused, match="result of train"):
        check_target(trained)


def test_other_labels_are_no_resume(labelled: TrainJob, tmp_path: Path) -> None:
    out = tmp_path / "out"
    train_here(labelled, out)
    given = labelled.labels / "labels.parquet"
    table = pq.read_table(given)
    pq.write_table(table.slice(0, table.num_rows - 1), given)
    with pytest.raises(ResumeError) as error:
        train_here(labelled, out, resume=True)
    assert error.value.key == "labels"


def test_labels_are_found_in_a_folder_that_no_run_has_written(
    phantoms: Path, tmp_path: Path
) -> None:
    assert find_labels(phantoms) == phantoms / "labels.parquet"
    with pytest.raises(NotFound, match="folder of a cxrmine run"):
        find_labels(tmp_path)


def test_weights_of_a_file_are_named_by_the_card(phantoms: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    torch.save(torchvision.models.alexnet(weights=None).state_dict(), tmp_path / "w.pth")
    assert call("train", "--labels", phantoms, "--images", phantoms, "--out", tmp_path / "o",
                *SMALL, "--weights", tmp_path / "w.pth") == 0  # fmt: skip
    digest = hashlib.sha256((tmp_path / "w.pth").read_bytes()).hexdigest()
    assert read_card(tmp_path / "o").provenance["weights"] == digest


@pytest.mark.parametrize(
    ("weights", "told"), [("imagenet", "cannot be downloaded"), ("/nowhere.pth", "no such file")]
)
def test_weights_that_cannot_be_had_are_one_line_and_leave_nothing(
    weights: str,
    told: str,
    phantoms: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nobody listens: as without a network
    assert call("train", "--labels", phantoms, "--images", phantoms, "--out", tmp_path / "o",
                *SMALL, "--weights", weights) == 2  # fmt: skip
    lines = [line for line in capsys.readouterr().err.splitlines() if "Downloading" not in line]
    assert len(lines) == 1 and told in lines[0]
    assert not (tmp_path / "o").exists()


def test_a_mistake_in_the_last_recipe_is_told_before_the_first(
    phantoms: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("ablate", "--labels", phantoms, "--images", phantoms, "--out", tmp_path / "a",
                "--grid", "loss=cel,wcell", *SMALL) == 2  # fmt: skip
    error = capsys.readouterr().err
    assert "wcell" in error and "[1/" not in error
    assert not (tmp_path / "a").exists()
