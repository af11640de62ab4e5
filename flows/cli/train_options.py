"""Options that `train` and `ablate` share, and the job that they describe."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from flows.train_stages import TrainJob

Labels = Annotated[
    Path,
    typer.Option(
        help="labels.parquet or the folder of a run; NIH's Data_Entry_2017*.csv; a CheXpert CSV."
    ),
]
Images = Annotated[
    Path, typer.Option(help="Folder of PNG, JPEG or DICOM files, or a table of images.")
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for checkpoints and tables.")]
PresetName = Annotated[
    str,
    typer.Option(
        "--preset",
        help="chestxray8 (SGD, as the paper), modern (AdamW, cosine) or attention-mining "
        "(modern, then a second stage).",
    ),
]
Backbone = Annotated[
    str | None,
    typer.Option(
        help="alexnet, googlenet, vgg16, resnet50 or densenet121; +msa behind it adds scales."
    ),
]
Pooling = Annotated[str | None, typer.Option(help="average, max or lse.")]
R = Annotated[float | None, typer.Option("--r", help="r of Log-Sum-Exp pooling.")]
Loss = Annotated[str | None, typer.Option(help="hinge, euclidean, cel, wcel or focal.")]
Size = Annotated[int | None, typer.Option(min=32, help="Side of the images in pixels.")]
Weights = Annotated[
    str | None, typer.Option(help="Weights of the backbone: none, imagenet, or a file.")
]
Epochs = Annotated[float | None, typer.Option(min=0, help="Passes over the training images.")]
Steps = Annotated[int | None, typer.Option(min=1, help="Steps of the optimiser.")]
BatchSize = Annotated[int | None, typer.Option("--batch", min=1, help="Images per forward pass.")]
Accumulate = Annotated[int | None, typer.Option(min=1, help="Forward passes per step (iter_size).")]
Seed = Annotated[int | None, typer.Option(min=0, help="Of weights, order and augmentation.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Any other setting of the preset, as learning_rate=0.01; of attention mining's second "
        "stage as mining.steps=3 or preservation.weight=0.5.",
    ),
]
Findings = Annotated[
    str | None,
    typer.Option(help="chestxray8, chestxray14, or names with commas (default: the labels')."),
]
SplitFile = Annotated[
    Path | None,
    typer.Option(
        "--split",
        help="Table image_id, patient_id, split (train, val, test), or the folder of NIH's "
        "official lists; else by patient.",
    ),
]
Uncertain = Annotated[
    str,
    typer.Option(
        help="What an uncertain label is: ignore (unknown), zero, one, or certainty (1, weighted)."
    ),
]
NotMentioned = Annotated[
    str, typer.Option(help="What a finding is that the report does not mention: zero or ignore.")
]
Accelerator = Annotated[str, typer.Option(help="auto (a GPU where there is one), cpu or cuda.")]
Workers = Annotated[
    int | None, typer.Option(min=0, help="Processes that read images ahead of the network.")
]


def make_train_job(
    labels: Path,
    images: Path,
    preset_name: str,
    changes: list[str] | None,
    *,
    findings: str | None,
    epochs: float | None,
    steps: int | None,
    job: dict[str, Any],
    **settings: Any,
) -> "TrainJob":
    """The job that these options describe; an option not given keeps the preset's value.

    Errors: PresetError, UnknownChoiceError, UnknownFindingError, MiningError, typer.BadParameter.
    """
    from flows.train_stages import TrainJob
    from modeling.attention_stage import MiningStage, is_stage_option
    from modeling.presets import preset

    if epochs is not None and steps is not None:
        raise typer.BadParameter("found --epochs and --steps, expected one of them")
    given = {name: value for name, value in settings.items() if value is not None}
    if steps is not None:
        given |= {"steps": steps, "epochs": 0.0}
    elif epochs is not None:
        given["epochs"] = epochs
    texts = read_changes(changes)
    mined = {name: text for name, text in texts.items() if is_stage_option(name)}
    chosen = preset(preset_name, **given | {k: v for k, v in texts.items() if k not in mined})
    job |= {"stage": MiningStage().changed(mined)}
    made = TrainJob(labels, images, chosen, read_findings(findings), **job)
    if mined and not made.mines:
        raise typer.BadParameter(
            f"--set: found {', '.join(mined)} with preset {preset_name}, expected preset "
            "attention-mining: no other has a stage that mines"
        )
    return made


def read_changes(texts: list[str] | None) -> dict[str, str]:
    """Settings from texts as KEY=VALUE. Errors: typer.BadParameter.

    >>> read_changes(["learning_rate=0.01", "augment=false"])
    {'learning_rate': '0.01', 'augment': 'false'}
    """
    changes = {}
    for text in texts or []:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not (key and equals):
            raise typer.BadParameter(f"--set: found {text!r}, expected SETTING=VALUE")
        changes[key] = value
    return changes


def read_findings(text: str | None) -> tuple[str, ...] | None:
    """The findings of a set's name or of names with commas. Errors: UnknownFindingError.

    >>> read_findings("infiltrate, Mass")
    ('Infiltration', 'Mass')
    """
    from data_contracts import finding_set, nih_name

    if text is None:
        return None
    if text.lower().startswith("chestxray"):
        return tuple(finding.name for finding in finding_set(text))
    return tuple(nih_name(name) for name in text.split(",") if name.strip())
