"""Softmax and its logarithm beyond the table: huge values, shifts, what a row sums to."""

import numpy as np
import pytest

from minibert.check import assert_close

pytestmark = pytest.mark.quick
OPS = ("softmax", "log_softmax")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e3, 1e30])
def test_huge_scores_stay_finite(impl, dtype, size):
    s = np.array([[size, 0.0, -size], [-size, -size, -size], [size, size, 0.0]], dtype)
    p, cache = impl("softmax")[0](s)
    assert_close(p, [[1, 0, 0], [1 / 3] * 3, [0.5, 0.5, 0]], rtol=1e-6)
    ds = impl("softmax")[1](np.ones_like(p), cache)
    assert np.abs(ds).max() < 1e-6
    logp, _ = impl("log_softmax")[0](s)
    assert_close(logp[0], [0, -size, -2 * size], rtol=1e-6)
    assert np.isfinite(logp).all()


def test_rows_sum_to_one_and_gradients_to_zero(impl):
    forward, backward = impl("softmax")
    rng = np.random.default_rng(0)
    p, cache = forward(5 * rng.standard_normal((2, 3, 5, 7)))
    assert_close(p.sum(-1), np.ones((2, 3, 5)), rtol=1e-14)
    ds = backward(rng.standard_normal(p.shape), cache)
    assert np.abs(ds.sum(-1)).max() < 1e-15


def test_a_shift_of_a_row_changes_nothing(impl):
    s = np.random.default_rng(0).standard_normal((3, 7))
    for name in ("softmax", "log_softmax"):
        forward, shift = impl(name)[0], np.array([[100.0], [-7.0], [0.5]])
        assert_close(forward(s + shift)[0], forward(s)[0], rtol=1e-12, name=name)


def test_log_softmax_is_exact_where_softmax_underflows(impl):
    s = np.array([[0.0, -800.0]])
    assert impl("softmax")[0](s)[0][0, 1] == 0
    assert impl("log_softmax")[0](s)[0][0, 1] == -800.0


def test_a_row_of_one_and_a_masked_entry(impl):
    assert impl("softmax")[0](np.array([[3.0]]))[0] == 1.0
    p, _ = impl("softmax")[0](np.array([[1.0, -np.inf, 2.0]]))
    assert_close(p, [[1 / (1 + np.e), 0, np.e / (1 + np.e)]], rtol=1e-14)
