"""The page of the full study: what is done as tables, what is not named as such."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path

import torch

from modeling.auc import Interval
from modeling.evaluation_tables import AucRow, auc_table

_ABLATIONS = {
    "backbones": "Backbones (W-CEL, LSE r = 10)",
    "losses": "Losses (ResNet-50)",
    "pooling": "Pooling (ResNet-50)",
}
_TRAININGS = {
    "resnet50": "ResNet-50, 14 findings, official split",
    "densenet121": "DenseNet-121, preset modern, 14 findings, official split",
}


def ablation_rows(path: Path) -> dict[str, AucRow]:
    """Each recipe of an ablation.json: AUC per finding and their mean, with intervals."""
    return {
        cell["name"]: (
            {name: Interval(**body) for name, body in cell["auc"].items()},
            Interval(**cell["macro"]),
        )
        for cell in json.loads(path.read_text())["cells"]
    }


def write_page(out: Path, commands: Mapping[str, str], smoke: bool) -> None:
    """Leaves study.md in `out`: `commands` are the parts by name."""
    lines = ["# The study on NIH's images", "", f"{machine()}; {time.strftime('%Y-%m-%d')}.", ""]
    if smoke:
        lines += ["**A smoke test on phantoms: no figure below says anything.**", ""]
    for name, title in _ABLATIONS.items():
        lines += _section(title, commands[name], _ablation(out / name))
    for name, title in _TRAININGS.items():
        lines += _section(title, commands[name], _text(out / name / "evaluation.md"))
    done = (out / "boxes" / "box_scores.json").is_file()
    printed = _text(out / "boxes.txt") if done else None
    printed = printed and printed.replace(f"{out}{os.sep}", "")  # a page names no place
    lines += _section(
        "Boxes of ResNet-50", commands["boxes"], printed and f"```\n{printed.rstrip()}\n```"
    )
    speed = _text(out / "speed.md")
    lines += _section("Speed", commands["speed"], speed and speed.replace("\n## ", "\n### "))
    (out / "study.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def machine() -> str:
    """What computes here."""
    if torch.cuda.is_available():
        names = {torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())}
        return (
            f"{torch.cuda.device_count()} × {', '.join(sorted(names))}, torch {torch.__version__}"
        )
    return f"CPU, {os.cpu_count()} cores, {platform.machine()}, torch {torch.__version__}"


def _ablation(folder: Path) -> str | None:
    path = folder / "ablation.json"
    if not path.is_file():
        return None
    body = json.loads(path.read_text())
    told = f"{body['seeds']} seeds, {body['test_images']:,} test images."
    texts = (auc_table(ablation_rows(path)).markdown(), _text(folder / "ablation.md") or "", told)
    return "\n".join(texts)


def _section(title: str, command: str, text: str | None) -> list[str]:
    return [f"## {title}", "", f"`{command}`", "", (text or "Not run.").strip(), ""]


def _text(path: Path) -> str | None:
    if not path.is_file():
        return None
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("# "))
