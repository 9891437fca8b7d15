"""erf and GELU beyond the table: the stated error bounds, the tails, the two forms, the blocks."""

import math

import numpy as np
import pytest

from minibert.check import assert_close, spec
from minibert.ops import erf
from minibert.ops.gelu import BLOCK

pytestmark = pytest.mark.quick
OPS = ("gelu", "gelu_tanh", "linear_gelu")
BOUND = {np.float64: 4e-15, np.float32: 5e-7}  # as the docstring of minibert.ops.erf states
DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def _exact(x):
    return np.array([math.erf(v) for v in x.astype(np.float64).ravel()]).reshape(x.shape)


@DTYPES
def test_erf_is_within_its_stated_bound_everywhere(dtype):
    x = np.concatenate((np.linspace(-7, 7, 140_001), np.logspace(-12, 2, 20_001))).astype(dtype)
    error = np.abs(erf(x) - _exact(x))
    assert error.max() < BOUND[dtype], f"{error.max():.2e} at x = {x[error.argmax()]}"
    assert erf(x).dtype == dtype


@DTYPES
def test_erf_at_the_ends_of_the_type(dtype):
    info = np.finfo(dtype)
    tails = np.array([np.inf, info.max, 1e30, 28, 27, 10], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert_close(erf(tails), np.ones(6), rtol=1e-15)
        assert_close(erf(-tails), -np.ones(6), rtol=1e-15)
        tiny = np.array([0.0, -0.0, info.smallest_subnormal, info.tiny, -info.tiny], dtype)
        assert np.abs(erf(tiny)).max() < BOUND[dtype]
    assert erf(np.zeros(1, dtype))[0] == 0
    assert np.isnan(erf(np.array([np.nan], dtype)))[0]
    assert np.abs(erf(np.linspace(-9, 9, 9001).astype(dtype))).max() <= 1 + np.finfo(dtype).eps


@DTYPES
def test_erf_is_odd_and_keeps_shapes(dtype):
    x = np.random.default_rng(0).standard_normal((3, 5, 7)).astype(dtype)
    assert np.array_equal(erf(-x), -erf(x))
    assert erf(x).shape == x.shape
    assert erf(x[::2, :, ::3]).shape == (2, 5, 3)
    assert erf(dtype(0.5)).shape == ()
    assert erf(np.zeros((0, 3), dtype)).shape == (0, 3)


@DTYPES
def test_gelu_over_a_dense_grid(impl, dtype):
    x = np.linspace(-12, 12, 4801).astype(dtype)
    forward, backward = impl("gelu")
    y, cache = forward(x)
    exact = spec.gelu_forward(x.astype(np.float64))
    bound = np.maximum(np.abs(x), 1) * BOUND[dtype]  # |x| / 2 times erf's
    assert (np.abs(y - exact) <= bound).all()
    dx = backward(np.ones_like(x), cache)
    slope = spec.gelu_backward(np.ones(x.shape), x.astype(np.float64))
    assert (np.abs(dx - slope) <= 2 * BOUND[dtype]).all()


@DTYPES
def test_gelu_at_the_ends(impl, dtype):
    x = np.array([0.0, 40.0, -40.0, 1e4, -1e4], dtype)
    forward, backward = impl("gelu")
    y, cache = forward(x)
    assert_close(y, [0, 40, 0, 1e4, 0], rtol=1e-7)
    assert_close(backward(np.ones_like(x), cache), [0.5, 1, 0, 1, 0], rtol=1e-6)
    assert np.isnan(forward(np.array([np.nan], dtype))[0]).all()


def test_the_two_forms_differ_by_what_the_docstring_says(impl):
    x = np.linspace(-8, 8, 160_001)
    (exact, c_exact), (approximate, c_tanh) = impl("gelu")[0](x), impl("gelu_tanh")[0](x)
    apart = np.abs(exact - approximate)
    assert apart.max() == pytest.approx(4.74e-4, abs=1e-6)
    assert abs(x[apart.argmax()]) == pytest.approx(2.70, abs=0.01)
    one = np.ones_like(x)
    slopes = np.abs(impl("gelu")[1](one, c_exact) - impl("gelu_tanh")[1](one, c_tanh))
    assert slopes.max() == pytest.approx(8.7e-4, abs=5e-6)


@pytest.mark.parametrize("name", ["gelu", "gelu_tanh"])
@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 7])
def test_blocks_join_without_a_seam(impl, name, size):
    x = np.random.default_rng(0).standard_normal(size)
    forward, backward = impl(name)
    y, cache = forward(x)
    dx = backward(x, cache)
    assert y.shape == dx.shape == (size,)
    ends = np.unique(np.clip([0, 1, BLOCK - 1, BLOCK, BLOCK + 1, size - 1], 0, max(size - 1, 0)))
    if size:
        alone, c_alone = forward(x[ends])
        assert_close(y[ends], alone, rtol=1e-14)
        assert_close(dx[ends], backward(x[ends], c_alone), rtol=1e-14)
