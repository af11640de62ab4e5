"""What `localise` and `gallery` show of a checkpoint of attention mining."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.app import app
from flows.localise import run_localise
from flows.localise_job import LocaliseJob
from flows.localised import make_gallery, open_localised
from modeling.attention import MiningOptions
from tests.modeling.mined_case import mined_checkpoint
from tests.modeling.sight import small_phantoms


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocaliseJob:
    monkeypatch.setenv("CXRMINE_CACHE", str(tmp_path / "cache"))
    phantoms = small_phantoms(tmp_path / "phantoms", count=4)
    mined_checkpoint(tmp_path / "trained" / "checkpoints" / "best-00000006")
    return LocaliseJob(tmp_path / "trained", phantoms.images, device="cpu", cards=3)


def test_the_gallery_of_a_run_is_step_by_step_and_kept(job: LocaliseJob, tmp_path: Path) -> None:
    run_localise(job, tmp_path / "out")
    page = (tmp_path / "out" / "gallery.html").read_text()
    assert page.count('class="steps"') == 3 and page.count("<b>step 2</b>") == 3
    run_localise(job, tmp_path / "again")
    stages = json.loads((tmp_path / "again" / "run.json").read_text())["stages"]
    assert all(stage["cached"] for stage in stages.values())
    assert (tmp_path / "again" / "gallery.html").read_text() == page


def test_other_mining_makes_another_gallery(job: LocaliseJob, tmp_path: Path) -> None:
    run_localise(job, tmp_path / "out")
    mined_checkpoint(job.checkpoint / "checkpoints" / "best-00000006", MiningOptions(steps=1))
    run_localise(job, tmp_path / "other")
    page = (tmp_path / "other" / "gallery.html").read_text()
    assert page.count("<b>step 1</b>") == 3 and "<b>step 2</b>" not in page


def test_the_verb_shows_the_steps_while_the_checkpoint_is_there(
    job: LocaliseJob, tmp_path: Path
) -> None:
    run_localise(job, tmp_path / "out")
    called = ["gallery", str(tmp_path / "out"), "--out", str(tmp_path / "page.html")]
    result = CliRunner().invoke(app, [*called, "--cards", "2"])
    assert result.exit_code == 0, result.output
    assert "2 cards of" in result.output and "2 of them step by step" in result.output
    shutil.rmtree(job.checkpoint)
    page = make_gallery(open_localised(tmp_path / "out"), count=2, finding=None, title="t")
    assert (page.cards, page.step_by_step) == (2, 0)


def test_heat_of_another_checkpoint_has_no_steps(job: LocaliseJob, tmp_path: Path) -> None:
    run_localise(job, tmp_path / "out")
    best = job.checkpoint / "checkpoints" / "best-00000006"
    mined_checkpoint(best, MiningOptions(steps=1))
    page = make_gallery(open_localised(tmp_path / "out"), count=2, finding=None, title="t")
    assert page.step_by_step == 0
