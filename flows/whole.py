"""The Prefect flow `whole`: label → train → localise, from reports and images to boxes.

The three flows that it chains keep their stages by content as ever: a second run trains nothing.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.environment import prepare_prefect

prepare_prefect()  # before the import: Prefect reads its settings once

from prefect import flow  # noqa: E402

from flows.label import label  # noqa: E402
from flows.localise import Localised, localise  # noqa: E402
from flows.localise_job import after_training  # noqa: E402
from flows.output import check_target  # noqa: E402
from flows.result import RunResult  # noqa: E402
from flows.road import Job, job_prints  # noqa: E402
from flows.train import Trained, train  # noqa: E402
from flows.train_stages import TrainJob  # noqa: E402
from mining.selfcheck import require_self_check  # noqa: E402
from modeling.attention_training import MiningStage  # noqa: E402
from modeling.box_files import read_boxes  # noqa: E402
from modeling.presets import Preset  # noqa: E402

LABELS, MODEL, BOXES = "labels", "model", "boxes"  # the folders of the three flows' results


@dataclass(frozen=True)
class WholeJob:
    """Reports, the images they are of, and how both are used; `truth` are boxes that only score."""

    reports: Job
    images: Path  # a table of images, or a folder of PNG, JPEG or DICOM files
    settings: Preset
    truth: Path | None = None
    gold: str | None = None
    allow_drift: bool = False
    stage: MiningStage = field(default_factory=MiningStage)  # of preset attention-mining
    label: dict[str, Any] = field(default_factory=dict)  # further settings of the flow `label`

    def checked(self, out: Path) -> None:
        """Returns when no mistake can be seen before any work. Errors: those of the parts."""
        for name in (LABELS, MODEL, BOXES):
            check_target(out / name)
        job_prints(self.reports)
        require_self_check(self.reports.settings, allow_drift=self.allow_drift)
        if not self.images.exists():
            raise FileNotFoundError(f"{self.images}: no such file or folder.")
        if self.images.is_dir() and not any(path.is_file() for path in self.images.rglob("*")):
            raise FileNotFoundError(f"{self.images}: found no file, expected images.")
        if self.truth is not None:
            read_boxes(self.truth)  # a list that cannot be read is told now, not after training


@dataclass(frozen=True)
class Whole:
    """What the three flows have left; nothing was trained when the labels had problems."""

    labels: RunResult
    model: Trained | None = None
    boxes: Localised | None = None


@flow(name="whole")
def whole(job: WholeJob, out: Path) -> Whole:
    """The result of all three flows, in the folders labels/, model/ and boxes/ of `out`.

    The network is trained on the labels just mined, and looks for boxes in the test images. When
    too many reports were rejected it stops after the labels. Errors: those of the three flows.
    """
    labels = _result(
        label(
            job.reports,
            out / LABELS,
            gold=job.gold,
            allow_drift=job.allow_drift,
            **job.label,
            return_state=True,
        )
    )
    if labels.problems:
        return Whole(labels)
    training = TrainJob(out / LABELS, job.images, job.settings, stage=job.stage)
    model = _result(train(training, out / MODEL, return_state=True))
    localising = after_training(out / MODEL, truth=job.truth, labels=out / LABELS)
    return Whole(labels, model, _result(localise(localising, out / BOXES, return_state=True)))


def run_whole(job: WholeJob, out: Path) -> Whole:
    """The result of the flow `whole`, run here and now. Errors: those of the flow."""
    out = out.expanduser().resolve()
    job.checked(out)
    result: Whole = _result(whole(job, out, return_state=True))
    return result


def _result(state: Any) -> Any:
    """What a flow returned, whether it calls itself failed or not. Errors: what it raised."""
    result = state.result(raise_on_failure=False)
    if isinstance(result, BaseException):
        raise result
    return result
