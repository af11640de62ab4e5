"""Phantoms: procedural chest X-rays with exact boxes, for tests and for people without data.

Everything follows from the seed. Each image and each finding in it draws from a stream of its own,
so the number of workers changes nothing, the first n of a larger set are the set of n, and an
image with and without a finding differ by that finding alone.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from data_contracts import CHESTXRAY8
from modeling.choices import choose
from modeling.phantom_anatomy import compose, draw_chest, draw_habitus
from modeling.phantom_devices import draw_devices, expose
from modeling.phantom_files import (
    PhantomBox,
    PhantomRow,
    PhantomSet,
    files_of,
    new_folder,
    write_files,
)
from modeling.phantom_lesions import ORDER, box_of, draw_lesions
from modeling.phantom_reports import write_report

# Rises with every change that alters a pixel, a box, a label or a word.
GENERATOR_VERSION = 1

# About those of ChestX-ray8, the rarest raised so that a thousand images hold some.
PREVALENCE: dict[str, float] = {
    "Atelectasis": 0.10,
    "Cardiomegaly": 0.05,
    "Effusion": 0.12,
    "Infiltration": 0.15,
    "Mass": 0.06,
    "Nodule": 0.07,
    "Pneumonia": 0.03,
    "Pneumothorax": 0.05,
}
VIEWS = ("PA", "AP")

_PATIENT, _STUDY, _CHEST, _LESION, _DEVICE, _EXPOSURE, _LABEL, _WORDS = range(8)
# How often a patient's next image shows what the patient has, rather than a fresh draw.
_KEPT = 0.6
_MOST_IMAGES = 12


@dataclass(frozen=True)
class Phantom:
    """An 8-bit image and the boxes of all lesions in it."""

    image: npt.NDArray[np.uint8]
    boxes: tuple[PhantomBox, ...]


@dataclass(frozen=True)
class _Settings:
    count: int
    seed: int
    size: int
    prevalence: dict[str, float]
    images_per_patient: float
    label_noise: float
    uncertain: float
    reports: bool


@dataclass(frozen=True)
class _Study:
    """What is to be drawn: the image's patient, number, view and findings."""

    patient: int
    number: int
    view: str
    findings: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.patient:06d}_{self.number:03d}"


def draw_phantom(
    findings: Collection[str],
    *,
    seed: int = 0,
    patient: int = 0,
    number: int = 0,
    size: int = 128,
    view: str = "PA",
) -> Phantom:
    """Image `number` of a patient, showing these findings of ChestX-ray8, each at least once.

    A finding the others leave no room for has no box. UnknownChoiceError for another finding or
    view.

    >>> [box.finding for box in draw_phantom(["Cardiomegaly"]).boxes]
    ['Cardiomegaly']
    """
    choose("view", view, VIEWS)
    for finding in findings:
        choose("finding", finding, CHESTXRAY8)
    stream = partial(_stream, seed, patient, number)
    habitus = draw_habitus(_stream(seed, patient, 0, _PATIENT))
    enlarged = "Cardiomegaly" in findings
    chest = draw_chest(habitus, stream(_CHEST), size=size, view=view, enlarged=enlarged)
    boxes = [
        PhantomBox(finding, *box_of(mask))
        for index, finding in enumerate(ORDER)
        if finding in findings
        for mask in draw_lesions(chest, stream(_LESION, index), finding)
    ]
    devices = draw_devices(stream(_DEVICE), size=size, view=view, findings=findings)
    image = expose(compose(chest) + devices, stream(_EXPOSURE), view=view)
    return Phantom(image, tuple(sorted(boxes)))


def generate_phantoms(
    out: str | Path,
    *,
    count: int,
    seed: int = 0,
    size: int = 128,
    prevalence: Mapping[str, float] | None = None,
    images_per_patient: float = 2.0,
    label_noise: float = 0.0,
    uncertain: float = 0.0,
    reports: bool = True,
    workers: int = 1,
) -> PhantomSet:
    """`count` phantoms in the new folder `out`, written whole or not at all.

    images/ (PNG), images.parquet (its paths are below `out`, as given), boxes.parquet,
    labels.parquet (report_id = study_id), truth.parquet (the labels without noise), reports.jsonl,
    manifest.json.
    `prevalence` overrides PREVALENCE for the findings it names. `label_noise` is the share of
    present findings whose label misses them; as many others are wrongly called present, so that
    precision and recall of the labels are both about 1 − label_noise and the prevalence stays.
    `uncertain` is the share of labels called present that become uncertain. FileExistsError for a
    folder that is not empty, ValueError for shares outside [0, 1] or sizes under 32.
    """
    settings = _Settings(
        count, seed, size, PREVALENCE | dict(prevalence or {}), images_per_patient, label_noise,
        uncertain, reports,
    )  # fmt: skip
    _check(settings)
    with new_folder(Path(out)) as folder:
        (folder / "images").mkdir()
        draw = partial(_draw_study, settings, folder)
        studies = _plan(settings)
        if workers > 1:
            with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
                rows = list(pool.map(draw, studies, chunksize=32))
        else:
            rows = [draw(study) for study in studies]
        write_files(
            folder, rows, home=Path(out), settings=asdict(settings), version=GENERATOR_VERSION
        )
    return files_of(Path(out), count=count, reports=reports)


