"""The papers' tables on NIH's images, from their lists to one page: a study for a GPU.

    python -m benchmarks.full_study --data NIH --out study
    python -m benchmarks.full_study --smoke --out smoke          # phantoms, CPU, about two minutes

NIH is a folder with images/, Data_Entry_2017*.csv, train_val_list.txt, test_list.txt and
BBox_List_2017.csv as released. Every part is a command of its own, printed before it runs and to be
had alone by --only; one that is done is not repeated, one that was killed goes on.

    backbones   Table 3: 8 findings, 70/10/20 by patient, W-CEL, LSE r = 10, one network per row
    losses      hinge, euclidean, cel and wcel on ResNet-50
    pooling     average, max, and LSE with each r of the paper, on ResNet-50
    resnet50    Table 17: 14 findings, the official split, the paper's recipe
    densenet121 the same by the preset `modern`
    boxes       Acc and AFP of the first one's heatmaps, on its test images
    speed       the training step on this machine (benchmarks.training)
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.full_study_page import write_page
from benchmarks.nih_phantoms import write_as_nih

_PLAN = "plan.json"
_CLI = (sys.executable, "-m", "flows.cli")


@dataclass(frozen=True)
class Scale:
    """How large a study is."""

    size: int = 512  # the papers do not state their networks' input
    steps: int = 10_000  # ChestX-ray8: about so many
    epochs: float = 20.0  # of the preset modern
    seeds: int = 3
    weights: str = "imagenet"
    bootstrap: int = 1000
    accelerator: str = "auto"
    devices: int = 1
    r: str = "10,0.1,0.5,1,5,8,12"  # the first is what the others are compared to
    extra: tuple[str, ...] = ("--set", "precision=auto", "--set", "channels_last=true")


SMOKE = Scale(
    size=64, steps=2, epochs=0.0, seeds=1, weights="none", bootstrap=20, accelerator="cpu",
    r="10,1", extra=("--batch", "4", "--accumulate", "1", "--workers", "0",
                     "--set", "transition_width=16", "--set", "validations=1"),
)  # fmt: skip
_SMOKE_IMAGES = 60


@dataclass(frozen=True)
class Part:
    """A part of the study: its name, the command, the file that is there when it is done."""

    name: str
    command: tuple[str, ...]
    leaves: str


class StudyError(ValueError):
    """The study cannot be made: what was `found`, what was `expected`, what to do."""

    def __init__(self, found: str, expected: str, to_do: str) -> None:
        self.found, self.expected, self.to_do = found, expected, to_do
        super().__init__(f"study: found {found}, expected {expected}. {to_do}")


def plan(data: Path, out: Path, scale: Scale) -> list[Part]:
    """The parts, in the order in which they are run. StudyError when a list of NIH's is missing."""
    lists = {"train_val_list.txt", "test_list.txt", "BBox_List_2017.csv", "images"}
    missing = sorted(name for name in lists if not (data / name).exists())
    entries = sorted(data.glob("Data_Entry_2017*.csv"))
    if missing or not entries:
        lacks = ", ".join([*missing, *([] if entries else ["Data_Entry_2017*.csv"])])
        raise StudyError(f"no {lacks} in {data}", "NIH's files", "Fetch them, or try --smoke.")
    common = ("--labels", str(entries[-1]), "--images", str(data / "images"), "--size",
              str(scale.size), "--weights", scale.weights, "--accelerator", scale.accelerator,
              *scale.extra)  # fmt: skip
    rest = ("--findings", "chestxray8", "--steps", str(scale.steps), "--seeds", str(scale.seeds),
            "--bootstrap", str(scale.bootstrap))  # fmt: skip
    length = ("--epochs", f"{scale.epochs:g}") if scale.epochs else ("--steps", str(scale.steps))
    whole = ("--findings", "chestxray14", "--split", str(data), "--devices", str(scale.devices))

    def ablation(name: str, *options: str) -> Part:
        home = out / name
        verb = (*_CLI, "ablate", *common, *rest, *options, "--out", str(home))
        return Part(name, verb, f"{name}/ablation.json")

    def training(name: str, *options: str) -> Part:
        verb = (*_CLI, "train", "--resume", *common, *whole, *options, "--backbone", name)
        return Part(name, (*verb, "--out", str(out / name)), f"{name}/evaluation.json")

    first = out / "resnet50"
    fifty = ("--backbone", "resnet50")
    return [
        ablation("backbones", "--grid", "backbone=resnet50,alexnet,googlenet,vgg16,densenet121"),
        ablation("losses", *fifty, "--grid", "loss=wcel,cel,hinge,euclidean"),
        ablation("pooling", *fifty, "--grid", "pooling=lse,average,max", "--grid", f"r={scale.r}"),
        training("resnet50", "--steps", str(scale.steps)),
        training("densenet121", "--preset", "modern", *length),
        Part("boxes", (*_CLI, "localise", "--checkpoint", str(first), "--truth",
                       str(data / "BBox_List_2017.csv"), "--original", "1024", "--rows",
                       "annotated", "--out", str(out / "boxes")), "boxes/box_scores.json"),
        Part("speed", (sys.executable, "-m", "benchmarks.training", *_speed(scale), "--markdown",
                       str(out / "speed.md")), "speed.md"),
    ]  # fmt: skip


