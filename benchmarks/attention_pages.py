"""The tables of the ablation: every arm, every part's effect, and what became of the hypotheses."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.attention_figures import FIGURES, Judged, sample
from benchmarks.phantom_images import PhantomImages
from benchmarks.view import Figures, share
from modeling.attention_training import MiningStage
from modeling.presets import Preset

Floats = npt.NDArray[np.float64]

# What a part does is the difference of two arms.
EFFECTS = {
    "maps mined": ("maps mined", "baseline"),
    "MSA": ("+ MSA", "baseline"),
    "AM alone": ("+ AM", "longer"),
    "AM with KP": ("+ AM + KP", "longer"),
    "AM's training alone": ("+ AM", "maps mined"),
    "KP in AM": ("+ AM + KP", "+ AM"),
    "AM with KP on MSA": ("all", "+ MSA, longer"),
    "all": ("all", "baseline"),
}
# Hypothesis: figure, the two arms, and the sign that the difference should have; 0 = none.
HYPOTHESES = {
    "AM finds second lesions": ("2nd", "+ AM + KP", "longer", 1),
    "AM finds third lesions": ("3rd", "+ AM + KP", "longer", 1),
    "the same without KP: second": ("2nd", "+ AM", "longer", 1),
    "the same without KP: third": ("3rd", "+ AM", "longer", 1),
    "AM finds second lesions on MSA's maps": ("2nd", "all", "+ MSA, longer", 1),
    "AM finds third lesions on MSA's maps": ("3rd", "all", "+ MSA, longer", 1),
    "AUC falls under AM without KP": ("AUC", "+ AM", "longer", -1),
    "AUC holds under AM with KP": ("AUC", "+ AM + KP", "longer", 0),
    "AUC holds with all parts": ("AUC", "all", "+ MSA, longer", 0),
    "KP keeps AUC that AM alone loses": ("AUC", "+ AM + KP", "+ AM", 1),
    "MSA: AUC of nodules rises": ("AUC Nodule", "+ MSA", "baseline", 1),
    "MSA: Acc of nodules rises": ("Acc Nodule", "+ MSA", "baseline", 1),
}
_NOTES = (
    "differences of two arms on the same draws; * where the interval leaves out 0",
    "no correction for how many differences there are",
    "with fewer than 5 seeds the intervals are too narrow: another seed may do what none did; with "
    "one they are over patients alone",
    "where AUC is near .5 the classifier has learnt nothing, and no effect on it means anything",
)
_ARM_NOTES = (
    "mean over the seeds [95 % interval over patients and seeds]; boxes at 60 and 180, on images "
    "that show the finding; a lesion is found when a box of its own overlaps it by more than this "
    "IoBB; AFP: boxes there that overlap none so, per lesion; 2nd, 3rd: share of images with so "
    "many lesions of a finding in which as many are found",
)


def tables(
    judged: Mapping[float, Mapping[str, Sequence[Judged]]],
    patients: Sequence[str],
    replicates: int,
) -> list[Figures]:
    """Every hypothesis, every arm's figures and every part's effect, with intervals.

    By level of IoBB; hypotheses are judged at the first. Those of arms that are not there, and such
    effects, are left out.
    """
    made: list[Figures] = []
    for level, arms in judged.items():
        compared = Compared(arms, patients, replicates)
        if not made:
            made.append(_hypotheses(compared))
        values = [
            [arm, str(len(runs)), *(_cell(column) for column in compared.arm(arm).T)]
            for arm, runs in arms.items()
        ]
        effects = [
            [name, str(seeds), *(_cell(column, signed=True) for column in difference.T)]
            for name, pair in EFFECTS.items()
            for seeds, difference in compared.pair(*pair)
        ]
        header = ("", "seeds", *FIGURES)
        made.append(Figures(f"Arms, found by IoBB > {level:g}", header, values, _ARM_NOTES))
        made.append(Figures(f"Effects, found by IoBB > {level:g}", header, effects, _NOTES))
    return made


@dataclass(frozen=True)
class Compared:
    """Arms and their differences, on the same draws of patients and seeds."""

    arms: Mapping[str, Sequence[Judged]]
    patients: Sequence[str]
    replicates: int

    def arm(self, name: str, seeds: int | None = None) -> Floats:
        """The samples of this arm's figures, over its first `seeds` seeds (default: all)."""
        return sample(self.arms[name][:seeds], self.patients, replicates=self.replicates)

    def pair(self, one: str, other: str) -> list[tuple[int, Floats]]:
        """How many seeds both arms have, and the difference over these; [] where one is not."""
        if not {one, other} <= set(self.arms):
            return []
        seeds = min(len(self.arms[one]), len(self.arms[other]))
        return [(seeds, self.arm(one, seeds) - self.arm(other, seeds))]


