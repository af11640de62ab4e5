"""How good a network's scores are: per finding, per group, and beside knowing no image at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from modeling.auc import (
    Interval,
    average_precision,
    bootstrap_ap,
    bootstrap_auc,
    interval,
    macro,
    macro_replicates,
    patient_draws,
    patient_numbers,
    roc_auc,
)
from modeling.calibration import Calibration, calibration
from modeling.known_facts import KnownFacts, baseline_scores

Floats = npt.NDArray[np.float64]
REPLICATES = 1000


class EvaluationError(ValueError):
    """Scores cannot be evaluated: what was `found`, what was `expected`."""

    def __init__(self, found: str, expected: str) -> None:
        self.found, self.expected = found, expected
        super().__init__(
            f"evaluation: found {found}, expected {expected}. Score the images that have targets."
        )


@dataclass(frozen=True)
class FindingResult:
    """One finding: known targets of either kind, its figures with intervals, its calibration."""

    positives: int
    negatives: int
    auc: Interval
    average_precision: Interval
    calibration: Calibration | None


@dataclass(frozen=True)
class GroupResult:
    """A group of images: how many, and per finding the share of positives and the AUC."""

    images: int
    rate: Mapping[str, float | None]
    auc: Mapping[str, Interval]


@dataclass(frozen=True)
class Baseline:
    """Knowing view, age and sex and no image; and the network where the view says nothing.

    `auc` is the baseline's, over pairs of images of one fold of its cross-validation; `gain` is the
    network's over the same pairs minus it, on the same draws of patients; `within_view` is the
    network's over pairs of images of one view. Each has the mean under "macro".
    """

    auc: Mapping[str, Interval]
    gain: Mapping[str, Interval]
    within_view: Mapping[str, Interval]


@dataclass(frozen=True)
class Evaluation:
    """The figures of one set of scores. Intervals: 95 %, over draws of patients."""

    images: int
    patients: int
    findings: Mapping[str, FindingResult]
    macro: Interval
    groups: Mapping[str, Mapping[str, GroupResult]] = field(default_factory=dict)
    baseline: Baseline | None = None

    def to_json(self) -> dict[str, Any]:
        """All figures as plain values."""
        return asdict(self)


def evaluate(
    scores: Floats,
    targets: Floats,
    *,
    findings: Sequence[str],
    patients: Sequence[object] | None = None,
    facts: KnownFacts | None = None,
    logits: Floats | None = None,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Evaluation:
    """The evaluation of scores (N, C) in [0, 1] against targets (N, C) in {0, 1, NaN = unknown}.

    Without `patients` each image is a patient of its own. With `facts` come groups and the baseline
    that is told them alone. Images are put in order by `logits` if given: probabilities of a very
    sure network round to the same 1. EvaluationError for other shapes or scores that are no
    probabilities.
    """
    _check(scores, targets, findings, patients, facts)
    chances, scores = scores, scores if logits is None else logits
    who = list(range(len(scores))) if patients is None else list(patients)
    numbers = patient_numbers(who)
    draws = patient_draws(who, replicates, seed)
    aucs = bootstrap_auc(scores, targets, draws, numbers)
    precisions = bootstrap_ap(scores, targets, draws, numbers)
    results = {}
    for n, name in enumerate(findings):
        column, wanted = scores[:, n], targets[:, n]
        chance = chances[:, n]
        results[name] = FindingResult(
            int((wanted == 1).sum()),
            int((wanted == 0).sum()),
            interval(roc_auc(column, wanted), aucs[:, n]),
            interval(average_precision(column, wanted), precisions[:, n]),
            calibration(chance, wanted),
        )
    mean = macro([result.auc.value for result in results.values()])
    known = facts if facts is not None and facts.any else None
    return Evaluation(
        len(scores),
        draws.shape[1],
        results,
        interval(mean, macro_replicates(aucs)),
        _groups(scores, targets, findings, known, draws, numbers) if known else {},
        _baseline(scores, targets, findings, known, who, draws, numbers) if known else None,
    )


def with_macro(
    values: Mapping[str, float | None], replicates: Floats, findings: Sequence[str]
) -> dict[str, Interval]:
    """The intervals of the findings and, under "macro", of their mean."""
    each = {name: interval(values[name], replicates[:, n]) for n, name in enumerate(findings)}
    return {**each, "macro": interval(macro(list(values.values())), macro_replicates(replicates))}


def _groups(
    scores: Floats,
    targets: Floats,
    findings: Sequence[str],
    facts: KnownFacts,
    draws: npt.NDArray[np.int32],
    numbers: npt.NDArray[np.int64],
) -> dict[str, dict[str, GroupResult]]:
    found: dict[str, dict[str, GroupResult]] = {}
    for fact, groups in facts.groups().items():
        for name in sorted({group for group in groups if group is not None}):
            rows = np.flatnonzero([group == name for group in groups])
            part, wanted = scores[rows], targets[rows]
            replicates = bootstrap_auc(part, wanted, draws, numbers[rows])
            values = {f: roc_auc(part[:, n], wanted[:, n]) for n, f in enumerate(findings)}
            rates = {f: _rate(wanted[:, n]) for n, f in enumerate(findings)}
            found.setdefault(fact, {})[name] = GroupResult(
                len(rows), rates, with_macro(values, replicates, findings)
            )
    return found


def _baseline(
    scores: Floats,
    targets: Floats,
    findings: Sequence[str],
    facts: KnownFacts,
    who: Sequence[object],
    draws: npt.NDArray[np.int32],
    numbers: npt.NDArray[np.int64],
) -> Baseline:
    blind, folds = baseline_scores(facts, targets, who)
    within_fold = folds.tolist()
    # Compared where both say something; a fold that had nothing to learn from says nothing.
    wanted = np.where(np.isnan(blind), np.nan, targets)
    filled = np.nan_to_num(blind)
    blind_draws = bootstrap_auc(filled, wanted, draws, numbers, strata=within_fold)
    own_draws = bootstrap_auc(scores, wanted, draws, numbers, strata=within_fold)
    viewed = np.where(np.equal(facts.view, None)[:, None], np.nan, targets)
    view_draws = bootstrap_auc(scores, viewed, draws, numbers, strata=facts.view)
    alone, gains, within = {}, {}, {}
    for n, name in enumerate(findings):
        ours = roc_auc(scores[:, n], wanted[:, n], within_fold)
        theirs = roc_auc(filled[:, n], wanted[:, n], within_fold)
        alone[name] = theirs
        gains[name] = None if ours is None or theirs is None else ours - theirs
        within[name] = roc_auc(scores[:, n], viewed[:, n], facts.view)
    return Baseline(
        with_macro(alone, blind_draws, findings),
        with_macro(gains, own_draws - blind_draws, findings),
        with_macro(within, view_draws, findings),
    )


def _rate(targets: Floats) -> float | None:
    known = targets[~np.isnan(targets)]
    return float(known.mean()) if len(known) else None


def _check(
    scores: Floats,
    targets: Floats,
    findings: Sequence[str],
    patients: Sequence[object] | None,
    facts: KnownFacts | None,
) -> None:
    shape = (len(scores), len(findings))
    if not len(scores) or scores.shape != shape or targets.shape != shape:
        raise EvaluationError(
            f"scores {scores.shape} and targets {targets.shape}",
            f"(images, {len(findings)} findings) for both, and at least one image",
        )
    if not ((scores >= 0) & (scores <= 1)).all():
        raise EvaluationError("scores outside [0, 1] or NaN", "probabilities")
    for name, given in (("patients", patients), ("facts", facts.view if facts else None)):
        if given is not None and len(given) != len(scores):
            raise EvaluationError(f"{len(given)} {name}", f"one for each of {len(scores)} images")
