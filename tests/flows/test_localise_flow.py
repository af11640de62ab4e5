"""The Prefect flow `localise`: kept by content, swapped in whole; its folder read by the verbs."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from typer.testing import CliRunner

from data_contracts import BOXES, IMAGES, content_hash, read_table, write_table
from flows.cli.app import app
from flows.localise import run_localise
from flows.localise_job import LocaliseJob, after_training
from flows.mine import mine_reports
from flows.output import OutputRefused
from flows.quoting import what_reports_say
from flows.road import Job
from mining.quoting import sentence_of
from mining.settings import MiningSettings
from modeling.box_options import BoxOptions
from modeling.checkpoints import CheckpointError
from modeling.localisation import LocalisationError
from tests.modeling.sight import small_checkpoint, small_phantoms

LOOKED = {"predict", "untrained"}
TABLES = ("predictions.parquet", "boxes.parquet", "heatmaps.npy", "gallery.html")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of its own for each test."""
    monkeypatch.setenv("CXRMINE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Phantoms, the labels mined from their reports, a checkpoint that names these labels."""
    home = tmp_path_factory.mktemp("made")
    phantoms = small_phantoms(home / "phantoms", count=8)
    mine_reports(Job(str(phantoms.reports), MiningSettings(findings="chestxray8")), home / "mined")
    labels = {"labels": content_hash(home / "mined" / "labels.parquet")}
    small_checkpoint(home / "trained" / "checkpoints" / "best-00000006", provenance=labels)
    return home


@pytest.fixture
def job(made: Path) -> LocaliseJob:
    return LocaliseJob(
        checkpoint=made / "trained",
        images=made / "phantoms" / "images.parquet",
        truth=made / "phantoms" / "boxes.parquet",
        labels=made / "mined",
        device="cpu",
        bootstrap=20,
    )


def cached(out: Path) -> dict[str, bool]:
    stages = json.loads((out / "run.json").read_text())["stages"]
    return {name: stage["cached"] for name, stage in stages.items()}


def contents(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in TABLES}


def test_a_run_leaves_tables_scores_and_gallery(job: LocaliseJob, tmp_path: Path) -> None:
    result = run_localise(job, tmp_path / "out")
    assert set(result.files) == {
        "box_scores.json", "boxes.parquet", "gallery.html", "heatmaps.json", "heatmaps.npy",
        "images.parquet", "predictions.parquet", "rejects.parquet", "run.json",
    }  # fmt: skip
    boxes = read_table(tmp_path / "out" / "boxes.parquet", BOXES)
    assert result.counts["boxes"]["boxes"] == boxes.num_rows > 0
    figures = json.loads((tmp_path / "out" / "box_scores.json").read_text())
    true = read_table(job.truth, BOXES).num_rows  # type: ignore[arg-type]
    assert figures["counts"]["true_total"] == result.counts["evaluate"]["true"] == true
    assert cached(tmp_path / "out") == dict.fromkeys(job.stages, False)


def test_a_second_run_comes_from_the_store_with_the_same_bytes(
    job: LocaliseJob, tmp_path: Path
) -> None:
    run_localise(job, tmp_path / "out")
    first = contents(tmp_path / "out")
    run_localise(job, tmp_path / "out")
    assert all(cached(tmp_path / "out").values())
    assert contents(tmp_path / "out") == first


def test_what_is_made_anew_has_the_same_bytes(job: LocaliseJob, tmp_path: Path) -> None:
    run_localise(job, tmp_path / "out")
    first = contents(tmp_path / "out")
    run_localise(job, tmp_path / "out", refresh="predict")
    assert not any(cached(tmp_path / "out").values())
    assert contents(tmp_path / "out") == first


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"options": BoxOptions(thresholds=(100.0,))}, LOOKED),
        ({"min_score": 0.4}, LOOKED),
        ({"rows": "annotated"}, LOOKED),
        ({"bootstrap": 10}, LOOKED | {"boxes"}),
        ({"cards": 3}, LOOKED | {"boxes", "evaluate"}),
        ({"labels": None}, LOOKED | {"boxes", "evaluate"}),
        ({"original": (1024, 1024)}, LOOKED),
        ({"batch": 3}, LOOKED | {"boxes", "evaluate", "gallery"}),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_change_makes_only_what_depends_on_it_anew(
    job: LocaliseJob, tmp_path: Path, change: dict[str, object], kept: set[str]
) -> None:
    run_localise(job, tmp_path / "out")
    run_localise(replace(job, **change), tmp_path / "out")  # type: ignore[arg-type]
    assert {name for name, hit in cached(tmp_path / "out").items() if hit} == kept


