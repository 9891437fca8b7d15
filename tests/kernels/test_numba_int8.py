"""The int8 ops without C have the bits of the formulas."""

import numpy as np
import pytest

from minibert import ops
from minibert.ops import QRows, quantize_symmetric

SIZES = (1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33, 1024, 1025, 2049)


def same(a, b):
    assert a.dtype == b.dtype
    assert np.array_equal(a, b)


@pytest.mark.quick
@pytest.mark.parametrize("n", SIZES)
def test_quantize(numba, n):
    rng = np.random.default_rng(n)
    x = (rng.standard_normal((5, 3, n)) * 10.0 ** rng.integers(-6, 6, (5, 3, 1))).astype(np.float32)
    x[0, 0], x[1, 1], x[2, 2] = 0, np.abs(x[1, 1]), -np.abs(x[2, 2])
    for a, b in zip(numba.quantize_affine(x), ops.quantize_affine(x), strict=True):
        same(a, b)


def test_quantize_rounds_ties_to_even(numba):
    """A row whose scale is 1 and whose entries lie half-way between codes."""
    x = np.append(np.arange(-100, 155) + 0.5, [-100.0, 155.0]).astype(np.float32)[None]
    for a, b in zip(numba.quantize_affine(x), ops.quantize_affine(x), strict=True):
        same(a, b)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_quantize_refuses_what_int8_cannot_hold(numba, bad):
    x = np.zeros((3, 17), np.float32)
    x[1, 16] = bad
    with pytest.raises(ValueError, match="NaN or an infinity"):
        numba.quantize_affine(x)


def test_quantize_refuses_a_range_beyond_float32(numba):
    with pytest.raises(ValueError, match="range"):
        numba.quantize_affine(np.array([[3e38, -3e38]], np.float32))


@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize("n", SIZES)
def test_matmul(numba, n, extreme):
    """With all entries -128 the sums are the largest there are, 2^24 after 1024 inputs."""
    rng = np.random.default_rng(n)
    qx = rng.integers(-128, 128, (2, 3, n)).astype(np.int8)
    qw = rng.integers(-128, 128, (7, n)).astype(np.int8)
    if extreme:
        qx[0], qw[:3], qw[3:5] = -128, -128, 127
    same(numba.int8_matmul(qx, qw), ops.int8_matmul(qx, qw))


@pytest.mark.parametrize("n", SIZES)
def test_linear(numba, n, small_blocks):
    rng = np.random.default_rng(n)
    x = rng.standard_normal((2, 37, n)).astype(np.float32)
    w = quantize_symmetric(rng.standard_normal((11, n)).astype(np.float32))
    b = rng.standard_normal(11).astype(np.float32)
    for activations in (x, ops.quantize_affine(x)):
        y, cache = numba.int8_linear_forward(activations, w, b)
        same(y, ops.int8_linear_forward(activations, w, b)[0])
        assert cache is None


def test_views_with_gaps(numba):
    rng = np.random.default_rng(0)
    q = rng.integers(-128, 128, (6, 34)).astype(np.int8)
    same(numba.int8_matmul(q[::2, ::2], q[1::2, 1::2]), ops.int8_matmul(q[::2, ::2], q[1::2, 1::2]))
    x = rng.standard_normal((4, 2, 34)).astype(np.float32)[:, 0, ::2]
    for a, b in zip(numba.quantize_affine(x), ops.quantize_affine(x), strict=True):
        same(a, b)


def test_too_many_inputs_are_refused(numba):
    q = np.zeros((1, 140_000), np.int8)
    with pytest.raises(ValueError, match="overflow"):
        numba.int8_matmul(q, q)


@pytest.mark.quick
def test_an_int8_weight_takes_the_int8_kernel_in_every_linear_op(numba):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 5, 8)).astype(np.float32)
    w, b = quantize_symmetric(rng.standard_normal((8, 8)).astype(np.float32)), np.ones(8, "f4")
    same(numba.linear_forward(x, w, b)[0], ops.linear_forward(x, w, b)[0])
    rows = numba.quantize_affine(x)
    assert isinstance(rows, QRows)
    for y in numba.qkv_forward(x, w, b, w, b, w, b)[0]:
        same(y, ops.linear_forward(rows, w, b)[0])
    h = numba.linear_gelu_forward(x, w, b)[0]
    same(h, numba.gelu_forward(ops.linear_forward(x, w, b)[0])[0])
