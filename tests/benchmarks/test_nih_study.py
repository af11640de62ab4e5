"""The study on real images, walked on phantoms under NIH's names; and a few steps on the real."""

import csv
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

pytest.importorskip("torch")

import torch

from benchmarks.nih_study.arms import ARMS, Unit
from benchmarks.nih_study.boxes import SHOWN
from benchmarks.nih_study.collected import whole_arms
from benchmarks.nih_study.commands import main
from benchmarks.nih_study.data import StudyData, StudyError, load_data
from benchmarks.nih_study.drawing import Rows, scored
from benchmarks.nih_study.effects import attention_tables
from benchmarks.nih_study.option_choice import Chooser, paper
from benchmarks.nih_study.units import Study, run_queue
from data_contracts import BOXES, CHESTXRAY8, IMAGES, labels_contract, read_table
from modeling.box_baselines import boxes_per_row
from modeling.box_scores import score_boxes
from modeling.checkpoints import load_network
from modeling.phantom import generate_phantoms

FOLDS, SIZE = 2, 64
BOX_HEADER = "Image Index,Finding Label,Bbox [x,y,w,h],,,\n"
QUICK = ["image_size=64", "epochs=1", "batch=8", "grid=4", "precision=32"]
ARMS_TRIED = ["alexnet", "alexnet untrained", "longer", "+ AM + KP", "alexnet larger"]


def write_as_nih(folder: Path, count: int) -> Path:
    """Phantoms under NIH's file names, with its two lists."""
    made = generate_phantoms(
        folder / "phantoms", count=count, seed=0, size=SIZE, reports=False,
        prevalence=dict.fromkeys(CHESTXRAY8, 0.3), images_per_patient=2.0,
    )  # fmt: skip
    images = read_table(made.images, IMAGES).to_pylist()
    truth = read_table(made.truth, labels_contract(CHESTXRAY8)).to_pylist()
    states = {row["report_id"]: row for row in truth}
    name_of, rows = {}, []
    out = folder / "nih"
    (out / "images448").mkdir(parents=True)
    for row in images:
        patient, number = re.findall(r"\d+", row["image_id"])[:2]
        name = name_of[row["image_id"]] = f"{int(patient):08d}_{int(number):03d}.png"
        path = Path(row["path"])
        path = path if path.is_absolute() else made.images.parent / path
        (out / "images448" / name).write_bytes(path.read_bytes())
        shown = [f for f in CHESTXRAY8 if states[row["study_id"]][f] == "present"]
        labels = "|".join(shown) or "No Finding"
        rows.append([name, labels, int(number), int(patient), 20 + int(patient) % 60,
                     "FM"[int(patient) % 2], row["view"] or "PA"])  # fmt: skip
    with (out / "labels.csv").open("w", newline="") as stream:
        header = ("Image Index", "Finding Labels", "Follow-up #", "Patient ID", "Patient Age",
                  "Patient Gender", "View Position")  # fmt: skip
        csv.writer(stream).writerows([header, *rows])
    scale = 1024 / SIZE
    with (out / "boxes.csv").open("w", newline="") as stream:
        stream.write(BOX_HEADER)
        for box in read_table(made.boxes, BOXES).to_pylist():
            sides = (box[side] * scale for side in ("x", "y", "w", "h"))
            finding = {"Infiltration": "Infiltrate"}.get(box["finding"], box["finding"])
            csv.writer(stream).writerow([name_of[box["image_id"]], finding, *sides])
    return out