def test_another_picture_under_the_same_name_is_looked_at_anew(
    job: LocaliseJob, made: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "images"
    shutil.copytree(made / "phantoms" / "images", folder)
    table = read_table(job.images, IMAGES)
    rows = [
        {**row, "path": str(folder / row["image_id"]), "sha256": None} for row in table.to_pylist()
    ]
    write_table(tmp_path / "t.parquet", pa.Table.from_pylist(rows, schema=IMAGES.schema), IMAGES)
    job = replace(job, images=tmp_path / "t.parquet")
    run_localise(job, tmp_path / "out")
    before = np.load(tmp_path / "out" / "heatmaps.npy")
    Image.new("L", (64, 64), 200).save(rows[0]["path"])
    run_localise(job, tmp_path / "out")
    assert not cached(tmp_path / "out")["predict"]
    after = np.load(tmp_path / "out" / "heatmaps.npy")
    assert not np.allclose(before[0], after[0])
    np.testing.assert_allclose(before[1:], after[1:], rtol=1e-3, atol=1e-6)


def test_another_checkpoint_is_another_result(job: LocaliseJob, tmp_path: Path) -> None:
    run_localise(job, tmp_path / "out")
    small_checkpoint(tmp_path / "other", seed=1)
    run_localise(replace(job, checkpoint=tmp_path / "other", labels=None), tmp_path / "out")
    assert not any(cached(tmp_path / "out").values())


def test_without_truth_nothing_is_scored(job: LocaliseJob, tmp_path: Path) -> None:
    result = run_localise(replace(job, truth=None), tmp_path / "out")
    assert "evaluate" not in result.counts
    assert "box_scores.json" not in result.files


def test_true_boxes_of_unreadable_images_are_misses(job: LocaliseJob, tmp_path: Path) -> None:
    true = read_table(job.truth, BOXES)  # type: ignore[arg-type]
    gone = true["image_id"][0].as_py()
    rows = read_table(job.images, IMAGES).to_pylist()
    rows = [r | {"path": str(tmp_path / "gone.png")} if r["image_id"] == gone else r for r in rows]
    write_table(tmp_path / "t.parquet", pa.Table.from_pylist(rows, schema=IMAGES.schema), IMAGES)
    result = run_localise(replace(job, images=tmp_path / "t.parquet"), tmp_path / "out")
    assert result.counts["predict"]["rejects"] == 1
    assert result.counts["evaluate"]["true"] == true.num_rows


def test_boxes_of_images_outside_the_split_are_no_misses(job: LocaliseJob, tmp_path: Path) -> None:
    table = read_table(job.images, IMAGES)
    rows = [row | {"split": ("test", "train")[n % 2]} for n, row in enumerate(table.to_pylist())]
    write_table(tmp_path / "t.parquet", pa.Table.from_pylist(rows, schema=IMAGES.schema), IMAGES)
    result = run_localise(
        replace(job, images=tmp_path / "t.parquet", split="test"), tmp_path / "out"
    )
    counts = result.counts["evaluate"]
    assert counts["elsewhere"] > 0
    assert counts["true"] + counts["elsewhere"] == read_table(job.truth, BOXES).num_rows  # type: ignore[arg-type]
    assert result.counts["predict"]["images"] == 4


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"split": "nowhere"}, LocalisationError),
        ({"rows": "annotated", "truth": None}, LocalisationError),
        ({"checkpoint": Path("nowhere")}, CheckpointError),
    ],
)
def test_mistakes_are_told_before_any_work(
    job: LocaliseJob, tmp_path: Path, change: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        run_localise(replace(job, **change), tmp_path / "out")  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_a_folder_of_somebody_else_is_left_alone(job: LocaliseJob, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(OutputRefused):
        run_localise(job, tmp_path / "out")


def test_after_training_its_test_images_and_its_labels_are_taken(
    job: LocaliseJob, made: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "trained"
    shutil.copytree(made / "trained", folder)
    with pytest.raises(LocalisationError, match=r"no images\.parquet"):
        after_training(folder)
    shutil.copyfile(job.images, folder / "images.parquet")
    record = {"tool": "cxrmine", "command": "train", "settings": {"labels": str(made / "mined")}}
    (folder / "run.json").write_text(json.dumps(record))
    found = after_training(folder, truth=job.truth)
    assert (found.split, found.labels, found.truth) == ("test", made / "mined", job.truth)
    record["settings"]["labels"] = str(tmp_path / "Data_Entry_2017.csv")  # type: ignore[index]
    (folder / "run.json").write_text(json.dumps(record))
    assert after_training(folder).labels == folder / "labels.parquet"


def test_a_sentence_is_the_one_that_mining_cuts() -> None:
    text = "IMPRESSION: 1. No mass. 2. Dr. Doe was told of the mass."
    cut = [text[slice(*sentence_of(text, at, at + 4))] for at in (18, 51)]
    assert cut == ["No mass.", "Dr. Doe was told of the mass."]


def test_labels_and_sentences_are_those_of_the_images_report(made: Path) -> None:
    images = read_table(made / "phantoms" / "images.parquet", IMAGES)
    labels = pq.read_table(made / "mined" / "labels.parquet").to_pylist()
    present = {(row["report_id"], name) for row in labels for name in row if row[name] == "present"}
    study = dict(zip(images["image_id"].to_pylist(), images["study_id"].to_pylist(), strict=True))
    pairs = [(image, name) for image in study for name in ("Mass", "Effusion", "Cardiomegaly")]
    said = what_reports_say(images, made / "mined", pairs)
    for image, finding in pairs:
        is_present = (study[image], finding) in present
        assert (said.labels[image, finding] == "present") == is_present
        quotes = said.quotes.get((image, finding), [])
        assert is_present <= any(quote.verdict == "present" for quote in quotes)
        assert {quote.report_id for quote in quotes} <= {study[image]}


@pytest.fixture
def localised(job: LocaliseJob, tmp_path: Path) -> Path:
    run_localise(job, tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def run() -> Callable[..., str]:
    def invoke(*words: str) -> str:
        result = CliRunner().invoke(app, list(words), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    return invoke


def test_trace_goes_from_a_box_to_sentences(
    localised: Path, run: Callable[..., str], tmp_path: Path
) -> None:
    boxes = read_table(localised / "boxes.parquet", BOXES)
    image = boxes["image_id"][0].as_py()
    page, data = tmp_path / "trace.html", tmp_path / "trace.json"
    text = run(
        "trace", f"{image}:Effusion", str(localised), "--html", str(page), "--json", str(data)
    )
    assert f"{image}:Effusion:1" in text
    found = json.loads(data.read_text())
    assert found["labels"]["sentences"], "phantoms' reports speak of effusions"
    first = found["labels"]["sentences"][0]["text"]
    assert first in text.replace("«", "").replace("»", "")
    assert 'alt="Chest X-ray' in page.read_text()


def test_trace_counts_only_the_reports_that_were_trained_on(
    localised: Path, made: Path, run: Callable[..., str], tmp_path: Path
) -> None:
    trained = tmp_path / "trained"
    shutil.copytree(made / "trained", trained)
    images = read_table(made / "phantoms" / "images.parquet", IMAGES).to_pylist()
    rows = [row | {"split": "train" if n < 3 else "test"} for n, row in enumerate(images)]
    table = pa.Table.from_pylist(rows, schema=IMAGES.schema)
    write_table(trained / "images.parquet", table, IMAGES)
    joins = pa.table({"image_id": table["image_id"], "report_id": table["study_id"]})
    pq.write_table(joins, trained / "joins.parquet")
    name = f"{rows[5]['image_id']}:Effusion"
    out = tmp_path / "trace.json"
    run("trace", name, str(localised), "--checkpoint", str(trained), "--json", str(out))
    found = json.loads(out.read_text())
    assert found["labels"]["reports"] == 3
    assert found["label"] is not None  # of its own report, which was not among the three


def test_pages_that_show_patients_are_read_by_their_owner_only(
    localised: Path, run: Callable[..., str], tmp_path: Path
) -> None:
    image = read_table(localised / "boxes.parquet", BOXES)["image_id"][0].as_py()
    page, trace, data = (tmp_path / name for name in ("g.html", "t.html", "t.json"))
    for path in (page, trace, data):
        path.write_text("of an earlier run")
        path.chmod(0o644)
    run("gallery", str(localised), "-o", str(page))
    run("trace", f"{image}:Effusion", str(localised), "--html", str(trace), "--json", str(data))
    for path in (localised / "gallery.html", page, trace, data):
        assert path.stat().st_mode & 0o777 == 0o600, path


def test_gallery_makes_the_page_of_one_finding(
    localised: Path, run: Callable[..., str], tmp_path: Path
) -> None:
    text = run("gallery", str(localised), "--finding", "mass", "-o", str(tmp_path / "g.html"))
    page = (tmp_path / "g.html").read_text()
    assert "8 cards of 8 images" in text
    assert page.count('data-finding="Mass"') == page.count("<article") == 8


def test_gallery_refuses_a_folder_that_localise_has_not_written(made: Path) -> None:
    with pytest.raises(OutputRefused, match="the result of mine"):
        CliRunner().invoke(app, ["gallery", str(made / "mined")], catch_exceptions=False)


def test_the_verb_localise_takes_everything_by_its_options(
    job: LocaliseJob, run: Callable[..., str], tmp_path: Path
) -> None:
    text = run(
        "localise", str(job.images), "-c", str(job.checkpoint), "-o", str(tmp_path / "out"),
        "--truth", str(job.truth), "--thresholds", "90", "--rows", "annotated",
        "--original", "1024", "--device", "cpu", "--cards", "5",
    )  # fmt: skip
    assert "gallery    5 cards" in text
    settings = json.loads((tmp_path / "out" / "run.json").read_text())["settings"]
    assert settings["original"] == [1024, 1024]
    images = read_table(tmp_path / "out" / "images.parquet", IMAGES)
    assert set(images["width"].to_pylist()) == {1024}
