"""Pooling: the average, the maximum, and Log-Sum-Exp between them, at every r and precision."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from modeling.choices import UnknownChoiceError
from modeling.pooling import AveragePool, LSEPool, MaxPool, pool

R_OF_THE_PAPER = [0.1, 0.5, 1.0, 5.0, 8.0, 10.0, 12.0]

maps = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 5), st.integers(1, 5)),
    elements=st.floats(-50, 50),
)
some_r = st.floats(1e-3, 1e3)


def naive(x: np.ndarray, r: float) -> np.ndarray:
    return np.log(np.exp(r * x).mean(axis=(2, 3))) / r


@pytest.mark.parametrize("r", R_OF_THE_PAPER)
def test_lse_is_the_formula(r: float) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 8, 8))
    assert np.allclose(LSEPool(r)(torch.from_numpy(x)), naive(x, r), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("r", R_OF_THE_PAPER)
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_differs_only_by_its_own_rounding(r: float, kind: torch.dtype) -> None:
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)).to(kind)
    pooled = LSEPool(r)(x)
    exact = torch.from_numpy(naive(x.double().numpy(), r))
    assert pooled.dtype == kind
    assert torch.allclose(pooled.double(), exact, rtol=torch.finfo(kind).eps, atol=1e-6)


@pytest.mark.parametrize("r", [1e-300, 1e-12, 1e-8, 1e-6])
def test_a_small_r_is_the_average_in_single_precision(r: float) -> None:
    x = torch.randn(2, 3, 7, 7, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(LSEPool(r)(x), x.mean((2, 3)), atol=1e-5)


@pytest.mark.parametrize("r", [1e6, 1e30, 1e300])
def test_a_large_r_is_the_maximum(r: float) -> None:
    x = torch.randn(2, 3, 7, 7, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(LSEPool(r)(x), x.amax((2, 3)), atol=1e-5)


@pytest.mark.parametrize("r", [1e-12, 0.1, 10.0, 1e30])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e4])
def test_the_gradient_is_finite_and_sums_to_one(r: float, scale: float) -> None:
    """The most extreme activation is negative: the shift as printed, max |x|, would underflow."""
    x = -scale * torch.rand(1, 2, 16, 16, generator=torch.Generator().manual_seed(2))
    x.requires_grad_()
    pooled = LSEPool(r)(x)
    pooled.sum().backward()
    assert x.grad is not None and torch.isfinite(pooled).all() and torch.isfinite(x.grad).all()
    assert torch.allclose(x.grad.sum((2, 3)), torch.ones(1, 2), rtol=1e-4)


@pytest.mark.parametrize("module", [LSEPool(0.3), LSEPool(10.0), AveragePool(), MaxPool()], ids=str)
def test_the_gradient_is_that_of_the_function(module: torch.nn.Module) -> None:
    x = torch.randn(2, 2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    assert torch.autograd.gradcheck(module, (x.requires_grad_(),))


@settings(deadline=None, max_examples=60)
@given(maps, some_r)
def test_lse_lies_between_average_and_maximum(x: np.ndarray, r: float) -> None:
    pooled = LSEPool(r)(torch.from_numpy(x)).numpy()
    assert (pooled >= x.mean((2, 3)) - 1e-9).all()
    assert (pooled <= x.max((2, 3)) + 1e-9).all()


@settings(deadline=None, max_examples=60)
@given(maps, some_r, st.floats(1.0, 10.0))
def test_lse_grows_with_r(x: np.ndarray, r: float, factor: float) -> None:
    low, high = (LSEPool(value)(torch.from_numpy(x)).numpy() for value in (r, r * factor))
    assert (low <= high + 1e-9).all()


@settings(deadline=None, max_examples=60)
@given(maps, some_r, st.randoms(use_true_random=False))
def test_positions_do_not_matter(x: np.ndarray, r: float, random: object) -> None:
    flat = x.reshape(*x.shape[:2], -1)
    order = list(range(flat.shape[-1]))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = flat[..., order].reshape(x.shape)
    pooled, again = (LSEPool(r)(torch.from_numpy(a)).numpy() for a in (x, shuffled))
    assert np.allclose(pooled, again, atol=1e-9)


@settings(deadline=None, max_examples=60)
@given(maps, some_r, st.floats(0.1, 10), st.floats(-100, 100))
def test_scaling_moves_into_r_and_a_shift_passes_through(
    x: np.ndarray, r: float, scale: float, shift: float
) -> None:
    moved = LSEPool(r)(torch.from_numpy(scale * x + shift)).numpy()
    assert np.allclose(moved, scale * LSEPool(r * scale)(torch.from_numpy(x)).numpy() + shift)


def test_average_and_maximum_are_what_they_say() -> None:
    x = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]]]])
    assert pool("average")(x).item() == 3.0
    assert pool("max")(x).item() == 6.0
    assert pool("lse", r=7.0).r == 7.0


@pytest.mark.parametrize("r", [0.0, -1.0, float("nan"), float("inf")])
def test_an_r_that_is_none_is_refused(r: float) -> None:
    with pytest.raises(ValueError, match="expected a finite number above 0"):
        LSEPool(r)


def test_an_unknown_pooling_is_told_the_known_ones() -> None:
    with pytest.raises(UnknownChoiceError, match="average, max, lse"):
        pool("median")