@pytest.fixture(scope="module")
def nih(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_as_nih(tmp_path_factory.mktemp("nih"), 48)


@pytest.fixture(scope="module", autouse=True)
def threads() -> Iterator[None]:
    """As many as before: the study sets its own."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def common(nih: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The arguments of all commands, after the training of one seed."""
    work = tmp_path_factory.mktemp("work")
    given = ["--work", str(work), "--data", str(nih), "--folds", str(FOLDS), "--set", *QUICK]
    main(["train", *given, "--seeds", "1", "--arms", *ARMS_TRIED])
    return given


@pytest.fixture(scope="module")
def study(nih: Path, common: list[str]) -> Study:
    """What has been trained."""
    work = Path(common[1])
    changes = dict(pair.split("=") for pair in QUICK)
    return Study(load_data(nih, work / "pixels", folds=FOLDS), work, changes)


def test_every_image_is_seen_once_by_a_network_that_has_not_seen_its_patient(study: Study) -> None:
    seen = {one.arm: one for one in whole_arms(study)}
    assert list(seen) == [name for name in ARMS if name in ARMS_TRIED]
    for one in seen.values():
        assert one.seeds == (0,) and not np.isnan(one.scores[0]).any()
        assert one.heatmaps[0].values.shape[:2] == (study.data.images.num_rows, 8)
    sides = [set(np.array(study.data.patients)[study.data.fold == n]) for n in range(FOLDS)]
    assert not sides[0] & sides[1]
    assert (seen["alexnet"].scores[0] != seen["alexnet untrained"].scores[0]).any()


def test_cells_of_heatmaps_are_where_the_network_sees_them(study: Study) -> None:
    seen = {one.arm: one.heatmaps[0] for one in whole_arms(study)}
    network, _ = load_network(study.home(Unit("alexnet", 0, 0)))
    assert seen["alexnet"].centres == tuple((p + 0.5) / SIZE for p in network.cell_centres)
    larger = seen["alexnet larger"].centres
    assert larger is not None and len(larger) == seen["alexnet larger"].values.shape[-1] > 4
    steps = np.diff(larger)
    assert 0 < larger[0] < larger[-1] < 1 and np.allclose(steps, steps[0])


def test_inner_part_is_of_other_patients_and_outside_the_fold(study: Study) -> None:
    data = study.data
    learn, judge = data.inner(0)
    patients = np.array(data.patients)
    assert not set(patients[learn]) & set(patients[judge]) and len(learn) > len(judge) > 0
    assert (data.fold[np.concatenate([learn, judge])] != 0).all()


def test_training_goes_on_where_it_stopped(
    study: Study, common: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    home = study.home(Unit("longer", 0, 1))
    before = {path: path.stat().st_mtime_ns for path in study.work.rglob("unit.json")}
    (home / "unit.json").unlink()
    main(["train", *common, "--seeds", "1", "--arms", *ARMS_TRIED])
    assert re.findall(r"\d\d (.+): \d+ s", capsys.readouterr().out) == ["longer 0-1"]
    kept = {path: stamp for path, stamp in before.items() if path.parent != home}
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in kept.items())


def test_no_unit_is_begun_when_time_is_up(study: Study) -> None:
    said: list[str] = []
    run_queue(study, [Unit("alexnet", 7, 0)], until=0, say=said.append)
    assert "run it again" in said[0] and not study.done(Unit("alexnet", 7, 0))


def test_classification_stands_beside_chance_and_the_facts(
    common: list[str], tmp_path: Path
) -> None:
    page = tmp_path / "classification.md"
    main(["classify", *common, "--replicates", "20", "--markdown", str(page)])
    text = page.read_text()
    for wanted in ("gathered by convenience", "view, age and sex alone", "within one view", "| AP"):
        assert wanted in text
    assert all(f"| {finding} |" in text for finding in CHESTXRAY8)
    row = next(line for line in text.splitlines() if line.startswith("| alexnet |"))
    assert re.search(r"\| 1 \| \.\d{3} \[\.\d\d, \.\d\d\] \|", row)


def test_boxes_stand_beside_those_that_do_not_look(common: list[str], tmp_path: Path) -> None:
    page = tmp_path / "boxes.md"
    main(["boxes", *common, "--replicates", "20", "--markdown", str(page)])
    text = page.read_text()
    for rival in ("fixed", "untrained", "shuffled"):
        lines = [line for line in text.splitlines() if line.startswith(f"| alexnet | {rival} |")]
        assert len(lines) == len(SHOWN)
        assert f"- alexnet against {rival}: " in text
        assert f"| alexnet, options learnt | {rival} |" in text
    for wanted in ("prior of lungs and heart", "thresholds for each finding", "| + AM + KP | 1 |"):
        assert wanted in text
    said = re.search(r"- AM with KP, 1 seed: (.+)", text)
    assert said and all(f"{figure} " in said[1] for figure in ("AUC", "Acc", "AFP"))


def test_effect_is_judged_on_the_seeds_that_both_arms_have(study: Study) -> None:
    """A second seed of one arm alone, with other scores, changes its row but no effect."""
    seen = {one.arm: one for one in whole_arms(study)}
    one = seen["longer"]
    turned = replace(
        one, seeds=(0, 1), scores=(one.scores[0], 1 - one.scores[0]), heatmaps=one.heatmaps * 2
    )
    (arms, effects), said = attention_tables(Rows(study.data), seen, 5)
    (more_arms, more_effects), more_said = attention_tables(
        Rows(study.data), seen | {"longer": turned}, 5
    )
    assert more_effects.rows == effects.rows and more_said == said
    rows = ({row[0]: row[1:] for row in table.rows} for table in (arms, more_arms))
    before, after = (table["longer"] for table in rows)
    assert (before[0], after[0]) == ("1", "2") and before[1] != after[1]


def test_figures_are_those_that_scoring_gives(study: Study) -> None:
    rows = Rows(study.data)
    seen = next(whole_arms(study))
    boxes = rows.draw(seen.heatmaps[0])
    ours = scored([rows.count(boxes)], 10)
    theirs = score_boxes(boxes, study.data.truth, rows="own", bootstrap=0)
    assert ours.shape == (11, 12, 9, 4)
    np.testing.assert_allclose(ours[0, :, :, :3], theirs.values)
    assert set(boxes_per_row(boxes)) <= {
        (row["image_id"], row["finding"]) for row in study.data.truth.to_pylist()
    }


def test_fixed_boxes_of_a_fold_are_not_learnt_from_it(study: Study) -> None:
    rows = Rows(study.data)
    like = study.data.truth
    before = rows.fixed(like)
    other = replace(study.data, truth=_moved(study.data, fold=0))
    after = Rows(other).fixed(like)
    kept = [rows.only(table, [0]).to_pylist() for table in (before, after)]
    changed = [rows.only(table, [1]).to_pylist() for table in (before, after)]
    assert kept[0] == kept[1] and changed[0] != changed[1]


def test_options_of_a_fold_are_not_learnt_from_it(study: Study) -> None:
    """The true boxes of fold 0 moved: its own options stay, whatever those of fold 1 do."""
    heatmaps = next(whole_arms(study)).heatmaps[0]
    other = replace(study.data, truth=_moved(study.data, fold=0))
    options = [
        Chooser(Rows(data), heatmaps).thresholds(paper)(0).finding_thresholds
        for data in (study.data, other)
    ]
    assert options[0] == options[1]


def _moved(data: StudyData, fold: int) -> pa.Table:
    """The truth with the boxes of a fold's images in a corner."""
    inside = {data.image_ids[row] for row in data.inside(fold)}
    rows = [
        row | ({"x": 0.0, "y": 0.0, "w": 30.0, "h": 30.0} if row["image_id"] in inside else {})
        for row in data.truth.to_pylist()
    ]
    return data.truth.from_pylist(rows, schema=data.truth.schema)


def test_recipes_are_judged_inside_the_training_part(
    common: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["tune", *common, "--fold", "1"])
    assert re.search(r"epoch 1\.\d: AUC 0\.\d{3}, loss", capsys.readouterr().out)


def test_a_folder_without_the_files_is_named_with_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"labels\.csv, boxes\.csv"):
        (tmp_path / "images448").mkdir()
        load_data(tmp_path, tmp_path / "pixels", folds=2)


