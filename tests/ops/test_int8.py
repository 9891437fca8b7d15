"""int8: exact accumulators, the extremes of the codes, guards, and the error of a linear layer."""

import numpy as np
import pytest

from minibert.check import assert_close, spec
from minibert.ops import QRows, QTensor, quantize_affine, quantize_symmetric

pytestmark = pytest.mark.quick
OPS = ("int8_matmul", "quantize_affine", "quantize_symmetric", "int8_linear")
ODD = (1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 127, 131)


def _codes(rng, *shape, low=-128):
    return rng.integers(low, 128, shape).astype(np.int8)


def _function(impl, name):
    found = impl(name)
    return found[0] if isinstance(found, tuple) else found


@pytest.mark.parametrize("K", ODD)
def test_the_accumulator_is_exact(impl, K):
    rng = np.random.default_rng(K)
    qx, qw = _codes(rng, 5, K), _codes(rng, 7, K, low=-127)
    acc = _function(impl, "int8_matmul")(qx, qw)
    assert acc.dtype == np.int32
    assert np.array_equal(acc, qx.astype(np.int64) @ qw.T.astype(np.int64))


def test_the_accumulator_is_the_loop_form(impl):
    rng = np.random.default_rng(0)
    qx, qw = _codes(rng, 3, 11), _codes(rng, 5, 11)
    assert np.array_equal(_function(impl, "int8_matmul")(qx, qw), spec.int8_matmul(qx, qw))


@pytest.mark.parametrize(("a", "b"), [(-128, -127), (-128, 127), (127, 127), (127, -127)])
def test_the_accumulator_at_the_extremes(impl, a, b):
    """Pairs of products that a saturating 16-bit sum would clip, at sizes that overflow 24 bits."""
    K = 4800
    qx, qw = np.full((2, K), a, np.int8), np.full((3, K), b, np.int8)
    assert (_function(impl, "int8_matmul")(qx, qw) == a * b * K).all()


def _exact_or_refused(call, expected):
    try:
        found = call()
    except ValueError as error:
        assert "int32" in str(error)  # noqa: PT017  (either way is right)
        return
    assert_close(found, expected, rtol=1e-6)


@pytest.mark.parametrize("K", [131_072, 132_500, 140_000])
def test_sums_that_int32_cannot_hold_are_refused(impl, K):
    qx, qw = np.full((1, K), -128, np.int8), np.full((1, K), 127, np.int8)
    matmul = _function(impl, "int8_matmul")
    _exact_or_refused(lambda: matmul(qx, qw), [[-128 * 127 * K]])
    with pytest.raises(ValueError, match="int32"):
        matmul(np.ones((1, 140_000), np.int8), np.ones((1, 140_000), np.int8))


def test_the_zero_points_part_does_not_overflow_either(impl):
    """x - zero reaches 255, so that a row of equal positive numbers needs twice the room."""
    K = 70_000
    x, w = np.full((1, K), 2.0, np.float32), np.full((1, K), 3.0, np.float32)
    linear = _function(impl, "int8_linear")
    packed = quantize_symmetric(w)
    _exact_or_refused(lambda: linear(x, packed, np.zeros(1, np.float32))[0], [[6.0 * K]])


@pytest.mark.parametrize("K", ODD)
def test_quantizers_are_the_loop_form_bit_for_bit(impl, K):
    x = (3 * np.random.default_rng(K).standard_normal((5, K)) + 1).astype(np.float32)
    packed = _function(impl, "quantize_symmetric")(x)
    q, scale = spec.quantize_symmetric(x)
    assert np.array_equal(packed.q, q)
    assert np.array_equal(packed.scale, scale)
    rows = _function(impl, "quantize_affine")(x)
    q, scale, zero = spec.quantize_affine(x)
    assert np.array_equal(rows.q, q)
    assert np.array_equal(rows.scale[:, 0], scale)
    assert np.array_equal(rows.zero[:, 0], zero)


def test_types_and_shapes(impl):
    x = np.random.default_rng(0).standard_normal((2, 3, 7))
    rows = _function(impl, "quantize_affine")(x)
    assert isinstance(rows, QRows)
    assert (rows.q.dtype, rows.scale.dtype, rows.zero.dtype) == (np.int8, np.float32, np.int32)
    assert (rows.q.shape, rows.scale.shape, rows.zero.shape) == ((2, 3, 7), (2, 3, 1), (2, 3, 1))
    packed = _function(impl, "quantize_symmetric")(x[0])
    assert isinstance(packed, QTensor)
    assert (packed.q.dtype, packed.scale.dtype, packed.row_sum.dtype) == (
        np.int8,
        np.float32,
        np.int32,
    )
    assert packed.shape == (3, 7)
    assert packed.nbytes == 3 * 7 + 3 * 4
    assert np.array_equal(packed.row_sum, packed.q.astype(int).sum(1))


def test_symmetric_codes_end_at_127_and_keep_zero(impl):
    w = np.array([[-2.0, 0.0, 1.0], [3.0, -3.0, 0.0]], np.float32)
    q = _function(impl, "quantize_symmetric")(w).q
    assert q.tolist() == [[-127, 0, 64], [127, -127, 0]]


