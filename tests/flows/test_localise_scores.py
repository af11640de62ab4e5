"""What a run says of its boxes: scores, baselines, the row of tuned ones."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from data_contracts import BOXES, IMAGES, read_table, write_table
from flows.cli.app import app
from flows.gallery import read_scores
from flows.localise import run_localise
from flows.localise_job import LocaliseJob
from modeling.box_comparison_views import SCORE_ONLY, TUNED, parts_of
from modeling.box_comparisons import FIXED, SHUFFLED, UNTRAINED
from tests.modeling.sight import small_checkpoint, small_phantoms

CUTS = {"60 and 180", "60", "90", "120", "150", "180", "210"}


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXRMINE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> LocaliseJob:
    home = tmp_path_factory.mktemp("made")
    phantoms = small_phantoms(home / "phantoms", count=12)
    small_checkpoint(home / "trained")
    return LocaliseJob(
        home / "trained", phantoms.images, truth=phantoms.boxes, device="cpu", bootstrap=20
    )


@pytest.fixture(scope="module")
def out(job: LocaliseJob, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "out"
    run_localise(job, folder)
    return folder


def scores(folder: Path) -> dict[str, Any]:
    figures = read_scores(folder)
    assert figures is not None
    return figures


def test_they_are_those_of_evaluate_boxes(job: LocaliseJob, out: Path, tmp_path: Path) -> None:
    file = tmp_path / "scores.json"
    words = ["evaluate-boxes", "--boxes", out / "boxes.parquet", "--truth", job.truth,
             "--original", "64x64", "--bootstrap", "20", "--json", file]  # fmt: skip
    result = CliRunner().invoke(app, list(map(str, words)))
    assert result.exit_code == 0, result.output
    alone, ours = json.loads(file.read_text()), scores(out)
    for part in ("iobb", "iou", "macro", "average_precision", "pointing_game"):
        assert ours[part] == alone[part]
    assert ours["counts"]["true_total"] > 0


def test_three_baselines_stand_beside_both_rows(out: Path) -> None:
    figures = scores(out)
    assert [title for title, _ in parts_of(figures)] == [SCORE_ONLY, TUNED]
    for part in (figures, figures["tuned"]):
        assert set(part["baselines"]) == {FIXED, SHUFFLED, UNTRAINED}
    chosen = figures["tuned"]["chosen"]
    annotated = {name for name, count in figures["counts"]["true"].items() if count}
    assert set(chosen) == annotated
    assert all(set(own) <= CUTS and sum(own.values()) == 5 for own in chosen.values())


def test_a_difference_is_that_of_the_figures_beside_it(out: Path) -> None:
    one = scores(out)["baselines"][UNTRAINED]
    for level in ("0.1", "0.5"):
        mine, theirs = (one[name]["iou"][level]["macro"]["acc"] for name in ("ours", "baseline"))
        difference = one["difference"]["iou"][level]["macro"]["acc"]["difference"]
        assert difference == pytest.approx(mine - theirs)


def test_the_shape_of_the_originals_changes_no_overlap(
    job: LocaliseJob, out: Path, tmp_path: Path
) -> None:
    rows = [
        {**row, "x": row["x"] * 16, "w": row["w"] * 16, "y": row["y"] * 8, "h": row["h"] * 8}
        for row in read_table(job.truth, BOXES).to_pylist()  # type: ignore[arg-type]
    ]
    table = pa.Table.from_pylist(rows, schema=BOXES.schema)
    write_table(tmp_path / "truth.parquet", table, BOXES)
    wide = replace(job, truth=tmp_path / "truth.parquet", original=(1024, 512))
    run_localise(wide, tmp_path / "out")
    ours, theirs = scores(out), scores(tmp_path / "out")
    for part in ("iobb", "iou"):
        assert ours[part] == theirs[part]
        for name in (FIXED, SHUFFLED, UNTRAINED):
            assert ours["baselines"][name]["ours"][part] == theirs["baselines"][name]["ours"][part]
            assert ours["baselines"][name]["said"][part] == theirs["baselines"][name]["said"][part]


def test_images_of_one_patient_have_no_other_folds(job: LocaliseJob, tmp_path: Path) -> None:
    """Whose an image is, the table says and not its name."""
    rows = [{**row, "patient_id": "one"} for row in read_table(job.images, IMAGES).to_pylist()]
    write_table(tmp_path / "i.parquet", pa.Table.from_pylist(rows, schema=IMAGES.schema), IMAGES)
    run_localise(replace(job, images=tmp_path / "i.parquet"), tmp_path / "out")
    figures = scores(tmp_path / "out")
    assert figures["counts"]["patients"] == 1
    assert FIXED not in figures["baselines"] and "tuned" not in figures