def part_of(real: Path, folder: Path, every: int) -> Path:
    """A share of the real images, as links, with their rows of both lists."""
    (folder / "images448").mkdir(parents=True)
    with (real / "labels.csv").open(newline="") as stream:
        header, *rows = csv.reader(stream)
    kept = rows[::every]
    with (folder / "labels.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([header, *kept])
    names = {row[0] for row in kept}
    for name in names:
        (folder / "images448" / name).symlink_to(real / "images448" / name)
    first, *boxes = (real / "boxes.csv").read_text().splitlines(keepends=True)
    wanted = [line for line in boxes if line.split(",")[0] in names]
    (folder / "boxes.csv").write_text("".join([first, *wanted]))
    return folder


def test_a_few_steps_on_the_real_images(tmp_path: Path) -> None:
    given = os.environ.get("CXRMINE_DATA")
    if not given or not (Path(given) / "nih" / "labels.csv").is_file():
        pytest.skip("CXRMINE_DATA names no folder with nih/labels.csv")
    part = part_of(Path(given).resolve() / "nih", tmp_path / "part", every=4)
    work = tmp_path / "work"
    quick = ["image_size=64", "grid=4", "epochs=0.7", "precision=32"]
    main(["train", "--work", str(work), "--data", str(part), "--seeds", "1", "--arms", "alexnet",
          "--folds", "2", "--set", *quick])  # fmt: skip
    data = load_data(part, work / "pixels", folds=2)
    (seen,) = whole_arms(Study(data, work, {}))
    assert len(seen.scores[0]) == data.images.num_rows > 300
    assert ((seen.scores[0] > 0) & (seen.scores[0] < 1)).all()
    counted = Rows(data).count(Rows(data).draw(seen.heatmaps[0]))
    assert counted.images > 100 and sum(counted.scored.values()) > 0