def _hypotheses(compared: Compared) -> Figures:
    asked = [
        _answer(name, difference, seeds, f"{one} − {other}", figure, sign)
        for name, (figure, one, other, sign) in HYPOTHESES.items()
        for seeds, difference in compared.pair(one, other)
    ]
    said: dict[str, list[str]] = {}
    for name, *_, seen in asked:
        said.setdefault(seen, []).append(name)
    notes = [f"{seen}: {'; '.join(names)}" for seen, names in said.items()]
    header = ("", "seeds", "difference [95 %]", "figure", "of", "seen")
    return Figures("Hypotheses", header, asked, (*notes, *_NOTES[1:]))


def conditions(
    settings: Preset, stage: MiningStage, training: PhantomImages, test: PhantomImages
) -> Figures:
    """On what and when the figures were made."""
    several = _lesions(test)
    rows = [
        ["date", datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")],
        ["machine", f"{_processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads"],
        ["torch", torch.__version__],
        ["classifier", f"{settings.backbone}, {settings.image_size} px, {settings.steps} steps of "
                       f"{settings.batch}, rate {settings.learning_rate:g}, "
                       f"precision {settings.precision}, augmentation {settings.augment}"],
        ["second stage", ", ".join(f"{name}={value}" for name, value in stage.to_values().items())],
        ["phantoms", f"{len(training):,} to train on, {len(test):,} to judge by"],
        ["findings of an image with two or more lesions", f"{(several >= 2).sum():,}"],
        ["of these, with three or more", f"{(several >= 3).sum():,}"],
    ]  # fmt: skip
    return Figures("How", ("", ""), rows)


def _lesions(test: PhantomImages) -> npt.NDArray[np.int64]:
    """How many lesions each pair of an image and a finding has."""
    pairs = zip(test.boxes["image_id"].to_pylist(), test.boxes["finding"].to_pylist(), strict=True)
    counts: npt.NDArray[np.int64] = np.unique(
        ["\0".join(pair) for pair in pairs], return_counts=True
    )[1]
    return counts


def _answer(name: str, values: Floats, seeds: int, arms: str, figure: str, sign: int) -> list[str]:
    column = values[:, FIGURES.index(figure)]
    low, high = _interval(column)
    if np.isnan(low):
        seen = "no such case"
    elif sign:
        against = (low > 0) if sign < 0 else (high < 0)
        holds = low > 0 if sign > 0 else high < 0
        seen = "yes" if holds else "the contrary" if against else "no effect seen"
    else:
        seen = "no, it falls" if high < 0 else "no, it rises" if low > 0 else "no change seen"
    said = _cell(column, signed=True).removesuffix(" *")
    return [name, str(seeds), said, figure, arms, seen]


def _interval(column: Floats) -> tuple[float, float]:
    known = column[1:][~np.isnan(column[1:])]
    if np.isnan(column[0]) or not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)


def _cell(column: Floats, *, signed: bool = False) -> str:
    """The value and its interval; the first row of the column is the value."""
    low, high = _interval(column)
    if np.isnan(low):
        return "–"
    star = " *" if signed and (low > 0 or high < 0) else ""
    digits = 3 if signed else 2  # of a difference, the edge beside 0 matters
    value, edges = (
        _sign(column[0], 3, signed),
        [_sign(edge, digits, signed) for edge in (low, high)],
    )
    return f"{value} [{edges[0]}, {edges[1]}]{star}"


def _sign(value: float, digits: int, signed: bool) -> str:
    """A share, with a plus where it is a gain."""
    text = share(float(value), digits)
    return f"+{text}" if signed and not text.startswith("−") else text


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:
            names = [line.partition(":")[2].strip() for line in stream if "model name" in line]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