def test_rounding_is_half_to_even(impl):
    w = np.array([[127.0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5]], np.float32)
    packed = _function(impl, "quantize_symmetric")(w)
    assert packed.scale[0] == 1
    assert packed.q.tolist() == [[127, 0, 2, 2, 0, -2, -2]]


def test_affine_uses_all_256_codes_and_keeps_zero_exact(impl):
    x = np.array(
        [[-1.0, 0.0, 3.0], [0.0, 1.0, 2.0], [-2.0, -1.0, 0.0], [5.0, 6.0, 7.0]], np.float32
    )
    q, scale, zero = _function(impl, "quantize_affine")(x)
    assert q.min(1).tolist() == [-128, -128, -128, 54]
    assert q.max(1).tolist() == [127, 127, 127, 127]
    back = scale * (q - zero)
    assert (back[x == 0] == 0).all()
    assert (np.abs(back - x) <= 0.5001 * scale).all()


@pytest.mark.parametrize("value", [0.0, 1e-45, 1e-38, 3e-38, 1e30])
def test_constant_rows_and_the_ends_of_float32(impl, value):
    x = np.full((2, 7), value, np.float32)
    x[1] *= -1
    packed = _function(impl, "quantize_symmetric")(x)
    rows = _function(impl, "quantize_affine")(x)
    for back, scale in (
        (packed.dequantize(), packed.scale),
        (rows.scale * (rows.q - rows.zero), rows.scale),
    ):
        assert np.isfinite(back).all()
        assert (scale >= np.float32(1.2e-38)).all()
        assert (np.abs(back - x) <= 0.51 * scale.max()).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["quantize_symmetric", "quantize_affine"])
def test_non_finite_input_is_refused(impl, name, bad):
    x = np.ones((3, 5), np.float32)
    x[1, 2] = bad
    with pytest.raises(ValueError, match=r"[wx] has a NaN"):
        _function(impl, name)(x)


def test_a_range_that_float32_cannot_hold_gives_no_nan(impl):
    """Max - min overflows although every entry is finite: refused, or kept finite."""
    x = np.array([[3e38, -3e38, 1.0]], np.float32)
    try:
        rows = _function(impl, "quantize_affine")(x)
    except ValueError as error:
        assert "x" in str(error)  # noqa: PT017  (either way is right)
        return
    assert np.isfinite(rows.scale * (rows.q - rows.zero)).all()


@pytest.mark.parametrize("K", ODD)
def test_the_linear_layer_is_the_loop_form(impl, K):
    rng = np.random.default_rng(K)
    x = (rng.standard_normal((5, K)) + 0.5).astype(np.float32)
    w, b = rng.standard_normal((7, K)).astype(np.float32), rng.standard_normal(7).astype(np.float32)
    y, cache = _function(impl, "int8_linear")(x, quantize_symmetric(w), b)
    assert cache is None
    assert y.dtype == np.float32
    assert_close(y, spec.int8_linear_forward(x, w, b), rtol=1e-6)


def test_the_linear_layer_is_exact_on_numbers_that_int8_holds(impl):
    """Integers in range, with 127 and -128 present, quantize without error, so y is exact."""
    rng = np.random.default_rng(0)
    x, w = _codes(rng, 2, 3, 33).astype(np.float32), _codes(rng, 7, 33, low=-127).astype(np.float32)
    x[..., 0], x[..., 1], w[:, 0] = -128, 127, 127
    b = rng.integers(-9, 9, 7).astype(np.float32)
    y, _ = _function(impl, "int8_linear")(x, quantize_symmetric(w), b)
    assert np.array_equal(y, x @ w.T + b)


def test_the_linear_layers_error_is_that_of_8_bits(impl):
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(s).astype(np.float32) for s in ((64, 312), (128, 312)))
    y, _ = _function(impl, "int8_linear")(x, quantize_symmetric(w), np.zeros(128, np.float32))
    error = np.linalg.norm(y - x @ w.T) / np.linalg.norm(x @ w.T)
    assert 1e-3 < error < 2e-2


def test_quantized_rows_may_be_shared_between_layers(impl):
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 3, 11)).astype(np.float32), rng.standard_normal((5, 11))
    packed, b = quantize_symmetric(w), np.zeros(5, np.float32)
    linear = _function(impl, "int8_linear")
    assert np.array_equal(linear(x, packed, b)[0], linear(quantize_affine(x), packed, b)[0])


def test_linear_and_qkv_take_int8_weights_and_have_no_gradient_then():
    from minibert import ops

    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 3, 11)).astype(np.float32), rng.standard_normal((5, 11))
    packed, b = quantize_symmetric(w), np.ones(5, np.float32)
    expected, _ = ops.int8_linear_forward(x, packed, b)
    y, cache = ops.linear_forward(x, packed, b)
    assert np.array_equal(y, expected)
    with pytest.raises(ValueError, match="int8"):
        ops.linear_backward(y, cache)
    for y in ops.qkv_forward(x, *[packed, b] * 3)[0]:
        assert np.array_equal(y, expected)
