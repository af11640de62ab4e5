"""Whole roads: from the text of reports to a trained network, and NIH's images and list."""

import json
import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from data_contracts import IMAGES, read_table
from flows.mine import mine_reports
from flows.road import Job
from flows.train_stages import TrainJob, evaluate_on, train_on, write_dataset
from mining.settings import MiningSettings
from modeling.checkpoints import read_card
from modeling.openi import OpenIError, openi_views
from modeling.views import FRONTAL_VIEWS
from tests.conftest import WriteReports
from tests.flows.phantoms import make_phantoms, tiny_job

# Made up.
SICK = "FINDINGS: There is a left pleural effusion. The heart is normal in size."
WELL = "FINDINGS: The lungs are clear. No pleural effusion or pneumothorax."


@pytest.fixture
def views() -> dict[str, str]:
    try:
        return openi_views()
    except OpenIError as error:
        pytest.skip(str(error))


def test_from_the_text_of_reports_to_a_trained_network(
    views: dict[str, str], write_reports: WriteReports, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Made-up reports and phantoms under OpenI's file names: images find reports by name."""
    monkeypatch.setenv("CXRMINE_CACHE", str(tmp_path / "cache"))
    frontal = [key for key, view in views.items() if view in FRONTAL_VIEWS][:24]
    lateral = next(key for key, view in views.items() if view not in FRONTAL_VIEWS)
    phantoms = sorted((make_phantoms(tmp_path / "set", 25) / "images").iterdir())
    images = tmp_path / "images"
    images.mkdir()
    for path, key in zip(phantoms, [*frontal, lateral], strict=True):
        report, rest = key.split("_", 1)
        shutil.copyfile(path, images / f"{report}_1_{rest}.png")
    ids = sorted({key.split("_")[0] for key in [*frontal, lateral]})
    rows = [(report, SICK if n % 2 else WELL) for n, report in enumerate(ids)]
    mine_reports(
        Job(str(write_reports(tmp_path / "r.csv", rows)), MiningSettings()), tmp_path / "m"
    )

    job = TrainJob(tmp_path / "m", images, tiny_job(images, steps=2).settings, ("Effusion",),
                   accelerator="cpu", workers=0, replicates=5)  # fmt: skip
    out = tmp_path / "out"
    out.mkdir()
    counts = write_dataset(job, out)
    assert counts["images"] == len(frontal)  # the lateral view stays out
    kept = read_table(out / "images.parquet", IMAGES)
    assert set(kept["study_id"].to_pylist()) == {key.split("_")[0] for key in frontal}
    train_on(job, out, out)
    assert (
        read_card(out).provenance["labels"] == json.loads((out / "data.json").read_text())["labels"]
    )
    evaluate_on(job, out, out, out, side="train")
    figures = json.loads((out / "evaluation.json").read_text())["findings"]["Effusion"]
    sick = {report for report, text in rows if text == SICK}
    split = kept["split"].to_pylist()
    trained = [
        s for s, side in zip(kept["study_id"].to_pylist(), split, strict=True) if side == "train"
    ]
    assert figures["positives"] == sum(study in sick for study in trained)


def test_from_a_chexpert_csv_to_a_trained_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its columns are the findings; of an unsure one nothing is learnt."""
    monkeypatch.setenv("CXRMINE_CACHE", str(tmp_path / "cache"))
    phantoms = sorted((make_phantoms(tmp_path / "set", 40) / "images").iterdir())
    lines = ["Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Pleural Effusion,Lung Opacity"]
    states = ["1.0,,-1.0", ",1.0,1.0", ",0.0,", ",-1.0,0.0"]
    for number, path in enumerate(phantoms):
        place = f"train/patient{number:05d}/study1/view1_frontal.jpg"
        (tmp_path / "images" / place).parent.mkdir(parents=True)
        with Image.open(path) as picture:
            picture.save(tmp_path / "images" / place, quality=95)
        lines.append(f"CheXpert-v1.0/{place},Female,{30 + number},Frontal,PA,{states[number % 4]}")
    (tmp_path / "train.csv").write_text("\n".join(lines) + "\n")
    images = tmp_path / "images"
    job = TrainJob(tmp_path / "train.csv", images, tiny_job(images, steps=1).settings,
                   accelerator="cpu", workers=0, replicates=5)  # fmt: skip
    assert job.names() == ("Effusion", "Lung Opacity")
    out = tmp_path / "out"
    out.mkdir()
    counts = write_dataset(job, out)
    assert counts["images"] == 40 and not counts["rejects"]
    train_on(job, out, out)
    evaluate_on(job, out, out, out, side="train")
    figures = json.loads((out / "evaluation.json").read_text())
    found = figures["findings"]["Effusion"]
    assert found["positives"] + found["negatives"] < counts["train"]  # a quarter is uncertain
    assert set(figures["groups"]["sex"]) == {"F"}


@pytest.mark.skipif("CXRMINE_DATA" not in os.environ, reason="CXRMINE_DATA is not set")
def test_a_few_steps_on_nih_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXRMINE_CACHE", str(tmp_path / "cache"))
    nih = Path(os.environ["CXRMINE_DATA"]) / "nih"
    images = tmp_path / "images"
    images.mkdir()
    for path in sorted((nih / "images448").iterdir())[:120]:
        (images / path.name).symlink_to(path)
    job = TrainJob(nih / "labels.csv", images, tiny_job(images, steps=3).settings,
                   accelerator="cpu", workers=0, replicates=10)  # fmt: skip
    out = tmp_path / "out"
    out.mkdir()
    counts = write_dataset(job, out)
    assert counts["images"] == 120 and counts["train"] and counts["test"]
    train_on(job, out, out)
    evaluate_on(job, out, out, out)
    figures = json.loads((out / "evaluation.json").read_text())
    assert len(figures["findings"]) == 14 and set(figures["groups"]) == {"view", "sex", "age"}
    assert figures["baseline"] is not None
