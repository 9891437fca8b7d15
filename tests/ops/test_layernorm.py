"""LayerNorm beyond the table: what it does to a row, and rows without any spread."""

import numpy as np
import pytest

from minibert.check import assert_close

pytestmark = pytest.mark.quick
OPS = ("layernorm",)


def test_every_row_has_mean_beta_and_spread_gamma(impl):
    x = 5 + 3 * np.random.default_rng(0).standard_normal((3, 5, 7))
    y, _ = impl("layernorm")[0](x, np.full(7, 2.0), np.full(7, 0.5))
    assert_close(y.mean(-1), np.full((3, 5), 0.5), rtol=1e-13)
    assert_close(y.std(-1), np.full((3, 5), 2.0), rtol=1e-12, name="the biased deviation")


def test_a_shift_and_a_scale_of_a_row_change_nothing(impl):
    rng = np.random.default_rng(0)
    x, gamma, beta = rng.standard_normal((3, 7)), rng.standard_normal(7), rng.standard_normal(7)
    forward = impl("layernorm")[0]
    assert_close(forward(4 * x - 9, gamma, beta)[0], forward(x, gamma, beta)[0], rtol=1e-11)


def test_the_gradient_has_no_part_along_shift_or_scale(impl):
    rng = np.random.default_rng(0)
    x, gamma, beta = rng.standard_normal((3, 7)), rng.standard_normal(7), rng.standard_normal(7)
    forward, backward = impl("layernorm")
    y, cache = forward(x, gamma, beta)
    dx, _, _ = backward(rng.standard_normal(y.shape), cache)
    assert np.abs(dx.sum(-1)).max() < 1e-13
    assert np.abs((dx * x).sum(-1)).max() < 1e-10, "eps = 1e-12 breaks it by about as much"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_of_equal_numbers_is_beta_and_finite(impl, dtype):
    x = np.full((2, 8), 3, dtype)  # its mean is exact, also as a product with 1/8
    gamma, beta = np.arange(1, 9).astype(dtype), np.arange(8).astype(dtype)
    forward, backward = impl("layernorm")
    y, cache = forward(x, gamma, beta)
    assert_close(y, np.broadcast_to(beta, (2, 8)), rtol=1e-6)
    assert all(np.isfinite(g).all() for g in backward(np.ones_like(y), cache))


def test_eps_is_inside_the_root(impl):
    x = np.array([[-1.0, 1.0]])
    y, _ = impl("layernorm")[0](x, np.ones(2), np.zeros(2), eps=3.0)
    assert_close(y, [[-0.5, 0.5]], rtol=1e-15)


def test_float32_of_a_row_far_from_zero(impl):
    """The mean is taken off before squaring, so a large mean costs only its own rounding."""
    x = (1000 + np.random.default_rng(0).standard_normal((5, 77))).astype(np.float32)
    ones, zeros = np.ones(77, np.float32), np.zeros(77, np.float32)
    y, _ = impl("layernorm")[0](x, ones, zeros)
    exact, _ = impl("layernorm")[0](*(a.astype(np.float64) for a in (x, ones, zeros)))
    assert_close(y, exact, rtol=2e-4)