def _stream(seed: int, *ids: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([seed, *ids]))


def _check(settings: _Settings) -> None:
    for finding in settings.prevalence:
        choose("finding", finding, CHESTXRAY8)
    shares = {f"prevalence of {name}": value for name, value in settings.prevalence.items()}
    shares |= {"label_noise": settings.label_noise, "uncertain": settings.uncertain}
    for name, value in shares.items():
        if not 0 <= value <= 1:
            raise ValueError(f"phantoms: found {name} = {value!r}, expected a share in [0, 1].")
    low = {"count": 1, "size": 32, "images_per_patient": 1, "seed": 0}
    for name, least in low.items():
        if not getattr(settings, name) >= least:
            raise ValueError(
                f"phantoms: found {name} = {getattr(settings, name)!r}, expected {least} or more."
            )


def _plan(settings: _Settings) -> list[_Study]:
    """Patients one after the other until there are enough images."""
    share = np.array([settings.prevalence[finding] for finding in CHESTXRAY8])
    studies: list[_Study] = []
    patient = 0
    while len(studies) < settings.count:
        patient += 1
        rng = _stream(settings.seed, patient, 0, _STUDY)
        carried = rng.random(8) < share
        images = min(_MOST_IMAGES, rng.geometric(1 / settings.images_per_patient))
        for number in range(min(int(images), settings.count - len(studies))):
            rng = _stream(settings.seed, patient, number, _STUDY, 1)
            present = np.where(rng.random(8) < _KEPT, carried, rng.random(8) < share)
            # The sicker lie in bed: findings and view go together, as in every hospital.
            bedside = rng.random() < 0.25 + 0.12 * min(3, int(present.sum()))
            findings = tuple(np.array(CHESTXRAY8)[present].tolist())
            studies.append(_Study(patient, number, VIEWS[bedside], findings))
    return studies


def _draw_study(settings: _Settings, folder: Path, study: _Study) -> PhantomRow:
    place = {"seed": settings.seed, "patient": study.patient, "number": study.number}
    phantom = draw_phantom(study.findings, **place, size=settings.size, view=study.view)
    png = io.BytesIO()
    Image.fromarray(phantom.image).save(png, "PNG")
    (folder / "images" / f"P{study.name}.png").write_bytes(png.getvalue())
    seen = {box.finding for box in phantom.boxes}
    truth = {finding: "present" if finding in seen else "absent" for finding in CHESTXRAY8}
    stream = partial(_stream, settings.seed, study.patient, study.number)
    labels = _mislabel(truth, settings, stream(_LABEL))
    places: dict[str, list[tuple[str, str]]] = {}
    for box in phantom.boxes:
        # The patient's right is on the image's left.
        side = "right" if box.x + box.w / 2 < settings.size / 2 else "left"
        third = min(2, int(4 * (box.y + box.h / 2) / settings.size - 0.4))
        places.setdefault(box.finding, []).append((side, ("upper", "mid", "lower")[max(0, third)]))
    return PhantomRow(
        image_id=f"P{study.name}.png",
        study_id=f"S{study.name}",
        patient_id=f"{study.patient:06d}",
        view=study.view,
        sha256=hashlib.sha256(png.getvalue()).hexdigest(),
        boxes=phantom.boxes,
        truth=truth,
        labels=labels,
        report=write_report(labels, places, stream(_WORDS), view=study.view),
    )


def _mislabel(
    truth: Mapping[str, str], settings: _Settings, rng: np.random.Generator
) -> dict[str, str]:
    labels = {}
    for finding, state in truth.items():
        chance, doubt = rng.random(2)
        share, wrong = settings.prevalence[finding], settings.label_noise
        if state == "present":
            state = "absent" if chance < wrong else "present"
        elif share < 1 and chance < wrong * share / (1 - share):
            state = "present"
        if state == "present" and doubt < settings.uncertain:
            state = "uncertain"
        labels[finding] = state
    return labels
