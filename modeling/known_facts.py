"""What is known of an image beside its pixels: view, sex, age; and what that alone foretells.

Images of chest X-ray collections are taken of somebody for a reason: the bed-ridden lie for an AP,
the old have other diseases than the young. A network can find that out and call it a finding, so
beside its AUC stands that of a baseline that is told these facts and sees no image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

Floats = npt.NDArray[np.float64]
AGE_BANDS = ((0, 18), (18, 40), (40, 60), (60, 75), (75, 200))


@dataclass(frozen=True)
class KnownFacts:
    """View, sex and age in years of each image; None where unknown."""

    view: tuple[str | None, ...]
    sex: tuple[str | None, ...]
    age: tuple[float | None, ...]

    def groups(self) -> dict[str, tuple[str | None, ...]]:
        """Each fact with every image's group; None where unknown."""
        ages = tuple(None if age is None else age_band(age) for age in self.age)
        return {"view": self.view, "sex": self.sex, "age": ages}

    @property
    def any(self) -> bool:
        """Whether anything is known of any image."""
        return any(value is not None for part in (self.view, self.sex, self.age) for value in part)


def age_band(age: float) -> str:
    """The band of an age.

    >>> age_band(17.9), age_band(80)
    ('under 18', '75 and over')
    """
    low, high = next((band for band in AGE_BANDS if age < band[1]), AGE_BANDS[-1])
    if low == 0:
        return f"under {high}"
    return f"{low} and over" if (low, high) == AGE_BANDS[-1] else f"{low} to {high - 1}"


def facts_of(images: pa.Table, people: pa.Table | None = None) -> KnownFacts:
    """The facts of an `images` table's rows, with what `people` (image_id, sex, age) adds."""
    known = {row["image_id"]: row for row in people.to_pylist()} if people is not None else {}
    rows = [known.get(image_id, {}) for image_id in images["image_id"].to_pylist()]
    return KnownFacts(
        tuple(images["view"].to_pylist()),
        tuple(row.get("sex") for row in rows),
        tuple(row.get("age") for row in rows),
    )


def baseline_scores(
    facts: KnownFacts,
    targets: Floats,
    patients: Sequence[object],
    folds: int | npt.NDArray[np.int64] = 5,
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """What logistic regression on the facts alone says of each image (N, C), and its fold (N,).

    Cross-validated by patient: nobody is judged by a model that has seen him. `folds` is how many,
    or the fold of each image (N,), to judge in the same ones as a network. Findings or folds
    without both sides to learn from give NaN. Only scores of one fold compare: a fold with few
    positives is judged by models that have seen many, so that over folds the order is upside down.
    """
    features, out = _features(facts), np.full(targets.shape, np.nan)
    fold_of = np.zeros(len(targets), np.int64)
    numbers = {who: number for number, who in enumerate(dict.fromkeys(patients))}
    groups = np.array([numbers[who] for who in patients])
    if isinstance(folds, int):
        if min(folds, len(numbers)) < 2:
            return out, fold_of
        parts = GroupKFold(min(folds, len(numbers))).split(features, groups=groups)
        for fold, (_, judged) in enumerate(parts):
            fold_of[judged] = fold
    else:
        fold_of = np.asarray(folds, np.int64)
    for fold in np.unique(fold_of):
        judged, learnt = np.flatnonzero(fold_of == fold), np.flatnonzero(fold_of != fold)
        for column in range(targets.shape[1]):
            known = learnt[~np.isnan(targets[learnt, column])]
            wanted = targets[known, column]
            if len(np.unique(wanted)) == 2:
                model = LogisticRegression(C=1.0, max_iter=1000)
                model.fit(features[known], wanted.astype(int))
                out[judged, column] = model.predict_proba(features[judged])[:, 1]
    return out, fold_of


def _features(facts: KnownFacts) -> Floats:
    """One column for each view and sex, the age as a curve, and whether it is known."""
    columns = []
    for values in (facts.view, facts.sex):
        for name in sorted({value for value in values if value is not None}):
            columns.append(np.array([value == name for value in values], float))
    ages = np.array([np.nan if age is None else age for age in facts.age], float)
    unknown = np.isnan(ages)
    decades = np.where(unknown, 0.0, (ages - 50) / 20)
    columns += [decades, np.square(decades), unknown.astype(float)]
    return np.stack(columns, axis=1)
