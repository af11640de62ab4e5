"""The Prefect flow `train`: kept, made anew where content changed, resumed if it was killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from data_contracts import IMAGES, PREDICTIONS, read_table
from flows.output import OutputRefused
from flows.train import run_train
from flows.train_stages import NEEDS, SOURCES, TrainJob, train_fingerprint
from modeling.checkpoints import find_checkpoint, read_card
from tests.flows.phantoms import make_phantoms, tiny_job

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A store of its own for each test, and sums in one order."""
    monkeypatch.setenv("CXRMINE_CACHE", str(tmp_path / "cache"))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield tmp_path / "cache"
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_phantoms(tmp_path_factory.mktemp("phantoms") / "set")


def cached(out: Path) -> list[str]:
    stages = json.loads((out / "run.json").read_text())["stages"]
    return [name for name, stage in stages.items() if stage["cached"]]


def test_the_flow_is_kept_and_what_changed_is_made_anew(phantoms: Path, tmp_path: Path) -> None:
    job, out = tiny_job(phantoms), tmp_path / "out"
    first = run_train(job, out)
    assert cached(out) == []
    assert {"images.parquet", "evaluation.json", "curves.svg", "validation.csv"} <= set(first.files)
    record = json.loads((out / "run.json").read_text())
    counts = record["stages"]["dataset"]
    assert counts["train"] + counts["val"] + counts["test"] == counts["images"] == 40
    card = read_card(out)
    assert card.provenance["labels"] and card.provenance["split"] and card.provenance["images"]
    assert set(read_table(out / "images.parquet", IMAGES)["split"].to_pylist()) == {
        "train", "val", "test",
    }  # fmt: skip
    scores = read_table(out / "predictions.parquet", PREDICTIONS)
    assert scores.num_rows == counts["test"] * 2
    assert set(scores["checkpoint_id"].to_pylist()) == {card.checkpoint_id}

    run_train(job, out)  # the same again
    assert cached(out) == list(NEEDS)
    run_train(replace(job, replicates=10), out)  # another judgement of the same network
    assert cached(out) == ["dataset", "train"]
    run_train(tiny_job(phantoms, learning_rate=0.02), out)  # another training of the same data
    assert cached(out) == ["dataset"]
    run_train(job, out, refresh="train")
    assert cached(out) == ["dataset"]
    assert read_card(out).checkpoint_id == card.checkpoint_id


def test_other_labels_under_the_same_name_train_anew(phantoms: Path, tmp_path: Path) -> None:
    own, out = tmp_path / "own", tmp_path / "out"
    shutil.copytree(phantoms, own)
    job = replace(tiny_job(phantoms, steps=1), labels=own)
    run_train(job, out)
    before = read_card(out).provenance
    labels = pq.read_table(own / "labels.parquet")
    turned = labels["Effusion"].to_pylist()[::-1]
    place = labels.schema.get_field_index("Effusion")
    pq.write_table(
        labels.set_column(place, labels.schema.field(place), [turned]), own / "labels.parquet"
    )
    run_train(job, out)
    assert cached(out) == []
    after = read_card(out).provenance
    assert after["labels"] != before["labels"] and after["images"] == before["images"]


_APART = """
import os, signal, sys, torch
torch.set_num_threads(1)
from pathlib import Path
import modeling.training_run as run
from flows.train import run_train
from tests.flows.phantoms import tiny_job

if __name__ == "__main__":
    phantoms, out, kill_at = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    keep = run.Run._after_step

    def after_step(self):
        keep(self)
        if self.now.step == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    run.Run._after_step = after_step
    run_train(tiny_job(phantoms), out)
"""


@pytest.mark.slow
def test_a_killed_flow_goes_on_to_the_same_weights(
    phantoms: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "apart.py"
    script.write_text(_APART)
    done = subprocess.run(
        [sys.executable, str(script), str(phantoms), str(tmp_path / "out"), "3"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    assert not (tmp_path / "out").exists()
    assert list((cache / "training").glob("*/checkpoints/step-00000003"))
    job = tiny_job(phantoms)
    run_train(job, tmp_path / "out")
    assert cached(tmp_path / "out") == ["dataset"]
    assert not list((cache / "training").glob("*/checkpoints"))  # done, and gone
    monkeypatch.setenv("CXRMINE_CACHE", str(tmp_path / "other"))
    run_train(job, tmp_path / "whole")
    one, other = (
        load_file(find_checkpoint(tmp_path / name) / "weights.safetensors")
        for name in ("out", "whole")
    )
    assert all(torch.equal(one[name], other[name]) for name in other)


def test_a_folder_of_something_else_is_refused_at_once(phantoms: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("precious")
    with pytest.raises(OutputRefused):
        run_train(tiny_job(phantoms), tmp_path / "out")


def test_the_code_named_is_there(phantoms: Path) -> None:
    job = tiny_job(phantoms)
    for stage in NEEDS:
        assert set(SOURCES[stage]) <= train_fingerprint(stage, job).keys()


@pytest.mark.parametrize("change", [{"uncertain": "one"}, {"findings": ("Mass",)}])
def test_other_targets_are_another_training(phantoms: Path, change: dict[str, object]) -> None:
    job = tiny_job(phantoms)
    other: TrainJob = replace(job, **change)  # type: ignore[arg-type]
    assert train_fingerprint("train", job) != train_fingerprint("train", other)
    assert train_fingerprint("dataset", job) == train_fingerprint("dataset", other)
