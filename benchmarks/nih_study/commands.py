"""The study on real images, cross-validated by patient, trained on image-level labels alone.

    python -m benchmarks.nih_study tune     --arm alexnet --set learning_rate=1e-3
    python -m benchmarks.nih_study train    --work DIR [--arms …] [--seeds 3] [--minutes 60]
    python -m benchmarks.nih_study classify --work DIR [--markdown docs/results/nih_small.md]
    python -m benchmarks.nih_study boxes    --work DIR [--markdown docs/results/nih_boxes.md]

The images (NIH ChestX-ray14, a part) are in $CXRMINE_DATA/nih: images448/, labels.csv, boxes.csv.
`train` keeps the logits and heatmaps of every image, made by networks that have not seen its
patient; killed and started again it goes on. The others make tables of what is there.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.nih_study.arms import ARMS, queue
from benchmarks.nih_study.data import StudyError, load_data
from benchmarks.nih_study.pages import boxes_page, classification_page, page
from benchmarks.nih_study.units import Study, run_queue, tune
from benchmarks.view import print_figures
from modeling.choices import choose


def main(arguments: Sequence[str] | None = None) -> None:
    """Does what the arguments say."""
    given = _parser().parse_args(arguments)
    torch.set_num_threads(given.threads)
    study = _study(given)
    given.do(study, given)


def _train(study: Study, given: argparse.Namespace) -> None:
    for name in given.arms:
        choose("arm", name, ARMS)
    until = time.time() + 60 * given.minutes
    units = list(queue(given.arms, given.seeds, study.data.folds))
    run_queue(study, units, until=until)


def _tune(study: Study, given: argparse.Namespace) -> None:
    begun = time.time()
    text, curve = tune(study, ARMS[choose("arm", given.arm, ARMS)], given.fold)
    for line in (*curve, f"{time.time() - begun:.0f} s"):
        print(f"{text}: {line}")


def _tables(study: Study, given: argparse.Namespace) -> None:
    make, title = PAGES[given.verb]
    said, figures = make(study, given.replicates)
    for paragraph in said:
        print(paragraph, end="\n\n")
    print_figures(figures)
    if given.markdown:
        command = f"python -m benchmarks.nih_study {given.verb} --work DIR"
        given.markdown.parent.mkdir(parents=True, exist_ok=True)
        given.markdown.write_text(page(title, command, said, figures), encoding="utf-8")


PAGES = {
    "classify": (classification_page, "Real images: classification"),
    "boxes": (boxes_page, "Real images: boxes"),
}


def _study(given: argparse.Namespace) -> Study:
    source = given.data
    if source is None:
        folder = os.environ.get("CXRMINE_DATA")
        if not folder:
            raise StudyError("no data", "--data or CXRMINE_DATA", "Name the folder of the images.")
        source = Path(folder) / "nih"
    data = load_data(source, given.work / "pixels", folds=given.folds)
    changes = dict(pair.split("=", 1) for pair in given.set)
    return Study(data, given.work, changes, given.device)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.nih_study", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    verbs = parser.add_subparsers(required=True)
    commands = {"tune": _tune, "train": _train, "classify": _tables, "boxes": _tables}
    for name, do in commands.items():
        verb = verbs.add_parser(name)
        verb.set_defaults(do=do, verb=name)
        verb.add_argument("--work", type=Path, default=Path("out/nih_study"))
        verb.add_argument("--data", type=Path, help="default: $CXRMINE_DATA/nih")
        verb.add_argument("--folds", type=int, default=5)
        verb.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE",
                          help="changes to the recipe of every arm")  # fmt: skip
        verb.add_argument("--device", default="cpu", help="cpu or cuda")
        verb.add_argument("--threads", type=int, default=1, help="weights depend on it")
        if name in PAGES:
            verb.add_argument("--replicates", type=int, default=1000)
            verb.add_argument("--markdown", type=Path)
        if name == "tune":
            verb.add_argument("--arm", default="alexnet")
            verb.add_argument("--fold", type=int, default=0)
        if name == "train":
            verb.add_argument("--arms", nargs="+", default=list(ARMS))
            verb.add_argument("--seeds", type=int, default=3)
            verb.add_argument("--minutes", type=float, default=1e6)
    return parser
