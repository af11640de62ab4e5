"""The lineage of a box for people: as text, and as a page with its picture."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from modeling.gallery import thumbnail
from modeling.heatmaps import HeatmapFileError, load_heatmaps
from modeling.image_reading import ImageError
from modeling.lineage import Labels, Lineage
from modeling.overlays import PREDICTED, heat_png
from modeling.pages import data_uri, render_page
from modeling.quotes import Quote

_MARKS = "«", "»"
NO_MENTIONS = (
    "No mentions of it lie beside this label table. For rules and sentences give --labels with the "
    "folder of the run that mined it."
)
# True of every label table, or of no use to a reader.
_NOT_SHOWN = ("contract", "contract_version", "stage", "stage_version", "shards")


def lineage_text(lineage: Lineage) -> str:
    """The chain from the box down to the sentences, a link a paragraph."""
    return "\n".join(_lines(lineage))


def lineage_page(
    lineage: Lineage, *, images: pa.Table | None = None, folder: Path | None = None
) -> str:
    """The same as a self-contained page; with the picture and heat where they can be read.

    `images` is the images table, `folder` that of the heatmaps.
    """
    box = lineage.box
    return render_page(
        "trace.html",
        title=f"Where a box of {box['finding'].replace('_', ' ')} comes from",
        lineage=lineage,
        box=box,
        facts=_checkpoint_facts(lineage),
        made_from=_made_from(lineage),
        hash_note="" if lineage.labels is None else hash_note(lineage.labels),
        no_mentions=NO_MENTIONS,
        frame=_frame(lineage, images, folder),
        colour=PREDICTED,
        place=(box["x"], box["y"], box["w"], box["h"]),
    )


def _lines(lineage: Lineage) -> Iterator[str]:
    box = lineage.box
    place = ", ".join(f"{name} {box[name]:.1f}" for name in "xywh")
    yield f"box         {lineage.name} (of {lineage.boxes}): {place}, heat {_number(box['score'])}"
    facts = _checkpoint_facts(lineage)
    yield f"checkpoint  {facts.pop('checkpoint')}"
    yield from (f"            {name}: {value}" for name, value in facts.items())
    labels = lineage.labels
    if labels is None:
        yield "labels      not given: the chain ends here; give them with --labels"
        return
    yield f"labels      {labels.path}, {hash_note(labels)}"
    yield from (f"            {name}: {value}" for name, value in _made_from(lineage).items())
    states = ", ".join(f"{count:,} {state}" for state, count in labels.states.items())
    yield f"            {box['finding']} in {labels.reports:,} reports: {states}"
    if not labels.rules:
        yield f"rules       {NO_MENTIONS}"
    for rule in labels.rules:
        yield f"rule        {rule.mentions:>7,}  {rule.verdict:<9} {rule.rule_id or 'no rule'}"
    if labels.sentences:
        yield "sentences   behind the labels “present”, by how many reports say them"
    for quote in labels.sentences:
        yield f"            {quote.count:>7,}  {_marked(quote)}  [{quote.report_id}]"
    if lineage.label is not None:
        yield f"own report  the label table says: {lineage.label}"
    for quote in lineage.report:
        yield f"            {quote.verdict:<9} {_marked(quote)}  [{quote.report_id}]"


def _checkpoint_facts(lineage: Lineage) -> dict[str, str]:
    card = lineage.card
    facts = {
        "checkpoint": f"{card.checkpoint_id} in {lineage.checkpoint}",
        "network": f"{card.preset['backbone']}, {card.preset['pooling']} pooling, "
        f"{card.preset['image_size']} px",
        "trained": f"{card.step:,} steps, {card.epoch:.1f} epochs, seed {card.preset['seed']}",
        "weights": f"sha256 {card.weights_sha256[:16]}…",
    }
    if card.parent:
        facts["started from"] = card.parent
    facts |= {f"its {name}": _short(value) for name, value in card.provenance.items()}
    if "cxrmine" in card.code:
        facts["code"] = f"cxrmine {card.code['cxrmine']}, torch {card.code.get('torch', '?')}"
    return facts


def _made_from(lineage: Lineage) -> dict[str, str]:
    """What the label table says it was made by and with; hashes are cut short."""
    said = lineage.labels.provenance if lineage.labels else {}
    return {
        name.replace("_", " "): _short(value)
        for name, value in said.items()
        if name not in _NOT_SHOWN
    }


def hash_note(labels: Labels) -> str:
    """How the label table is known to be the right one."""
    what = "as the checkpoint names it" if labels.whole else "the part that was trained on"
    return f"sha256 {labels.sha256[:16]}…, {what}"


def _short(text: str) -> str:
    """The text with its hashes cut short.

    >>> _short("clinical " + "0123456789abcdef" * 4)
    'clinical 0123456789ab…'
    """
    return re.sub(r"\b([0-9a-f]{12})[0-9a-f]{20,}\b", r"\1…", text)


def _frame(
    lineage: Lineage, images: pa.Table | None, folder: Path | None
) -> dict[str, object] | None:
    """The picture with its size and heat; None when there is no such image."""
    if images is None:
        return None
    rows = images.filter(pc.field("image_id") == lineage.box["image_id"]).to_pylist()
    if not rows:
        return None
    try:
        picture = thumbnail(rows[0]["path"], 512)
    except ImageError:
        picture = None
    heat = None
    if folder is not None:
        try:
            maps = load_heatmaps(folder)
            found = maps.of(lineage.box["image_id"], lineage.box["finding"])
        except HeatmapFileError:
            found = None
        if found is not None:
            heat = data_uri(heat_png(found, centres=maps.centres), "image/png")
    return {
        "picture": picture,
        "heat": heat,
        "width": rows[0]["width"] or 1,
        "height": rows[0]["height"] or 1,
    }


def _marked(quote: Quote) -> str:
    """The sentence on one line, its mention between marks.

    >>> _marked(Quote("R1", "Mass", "No\\nmass.", 3, 7, "absent", None))
    'No «mass».'
    """
    before, mention, after = quote.parts()
    return " ".join(f"{before}{_MARKS[0]}{mention}{_MARKS[1]}{after}".split())


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g}"