def run_parts(parts: Sequence[Part], out: Path) -> dict[str, str]:
    """What became of each part: done, or how it failed; one that fails stops no other."""
    found = {}
    for part in parts:
        if (out / part.leaves).is_file():
            found[part.name] = "done before"
            continue
        print(f"{part.name}: {shlex.join(part.command)}", file=sys.stderr, flush=True)
        environment = {**os.environ, "COLUMNS": "160"}
        ended = subprocess.run(part.command, stdout=subprocess.PIPE, text=True, env=environment)
        (out / f"{part.name}.txt").write_text(ended.stdout)
        whole = ended.returncode == 0 and (out / part.leaves).is_file()
        found[part.name] = "done" if whole else f"failed with exit code {ended.returncode}"
    return found


def keep_plan(out: Path, scale: Scale, data: Path) -> None:
    """Remembers the study of this folder. StudyError when it holds another one."""
    asked = json.loads(json.dumps({"data": str(data.resolve()), **asdict(scale)}))
    path = out / _PLAN
    if path.is_file() and (kept := json.loads(path.read_text())) != asked:
        other = next(key for key in asked if kept.get(key) != asked[key])
        raise StudyError(
            f"a study with {other} {kept.get(other)!r} in {out}", f"{asked[other]!r}",
            "Give the same options, or another folder.",
        )  # fmt: skip
    path.write_text(json.dumps(asked, indent=1) + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 1 when a part failed. Writes OUT/study.md of all parts that are done."""
    given = _arguments(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    scale, data = _asked(given), given.data
    if given.smoke and not (data := given.out / "nih").is_dir():
        write_as_nih(data, count=_SMOKE_IMAGES, size=scale.size)
    keep_plan(given.out, scale, data)
    parts = plan(data, given.out, scale)
    chosen = [part for part in parts if not given.only or part.name in given.only]
    if given.show:
        print("\n".join(shlex.join(part.command) for part in chosen))
        return 0
    ended: Mapping[str, str] = run_parts(chosen, given.out)
    write_page(given.out, {part.name: _said(part, data, given.out) for part in parts}, given.smoke)
    for name, outcome in ended.items():
        print(f"{name}: {outcome}")
    print(given.out / "study.md")
    return int(any(outcome.startswith("failed") for outcome in ended.values()))


def _asked(given: argparse.Namespace) -> Scale:
    base = SMOKE if given.smoke else Scale()
    names = ("size", "steps", "epochs", "seeds", "weights", "accelerator", "devices")
    changes = {name: value for name in names if (value := getattr(given, name)) is not None}
    return Scale(**{**vars(base), **changes})


def _speed(scale: Scale) -> tuple[str, ...]:
    if scale.accelerator != "cpu":
        return ()
    return ("--accelerator", "cpu", "--backbone", "alexnet", "--size", str(scale.size), "--batch",
            "4", "--images", "16", "--steps", "2", "--rounds", "1")  # fmt: skip


def _said(part: Part, data: Path, out: Path) -> str:
    """The command as a reader would type it: no path of this machine."""
    line = shlex.join(part.command).replace(shlex.join(_CLI), "cxrmine")
    for place, name in ((out, "study"), (data, "NIH"), (Path(sys.executable), "python")):
        line = line.replace(str(place), name)
    return line.replace("study/nih", "NIH")


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The whole study.", allow_abbrev=False)
    parser.add_argument("--data", type=Path, default=Path("NIH"), help="NIH's files as released")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--smoke", action="store_true", help="phantoms, two steps, on a CPU")
    parser.add_argument("--only", nargs="+", help="parts by name")
    parser.add_argument("--show", action="store_true", help="print the commands, run none")
    for name in ("size", "steps", "seeds", "devices"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--epochs", type=float, help="of densenet121; 0 = --steps")
    parser.add_argument("--weights", choices=("imagenet", "none"))
    parser.add_argument("--accelerator", choices=("auto", "cpu", "cuda"))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except StudyError as error:
        sys.exit(str(error))
