"""AUC of the arms: beside chance, beside view, age and sex alone, and within one view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.nih_study.collected import Seen
from benchmarks.nih_study.data import StudyData
from benchmarks.nih_study.figures import cell
from benchmarks.view import Figures, share
from modeling.auc import bootstrap_auc, macro_replicates, patient_draws, patient_numbers
from modeling.known_facts import baseline_scores

Floats = npt.NDArray[np.float64]
VIEWS = ("AP", "PA")

HOW = (
    "AUC, mean over the seeds [95 % interval over patients]; .500 is chance",
    "only pairs of images of one fold are compared: those of two folds come from two networks",
)


@dataclass(frozen=True)
class Judge:
    """Judges scores on the same samples of patients; row 0 of what it gives are the values."""

    data: StudyData
    replicates: int

    def __post_init__(self) -> None:
        draws = patient_draws(self.data.patients, self.replicates, seed=0)
        object.__setattr__(
            self, "_draws", np.concatenate([np.ones((1, draws.shape[1]), np.int32), draws])
        )
        object.__setattr__(self, "_numbers", patient_numbers(self.data.patients))

    def auc(self, scores: Sequence[Floats], view: str | None = None) -> Floats:
        """(1 + replicates, findings + 1), the mean over the findings last, averaged over seeds.

        `view`: AP or PA, images of this view alone; "one", pairs of images of one view.
        """
        targets = self.data.targets.values.astype(np.float64)
        views, strata = self.data.facts.view, self.data.fold.tolist()
        if view in VIEWS:
            targets = np.where(np.array([v == view for v in views])[:, None], targets, np.nan)
        elif view == "one":
            targets = np.where(np.array([v is None for v in views])[:, None], np.nan, targets)
            strata = list(zip(strata, views, strict=True))
        each = []
        for said in scores:
            wanted = np.where(np.isnan(said), np.nan, targets)
            found = bootstrap_auc(
                np.nan_to_num(said), wanted,
                self._draws, self._numbers, strata=strata,  # type: ignore[attr-defined]
            )  # fmt: skip
            each.append(np.column_stack([found, macro_replicates(found)]))
        mean: Floats = np.mean(each, axis=0)
        return mean

    def facts(self) -> Floats:
        """What view, age and sex alone say of each image: (N, C), cross-validated in the folds."""
        data = self.data
        targets = data.targets.values.astype(np.float64)
        return baseline_scores(data.facts, targets, data.patients, data.fold)[0]


def tables(
    data: StudyData, seen: Sequence[Seen], replicates: int
) -> tuple[list[Figures], list[str]]:
    """Every arm's means, the findings' AUC by arm, the first arm beside the facts; and words."""
    judge = Judge(data, replicates)
    facts = [judge.facts()]
    blind = judge.auc(facts)
    own = [one for one in seen if _is_plain(one)]
    found = {one.arm: judge.auc(one.scores) for one in own}
    figures = [
        _means(judge, own, found, blind, facts),
        _by_finding(data, own, found, blind),
        *(_beside_facts(judge, one, found[one.arm], blind, facts) for one in own[:1]),
    ]
    said = [f"- {name}: {_verdict(values[:, -1], blind[:, -1])}" for name, values in found.items()]
    return figures, ["\n".join(["Mean AUC over the 8 findings:", "", *said])]


def _verdict(own: Floats, blind: Floats) -> str:
    """What an arm's mean AUC says beside chance and beside the facts alone."""
    low, high = np.nanquantile(own[1:], (0.025, 0.975))
    apart = np.nanquantile((own - blind)[1:], (0.025, 0.975))
    chance = (
        "above chance" if low > 0.5
        else "below chance" if high < 0.5
        else "not seen to differ from chance"
    )  # fmt: skip
    facts = (
        "above what view, age and sex alone give" if apart[0] > 0
        else "below what view, age and sex alone give" if apart[1] < 0
        else "not seen to differ from view, age and sex alone"
    )  # fmt: skip
    return f"{cell(own)}, {chance}, {facts} ({cell(own - blind, signed=True)})"


def _is_plain(seen: Seen) -> bool:
    """Whether its scores are its own: an arm that is looked at in another way has its parent's."""
    return "gradcam" not in seen.arm and "larger" not in seen.arm


def _means(
    judge: Judge, seen: Sequence[Seen], found: dict[str, Floats], blind: Floats,
    facts: Sequence[Floats],
) -> Figures:  # fmt: skip
    rows = [
        ["view, age and sex alone", "–", cell(blind[:, -1]), "–", "–",
         *(cell(judge.auc(facts, view)[:, -1]) for view in ("one", *VIEWS))]
    ]  # fmt: skip
    for one in seen:
        own = found[one.arm][:, -1]
        each = [judge.auc([scores])[0, -1] for scores in one.scores]
        views = [judge.auc(one.scores, view)[:, -1] for view in ("one", *VIEWS)]
        rows.append(
            [one.arm, str(len(one.seeds)), cell(own), f"{share(min(each))} – {share(max(each))}",
             cell(own - blind[:, -1], signed=True), *map(cell, views)]
        )  # fmt: skip
    rows.append(_together(judge, seen, blind))
    header = ("mean over the 8 findings", "seeds", "AUC", "seeds from – to", "minus facts alone",
              "within one view", "AP only", "PA only")  # fmt: skip
    notes = (
        *HOW,
        "facts alone: logistic regression on view, age (and its square) and sex, in the same folds",
        "* where the interval of a difference leaves out 0",
    )
    return Figures("Means", header, rows, notes)


def _together(judge: Judge, seen: Sequence[Seen], blind: Floats) -> list[str]:
    """All trained networks' scores averaged, as one system."""
    every = [scores for one in seen if "untrained" not in one.arm for scores in one.scores]
    name = f"all {len(every)} trained networks averaged"
    if not every:
        return [name, *["–"] * 7]
    scores = [np.mean(every, axis=0)]
    own = judge.auc(scores)[:, -1]
    views = (cell(judge.auc(scores, view)[:, -1]) for view in ("one", *VIEWS))
    return [name, "–", cell(own), "–", cell(own - blind[:, -1], signed=True), *views]


def _by_finding(
    data: StudyData, seen: Sequence[Seen], found: dict[str, Floats], blind: Floats
) -> Figures:
    names = (*data.targets.findings, "mean")
    rows = [
        [name, cell(blind[:, n]), *(cell(found[one.arm][:, n]) for one in seen)]
        for n, name in enumerate(names)
    ]
    header = ("finding", "facts alone", *(one.arm for one in seen))
    return Figures("AUC by finding", header, rows, HOW, breaks=[len(names) - 2])


def _beside_facts(
    judge: Judge, seen: Seen, own: Floats, blind: Floats, facts: Sequence[Floats]
) -> Figures:
    views = [judge.auc(seen.scores, view) for view in ("one", *VIEWS)]
    names = (*judge.data.targets.findings, "mean")
    rows = [
        [name, cell(own[:, n]), cell(blind[:, n]), cell(own[:, n] - blind[:, n], signed=True),
         *(cell(view[:, n]) for view in views)]
        for n, name in enumerate(names)
    ]  # fmt: skip
    header = ("finding", seen.arm, "facts alone", "difference", "within one view", "AP", "PA")
    notes = (*HOW, "difference: on the same samples of patients; * where its interval leaves out 0")
    return Figures(f"{seen.arm} beside the facts", header, rows, notes, breaks=[len(names) - 2])
