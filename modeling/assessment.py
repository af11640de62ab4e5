"""A checkpoint judged on a part of the data: predictions, figures, tables and curves as files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from data_contracts import PREDICTIONS, write_table
from modeling.checkpoints import Card, load_network
from modeling.curve_plots import curves_svg
from modeling.dataset import CachedImages
from modeling.devices import make_fabric
from modeling.evaluation import REPLICATES, Evaluation, EvaluationError, evaluate
from modeling.evaluation_tables import evaluation_grids
from modeling.known_facts import facts_of
from modeling.localisation import predictions_table
from modeling.presets import Preset
from modeling.samples import Labelled, default_workers
from modeling.scoring import Scored, score_dataset

JSON, MARKDOWN, CURVES, PREDICTED = (
    "evaluation.json", "evaluation.md", "curves.svg", "predictions.parquet"
)  # fmt: skip


def assess(
    checkpoint: str | Path,
    data: CachedImages,
    images: pa.Table,
    out: Path,
    *,
    people: pa.Table | None = None,
    replicates: int = REPLICATES,
    accelerator: str = "auto",
    provenance: Mapping[str, str] | None = None,
) -> Evaluation:
    """The evaluation of a checkpoint on labelled images; `out` then holds it as four files.

    evaluation.json, evaluation.md, curves.svg and predictions.parquet. `images` are the rows of the
    images table that `data` is of, in their order; `people` knows sex and age. Errors: those of
    the checkpoint; EvaluationError when the data has other findings.
    """
    scored, card = score_checkpoint(checkpoint, data, accelerator=accelerator)
    result = evaluate(
        scored.scores,
        scored.targets,
        findings=data.findings,
        patients=data.patient_ids,
        facts=facts_of(images, people),
        logits=scored.logits,
        replicates=replicates,
    )
    out.mkdir(parents=True, exist_ok=True)
    card_id = card.checkpoint_id
    about = {"checkpoint": card_id, "data": dict(provenance or {}), **result.to_json()}
    (out / JSON).write_text(json.dumps(about, indent=1) + "\n")
    text = "\n".join(grid.markdown() for grid in evaluation_grids(result))
    (out / MARKDOWN).write_text(f"Checkpoint {card_id}, {result.images} images.\n\n{text}")
    (out / CURVES).write_text(curves_svg(scored.scores, scored.targets, result))
    table = predictions_table(scored.scores, data.image_ids, card)
    write_table(out / PREDICTED, table, PREDICTIONS, {"checkpoint": card_id})
    return result


def score_checkpoint(
    checkpoint: str | Path, data: Labelled, *, accelerator: str = "auto"
) -> tuple[Scored, Card]:
    """The scores of a checkpoint on the data, and its card. EvaluationError for other findings."""
    network, card = load_network(checkpoint)
    if data.findings != card.findings:
        raise EvaluationError(f"data with {data.findings}", f"{card.findings} of the checkpoint")
    settings = Preset(**card.preset)
    fabric = make_fabric(settings, accelerator, alone=True)
    module = fabric.setup_module(network)
    workers = default_workers(fabric.device)
    return (
        score_dataset(module, data, fabric, batch=settings.batch, workers=workers),
        card,
    )
