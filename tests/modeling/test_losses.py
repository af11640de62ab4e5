"""Losses: the formulas in float64, masks, weights, counts, and extreme logits."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from modeling.choices import UnknownChoiceError
from modeling.losses import LOSSES, Counts, all_reduce_counts, count_targets, loss

NAN = float("nan")


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def wcel(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    p, n = (y == 1).sum(), (y == 0).sum()
    return np.where(y == 1, (p + n) / p * -np.log(sigmoid(z)), (p + n) / n * -np.log(sigmoid(-z)))


def focal(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    right = np.where(y == 1, sigmoid(z), sigmoid(-z))
    return -((1 - right) ** 2) * np.log(right)


# One formula a line, as a textbook writes it; safe only for small logits.
NAIVE: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "hinge": lambda z, y: np.maximum(0, 1 - (2 * y - 1) * z),
    "euclidean": lambda z, y: (sigmoid(z) - y) ** 2,
    "cel": lambda z, y: -(y * np.log(sigmoid(z)) + (1 - y) * np.log(1 - sigmoid(z))),
    "wcel": wcel,
    "focal": focal,
}


def batch(seed: int = 0, rows: int = 12, unknown: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    logits, targets = rng.normal(scale=3, size=(rows, 5)), rng.integers(0, 2, (rows, 5)) * 1.0
    targets[0, :2] = 0, 1
    targets[1:][rng.random((rows - 1, 5)) < unknown] = np.nan
    return logits, targets


def tensors(*arrays: np.ndarray) -> list[torch.Tensor]:
    return [torch.from_numpy(array) for array in arrays]


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_a_loss_is_its_formula_over_the_known_targets(kind: str, reduction: str) -> None:
    logits, targets = batch()
    known = ~np.isnan(targets)
    each = NAIVE[kind](logits[known], targets[known])
    expected = each.sum() if reduction == "sum" else each.mean()
    found = loss(kind, reduction=reduction)(*tensors(logits, targets))
    assert found.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("kind", LOSSES)
def test_what_stands_at_an_unknown_target_is_not_looked_at(kind: str) -> None:
    logits, targets = tensors(*batch())
    wild = logits.clone()
    wild[targets.isnan()] = float("inf")
    wild.requires_grad_()
    found = loss(kind)(wild, targets)
    found.backward()
    assert found.item() == loss(kind)(logits, targets).item()
    assert wild.grad is not None and torch.isfinite(wild.grad).all()
    assert (wild.grad[targets.isnan()] == 0).all()


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_nothing_known_is_zero_and_can_be_differentiated(kind: str, reduction: str) -> None:
    logits = torch.randn(3, 2, requires_grad=True)
    found = loss(kind, reduction=reduction)(logits, torch.full((3, 2), NAN))
    found.backward()
    assert found.item() == 0 and logits.grad is not None and (logits.grad == 0).all()


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("size", [1e2, 1e4])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_extreme_logits_stay_finite(kind: str, size: float, dtype: torch.dtype) -> None:
    logits = torch.tensor([[size, -size], [size, -size]], dtype=dtype, requires_grad=True)
    found = loss(kind)(logits, torch.tensor([[1.0, 1.0], [0.0, 0.0]]))
    found.backward()
    assert torch.isfinite(found) and found.dtype == torch.float32
    assert logits.grad is not None and torch.isfinite(logits.grad).all()


def test_a_wrong_extreme_logit_costs_what_it_is_wrong_by() -> None:
    assert loss("cel")(torch.tensor([[-1e4]]), torch.tensor([[1.0]])).item() == 1e4
    assert loss("cel")(torch.tensor([[1e4]]), torch.tensor([[1.0]])).item() == 0


@pytest.mark.parametrize("kind", LOSSES)
def test_the_gradient_is_that_of_the_function(kind: str) -> None:
    logits, targets = tensors(*batch())
    assert torch.autograd.gradcheck(lambda z: loss(kind)(z, targets), (logits.requires_grad_(),))


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(LOSSES), st.integers(0, 99), st.booleans(), st.booleans())
def test_order_does_not_matter(kind: str, seed: int, per_finding: bool, mean: bool) -> None:
    measure = loss(kind, per_finding=per_finding, reduction="mean" if mean else "sum")
    logits, targets = tensors(*batch(seed))
    rows = torch.randperm(len(logits), generator=torch.Generator().manual_seed(seed))
    columns = torch.randperm(5, generator=torch.Generator().manual_seed(seed))
    shuffled = measure(logits[rows][:, columns], targets[rows][:, columns])
    assert shuffled.item() == pytest.approx(measure(logits, targets).item(), rel=1e-9)


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(LOSSES), st.integers(0, 99), st.booleans(), st.booleans())
def test_parts_add_up_to_the_whole(kind: str, seed: int, per_finding: bool, mean: bool) -> None:
    """With the counts of the whole batch, gradient accumulation is exact."""
    measure = loss(kind, per_finding=per_finding, reduction="mean" if mean else "sum")
    logits, targets = tensors(*batch(seed))
    counts = count_targets(targets, per_finding)
    parts = [
        measure(logits[rows], targets[rows], counts=counts) for rows in (slice(0, 3), slice(3, 99))
    ]
    assert sum(parts).item() == pytest.approx(measure(logits, targets).item(), rel=1e-9)


@pytest.mark.parametrize("per_finding", [False, True])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_side_without_members_contributes_nothing(per_finding: bool, value: float) -> None:
    logits, targets = torch.randn(4, 3), torch.full((4, 3), value)
    found = loss("wcel", per_finding=per_finding)(logits, targets)
    # β of the only side is (n + 0) / n = 1.
    assert found.item() == pytest.approx(loss("cel")(logits, targets).item())


def test_counting_per_finding_weighs_each_finding_by_its_own_rarity() -> None:
    logits = torch.zeros(4, 2)
    targets = torch.tensor([[1.0, 1.0], [0.0, 1.0], [0.0, 1.0], [0.0, NAN]])
    found = loss("wcel", per_finding=True)(logits, targets)
    # First finding: 1 · 4/1 + 3 · 4/3 = 8; second: positives alone, 3 · 3/3 = 3; each ln 2.
    assert found.item() == pytest.approx(11 * np.log(2))


def test_both_sides_weigh_the_same_in_wcel_however_rare_one_is() -> None:
    logits = torch.zeros(10, 1, requires_grad=True)
    targets = torch.tensor([[1.0]] + [[0.0]] * 9)
    loss("wcel")(logits, targets).backward()
    assert logits.grad is not None
    assert logits.grad[0].item() == pytest.approx(-logits.grad[1:].sum().item())


def test_certainty_scales_single_targets() -> None:
    logits, targets = tensors(*batch(unknown=0.0))
    weights = torch.zeros_like(targets)
    weights[0, 1] = 0.5
    found = loss("cel")(logits, targets, weights)
    assert found.item() == pytest.approx(
        0.5 * loss("cel")(logits[:1, 1:2], targets[:1, 1:2]).item()
    )


def test_a_weight_of_an_unknown_target_is_not_looked_at() -> None:
    logits, targets = tensors(*batch())
    weights = torch.where(targets.isnan(), NAN, 1.0)
    assert loss("wcel")(logits, targets, weights) == loss("wcel")(logits, targets)


def test_focal_without_focus_is_cross_entropy_and_alpha_splits_it() -> None:
    logits, targets = tensors(*batch())
    cel = loss("cel")(logits, targets).item()
    assert loss("focal", gamma=0)(logits, targets).item() == pytest.approx(cel)
    assert loss("focal", gamma=0, alpha=0.5)(logits, targets).item() == pytest.approx(cel / 2)


def test_counts_are_of_known_targets() -> None:
    targets = torch.tensor([[1.0, 0.0], [NAN, 0.0]])
    assert [int(count) for count in count_targets(targets)] == [1, 2]
    assert count_targets(targets, per_finding=True).negatives.tolist() == [0, 2]


def test_counts_stay_as_they_are_on_one_rank() -> None:
    counts = Counts(torch.tensor(1.0), torch.tensor(2.0))
    assert all_reduce_counts(counts) is counts


def test_counts_are_summed_over_ranks(tmp_path: object) -> None:
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/ranks", rank=0, world_size=1
    )
    try:
        summed = all_reduce_counts(count_targets(torch.tensor([[1.0, 0.0, 0.0]])))
    finally:
        torch.distributed.destroy_process_group()
    assert [int(count) for count in summed] == [1, 2]


def test_unknown_names_are_told_the_known_ones() -> None:
    with pytest.raises(UnknownChoiceError, match="hinge, euclidean, cel, wcel, focal"):
        loss("l1")
    with pytest.raises(UnknownChoiceError, match="sum, mean"):
        loss("cel", reduction="max")


@pytest.mark.parametrize("wrong", [{"gamma": -1.0}, {"alpha": 2.0}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        loss("focal", **wrong)


def test_targets_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"targets of shape \(2, 1\)"):
        loss("cel")(torch.zeros(2, 3), torch.zeros(2, 1))
