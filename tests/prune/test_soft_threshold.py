"""The soft threshold: by hand, its dtype, what it minimizes, and bad amounts."""

import numpy as np
import pytest

from minibert.check import spec
from minibert.prune import soft_threshold

pytestmark = pytest.mark.quick
W = np.random.default_rng(0).standard_normal((5, 7))


def test_by_hand():
    w = np.array([3.0, 1.0, 0.5, 0.0, -0.5, -1.0, -3.0])
    assert soft_threshold(w, 1.0).tolist() == [2, 0, 0, 0, 0, 0, -2]
    assert w[0] == 3, "the input stays"


@pytest.mark.parametrize("amount", [0.0, 0.3, 1.0, 10.0])
def test_it_is_the_loop_form(amount):
    assert soft_threshold(W, amount) == pytest.approx(spec.soft_threshold(W, amount))


def test_an_amount_of_zero_changes_nothing():
    assert np.array_equal(soft_threshold(W, 0), W)


def test_it_minimizes_the_distance_plus_the_penalty():
    """Of 1/2 (x - w)^2 + amount |x| it is the lowest point: none beside it is lower."""

    def cost(x):
        return 0.5 * (x - W) ** 2 + 0.4 * np.abs(x)

    best = soft_threshold(W, 0.4)
    for step in (1e-3, -1e-3, 0.5, -0.5):
        assert (cost(best) < cost(best + step)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_in_is_dtype_out(dtype):
    assert soft_threshold(W.astype(dtype), 0.1).dtype == dtype


@pytest.mark.parametrize("amount", [-0.1, float("nan")])
def test_a_wrong_amount_says_so(amount):
    with pytest.raises(ValueError, match="amount is"):
        soft_threshold(W, amount)
