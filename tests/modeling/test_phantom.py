"""Phantoms: what is drawn is boxed, what is labelled is drawn, all of it follows from a seed."""

import hashlib
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_contracts import (
    BOXES,
    CHESTXRAY8,
    IMAGES,
    check_rows,
    labels_contract,
    read_provenance,
    read_table,
)
from mining import stages
from mining.settings import MiningSettings
from modeling.choices import UnknownChoiceError
from modeling.phantom import (
    GENERATOR_VERSION,
    PREVALENCE,
    PhantomSet,
    draw_phantom,
    generate_phantoms,
)

LABELS = labels_contract(CHESTXRAY8)
COMMON = dict.fromkeys(CHESTXRAY8, 0.3)


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> PhantomSet:
    out = tmp_path_factory.mktemp("phantoms") / "set"
    return generate_phantoms(
        out, count=120, seed=7, size=64, prevalence=COMMON, label_noise=0.25, uncertain=0.2
    )


def rows(path: Path) -> list[dict[str, object]]:
    contract = {"images": IMAGES, "boxes": BOXES}.get(path.stem, LABELS)
    return read_table(path, contract).to_pylist()


def digest(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


@pytest.mark.parametrize("finding", CHESTXRAY8)
def test_a_finding_changes_the_image_where_its_boxes_are(finding: str) -> None:
    """The same chest with and without it differs inside the boxes and hardly anywhere else."""
    inside, outside = [], []
    for patient in range(6):
        # A chest tube goes with a pneumothorax: those images are not compared.
        with_it = draw_phantom([finding], patient=patient, size=128)
        without = draw_phantom([], patient=patient, size=128)
        assert {box.finding for box in with_it.boxes} == {finding}
        boxed = np.zeros((128, 128), bool)
        for _, x, y, w, h in with_it.boxes:
            assert x >= 0 and y >= 0 and x + w <= 128 and y + h <= 128 and w > 0 and h > 0
            boxed[max(0, y - 3) : y + h + 3, max(0, x - 3) : x + w + 3] = True
        changed = np.abs(with_it.image.astype(int) - without.image) > 12
        inside.append(changed[boxed].mean())
        outside.append(changed[~boxed].mean())
    assert np.median(inside) > 0.08
    assert np.median(outside) < 0.02
    assert min(np.array(inside) / (np.array(outside) + 1e-3)) > 4 or finding in (
        "Pneumothorax",
        "Cardiomegaly",
    )


@pytest.mark.parametrize(
    ("finding", "width", "height"),
    [
        ("Cardiomegaly", (0.38, 0.60), (0.28, 0.48)),
        ("Nodule", (0.04, 0.11), (0.04, 0.11)),
        ("Mass", (0.09, 0.30), (0.09, 0.30)),
        ("Effusion", (0.07, 0.42), (0.07, 0.50)),
        ("Atelectasis", (0.06, 0.30), (0.03, 0.25)),
    ],
)
def test_lesions_are_as_large_as_radiologists_box_them(
    finding: str, width: tuple[float, float], height: tuple[float, float]
) -> None:
    boxes = [b for p in range(12) for b in draw_phantom([finding], patient=p).boxes]
    assert width[0] < np.median([b.w for b in boxes]) / 128 < width[1]
    assert height[0] < np.median([b.h for b in boxes]) / 128 < height[1]
    assert max(b.w for b in boxes) / 128 < width[1] + 0.1


def test_pneumothorax_is_dark_and_above_and_effusion_bright_and_below() -> None:
    for patient in range(6):
        healthy = draw_phantom([], patient=patient).image.astype(int)
        air = draw_phantom(["Pneumothorax"], patient=patient)
        fluid = draw_phantom(["Effusion"], patient=patient)
        (_, x, y, w, h), (_, fx, fy, fw, fh) = air.boxes[0], fluid.boxes[0]
        assert y + h / 2 < 64 < fy + fh / 2
        assert (air.image[y : y + h, x : x + w] < healthy[y : y + h, x : x + w] - 10).mean() > 0.05
        window = (slice(fy, fy + fh), slice(fx, fx + fw))
        assert fluid.image[window].mean() > healthy[window].mean()


def test_an_image_can_hold_several_lesions_and_several_of_one_finding() -> None:
    drawn = [draw_phantom(["Nodule", "Effusion", "Mass"], patient=p).boxes for p in range(10)]
    counts = [Counter(box.finding for box in boxes) for boxes in drawn]
    assert all(len(count) >= 2 for count in counts)
    assert max(count["Nodule"] for count in counts) > 1


def test_the_same_seed_gives_the_same_bytes_whatever_the_workers(tmp_path: Path) -> None:
    np.random.seed(1)
    one = generate_phantoms(tmp_path / "one" / "set", count=6, seed=3, size=32)
    np.random.seed(2)
    two = generate_phantoms(tmp_path / "two" / "set", count=6, seed=3, size=32, workers=2)
    first, second = digest(one.folder), digest(two.folder)
    del first["images.parquet"], second["images.parquet"]  # they hold the folders' paths
    assert first == second
    drop = [{k: v for k, v in row.items() if k != "path"} for row in rows(one.images)]
    assert drop == [{k: v for k, v in row.items() if k != "path"} for row in rows(two.images)]


def test_a_smaller_set_is_the_start_of_a_larger_one(tmp_path: Path) -> None:
    small = generate_phantoms(tmp_path / "small", count=5, seed=3, size=32)
    large = generate_phantoms(tmp_path / "large", count=8, seed=3, size=32)
    assert rows(small.labels) == rows(large.labels)[:5]
    assert [r["sha256"] for r in rows(small.images)] == [
        r["sha256"] for r in rows(large.images)[:5]
    ]


def test_another_seed_gives_other_images() -> None:
    first, second = (draw_phantom(["Mass"], seed=seed).image for seed in (1, 2))
    assert (first != second).mean() > 0.5


def test_the_tables_keep_their_contracts_and_fit_the_files(noisy: PhantomSet) -> None:
    for path, contract in (
        (noisy.images, IMAGES),
        (noisy.boxes, BOXES),
        (noisy.labels, LABELS),
        (noisy.truth, LABELS),
    ):
        checked = check_rows(read_table(path, contract), contract, stage="test")
        assert checked.rejects.num_rows == 0
    images = rows(noisy.images)
    assert len(images) == noisy.count == 120
    for row in images:
        data = Path(str(row["path"])).read_bytes()
        assert hashlib.sha256(data).hexdigest() == row["sha256"]
        with Image.open(str(row["path"])) as image:
            assert image.mode == "L" and image.size == (row["width"], row["height"]) == (64, 64)


def test_what_is_true_has_a_box_and_what_has_a_box_is_true(noisy: PhantomSet) -> None:
    image_of = {row["study_id"]: row["image_id"] for row in rows(noisy.images)}
    boxed = {(row["image_id"], row["finding"]) for row in rows(noisy.boxes)}
    true = {
        (image_of[row["report_id"]], finding)
        for row in rows(noisy.truth)
        for finding in CHESTXRAY8
        if row[finding] == "present"
    }
    assert true == boxed and len(true) > 100


def test_patients_have_several_images_and_keep_their_build(noisy: PhantomSet) -> None:
    images = Counter(row["patient_id"] for row in rows(noisy.images))
    assert 1 < 120 / len(images) < 4 and max(images.values()) > 1


def test_noise_costs_labels_as_much_recall_as_precision(noisy: PhantomSet) -> None:
    pairs = Counter(
        (true[finding] == "present", label[finding] != "absent")
        for true, label in zip(rows(noisy.truth), rows(noisy.labels), strict=True)
        for finding in CHESTXRAY8
    )
    recall = pairs[True, True] / (pairs[True, True] + pairs[True, False])
    precision = pairs[True, True] / (pairs[True, True] + pairs[False, True])
    assert recall == pytest.approx(0.75, abs=0.1) and precision == pytest.approx(0.75, abs=0.1)


def test_some_labels_are_uncertain_if_asked_for(noisy: PhantomSet) -> None:
    states = Counter(row[finding] for row in rows(noisy.labels) for finding in CHESTXRAY8)
    share = states["uncertain"] / (states["uncertain"] + states["present"])
    assert share == pytest.approx(0.2, abs=0.1)
    assert all(row[f] != "uncertain" for row in rows(noisy.truth) for f in CHESTXRAY8)


def test_labels_without_noise_are_the_truth_and_findings_as_frequent_as_asked(
    tmp_path: Path,
) -> None:
    made = generate_phantoms(
        tmp_path / "set",
        count=150,
        size=32,
        images_per_patient=1,
        prevalence={"Mass": 0.0, "Effusion": 0.5},
        reports=False,
    )
    assert rows(made.labels) == rows(made.truth)
    share = Counter(f for row in rows(made.truth) for f in CHESTXRAY8 if row[f] == "present")
    assert share["Mass"] == 0 and share["Effusion"] / 150 == pytest.approx(0.5, abs=0.12)
    assert made.reports is None and not (made.folder / "reports.jsonl").exists()


def test_mining_the_reports_gives_back_the_labels(noisy: PhantomSet, tmp_path: Path) -> None:
    """The road from words to targets: present and uncertain as labelled, nothing else claimed."""
    assert noisy.reports is not None
    settings = MiningSettings()
    for name in ("ingest", "sentences", "parse", "mine", "label"):
        (tmp_path / name).mkdir()
    reports = tmp_path / "ingest" / "reports.parquet"
    stages.ingest(str(noisy.reports), reports.parent, settings=settings)
    stages.sentences(reports, tmp_path / "sentences", settings=settings)
    sentences, distinct = (
        tmp_path / "sentences" / f"{n}.parquet" for n in ("sentences", "distinct")
    )
    stages.parse(distinct, tmp_path / "parse", settings=settings)
    parses = tmp_path / "parse" / "parses.parquet"
    stages.mine(sentences, distinct, parses, tmp_path / "mine", settings=settings)
    mentions = tmp_path / "mine" / "mentions.parquet"
    stages.label(reports, mentions, tmp_path / "label", settings=settings)
    mined = read_table(tmp_path / "label" / "labels.parquet", labels_contract()).to_pylist()
    expected = {row["report_id"]: row for row in rows(noisy.labels)}
    differing = [
        (row["report_id"], finding, row[finding], expected[row["report_id"]][finding])
        for row in mined
        for finding in CHESTXRAY8
        if (row[finding] or "absent") != expected[row["report_id"]][finding]
    ]
    assert len(mined) == 120 and differing == []


def test_the_manifest_says_how_the_set_was_made(noisy: PhantomSet) -> None:
    manifest = json.loads(noisy.manifest.read_text())
    assert manifest["version"] == GENERATOR_VERSION and manifest["settings"]["seed"] == 7
    assert manifest["settings"]["prevalence"] == COMMON
    assert sum(manifest["boxes"].values()) == len(rows(noisy.boxes))
    assert read_provenance(noisy.labels)["generator"] == f"phantom {GENERATOR_VERSION}"


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="expected an empty folder"):
        generate_phantoms(tmp_path, count=1, size=32)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    "wrong",
    [{"count": 0}, {"size": 16}, {"label_noise": 1.5}, {"prevalence": {"Mass": -0.1}}],
    ids=str,
)
def test_settings_out_of_range_are_refused(wrong: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected"):
        generate_phantoms(tmp_path / "set", **({"count": 1} | wrong))
    assert not list(tmp_path.iterdir())


def test_unknown_findings_and_views_are_told_the_known_ones() -> None:
    with pytest.raises(UnknownChoiceError, match="Atelectasis"):
        draw_phantom(["Hernia"])
    with pytest.raises(UnknownChoiceError, match="PA, AP"):
        draw_phantom([], view="LATERAL")


def test_every_finding_has_a_prevalence() -> None:
    assert tuple(PREVALENCE) == CHESTXRAY8


def test_the_generator_draws_what_it_drew_when_its_version_was_fixed() -> None:
    """Figures on phantoms compare only while this holds; a change needs a new version."""
    phantom = draw_phantom(CHESTXRAY8, seed=2026, patient=1, size=128)
    expected = [
        ("Atelectasis", 14, 73, 26, 12),
        ("Atelectasis", 95, 48, 13, 11),
        ("Cardiomegaly", 41, 52, 71, 54),
        ("Effusion", 13, 90, 17, 21),
        ("Infiltration", 13, 57, 37, 41),
        ("Mass", 15, 70, 31, 29),
        ("Mass", 86, 37, 21, 19),
        ("Nodule", 21, 61, 7, 7),
        ("Pneumonia", 79, 44, 32, 18),
        ("Pneumothorax", 70, 15, 46, 54),
    ]
    shades = [
        [105, 128, 128, 111],
        [124, 105, 162, 145],
        [162, 188, 201, 152],
        [181, 224, 226, 188],
    ]
    assert GENERATOR_VERSION == 1
    assert [box.finding for box in phantom.boxes] == [finding for finding, *_ in expected]
    # Rounding differs between machines by a shade or, at the edge of a lesion, a pixel.
    assert np.allclose([box[1:] for box in phantom.boxes], [b[1:] for b in expected], atol=1)
    assert np.allclose(phantom.image.reshape(4, 32, 4, 32).mean((1, 3)), shades, atol=1.5)
