"""What float32 means in a product, at every level: how far from the exact sum a number may be.

With u(x, w) the sum of |x_k w_k| the error is at most 1.2e-6 u, and what is lost of numbers below
2^-126, which the level amx takes for zero, parts of numbers among them:

    |y - sum x_k w_k| <= 1.2e-6 u + 2^-126 (sum |x| + sum |w| + 7 K)
"""

import numpy as np
import pytest

from minibert.check import assert_close

TINY, LARGEST = np.finfo(np.float32).tiny, np.finfo(np.float32).max


def normal(rng, *shape):
    return rng.standard_normal(shape)


def scaled(power):
    def draw(rng, *shape):
        return rng.standard_normal(shape) * 10.0 ** rng.uniform(-power, power, shape)

    return draw


NUMBERS = {
    "normal": (normal, normal),
    "of one sign": (lambda rng, *s: abs(normal(rng, *s)), lambda rng, *s: abs(normal(rng, *s))),
    "of many sizes": (scaled(6), scaled(6)),
    "subnormal inputs": (lambda rng, *s: 1e-39 * normal(rng, *s), normal),
    "parts that are subnormal": (lambda rng, *s: 1e-33 * normal(rng, *s), normal),
    "subnormal results": (
        lambda rng, *s: 1e-21 * normal(rng, *s),
        lambda rng, *s: 1e-20 * normal(rng, *s),
    ),
    "huge inputs": (
        lambda rng, *s: 1e37 * rng.uniform(-30, 30, s),
        lambda rng, *s: 1e-3 * normal(rng, *s),
    ),
    "zeros": (lambda rng, *s: np.zeros(s), normal),
}


@pytest.mark.parametrize("K", [1, 3, 17, 33, 312, 321, 1200])
@pytest.mark.parametrize("numbers", NUMBERS)
def test_a_product_is_within_its_bound(engine, numbers, K):
    rng = np.random.default_rng((K, len(numbers)))
    draw_x, draw_w = NUMBERS[numbers]
    x, w = draw_x(rng, 37, K).astype(np.float32), draw_w(rng, 35, K).astype(np.float32)
    y, _ = engine.linear_forward(x, w, np.zeros(35, np.float32))
    x, w = x.astype(np.float64), w.astype(np.float64)
    lost = float(TINY) * (abs(x).sum(1)[:, None] + abs(w).sum(1) + 7 * K)
    assert (abs(y - x @ w.T) <= 1.2e-6 * (abs(x) @ abs(w).T) + lost).all()


def test_the_largest_numbers_stay_finite(engine):
    x = np.array([[LARGEST, 0, 1], [-LARGEST, 0, 0], [LARGEST / 2, LARGEST / 4, 0]], np.float32)
    w = np.array([[1, 0.25, 0], [2**-20, 0, 0], [1, 1, 1]], np.float32)
    y, _ = engine.linear_forward(x, w, np.zeros(3, np.float32))
    assert_close(y, (x.astype(np.float64) @ w.T.astype(np.float64)), rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_bad_number_spoils_its_row_alone(engine, bad):
    rng = np.random.default_rng(0)
    x, w = normal(rng, 35, 40).astype(np.float32), normal(rng, 33, 40).astype(np.float32)
    b = np.zeros(33, np.float32)
    expected = engine.linear_forward(x, w, b)[0]
    x[20, 7] = bad
    y = engine.linear_forward(x, w, b)[0]
    assert not np.isfinite(y[20]).any()
    assert np.array_equal(np.delete(y, 20, 0), np.delete(expected, 20, 0))


def test_a_row_has_the_same_bits_among_any_others(engine):
    if engine.source("linear_forward") != "c":
        pytest.skip("BLAS decides by the shape")
    rng = np.random.default_rng(0)
    x, w = normal(rng, 300, 321).astype(np.float32), normal(rng, 70, 321).astype(np.float32)
    b = normal(rng, 70).astype(np.float32)
    whole = engine.linear_forward(x, w, b)[0]
    for rows in (slice(0, 1), slice(5, 38), slice(100, 233), slice(299, 300)):
        assert np.array_equal(engine.linear_forward(x[rows], w, b)[0], whole[rows])
