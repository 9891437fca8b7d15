"""The loop forms: numbers worked out by hand, and those that kernels start from under njit."""

import inspect
import math

import numpy as np
import pytest

from minibert.check import assert_close, spec

RNG = np.random.default_rng(0)
M, D, F = 3, 5, 7
B, H, L, S, K = 2, 3, 5, 7, 2
X, W, b, DY = (RNG.standard_normal(s) for s in ((M, D), (F, D), F, (M, F)))
GAMMA, BETA, DX = (RNG.standard_normal(s) for s in (D, D, (M, D)))
Q, CONTEXT = (RNG.standard_normal((B, H, L, K)) for _ in "qc")
KEYS, VALUES = (RNG.standard_normal((B, H, S, K)) for _ in "kv")
BIAS = np.where(RNG.random((B, H, L, S)) < 0.3, -1e4, 0.0)
SCORES, HEADS = RNG.standard_normal((B, H, L, S)), RNG.standard_normal(H)

JITTED = {
    "linear_forward": (X, W, b),
    "linear_backward": (DY, X, W),
    "layernorm_forward": (X, GAMMA, BETA, 1e-12),
    "layernorm_backward": (DX, X, GAMMA, 1e-12),
    "gelu_forward": (X,),
    "gelu_backward": (DX, X),
    "softmax_forward": (X,),
    "softmax_backward": (DX, spec.softmax_forward(X)),
    "attention_forward": (Q, KEYS, VALUES, BIAS, HEADS),
    "attention_backward": (CONTEXT, SCORES, Q, KEYS, VALUES, BIAS, HEADS),
}


@pytest.mark.parametrize("name", JITTED)
def test_the_very_same_loops_compile(name):
    numba = pytest.importorskip("numba", reason="Numba is not installed")
    function = getattr(spec, name)
    expected, got = function(*JITTED[name]), numba.njit(function)(*JITTED[name])
    expected, got = (r if isinstance(r, tuple) else (r,) for r in (expected, got))
    for n, (g, e) in enumerate(zip(got, expected, strict=True)):
        assert g.dtype == e.dtype
        assert_close(g, e, name=f"{name} output {n}", rtol=1e-13)


@pytest.mark.quick
@pytest.mark.parametrize("name", JITTED)
def test_loops_keep_float32(name):
    args = [a.astype(np.float32) if isinstance(a, np.ndarray) else a for a in JITTED[name]]
    out = getattr(spec, name)(*args)
    for y in out if isinstance(out, tuple) else (out,):
        assert y.dtype == np.float32


@pytest.mark.quick
def test_numbers_worked_out_by_hand():
    assert spec.linear_forward(
        np.array([[1.0, 2]]), np.array([[3.0, 4], [5, 6]]), np.ones(2)
    ).tolist() == [[12, 18]]
    assert_close(
        spec.layernorm_forward(np.array([[1.0, 3]]), np.array([2.0, 2]), np.ones(2), 0.0), [[-1, 3]]
    )
    assert_close(spec.softmax_forward(np.log([[1.0, 2, 5]])), [[0.125, 0.25, 0.625]])
    assert_close(
        spec.gelu_forward(np.array([0.0, math.sqrt(2)])), [0, math.sqrt(2) * (1 + math.erf(1)) / 2]
    )
    assert spec.relu_forward(np.array([-1.0, 2])).tolist() == [0, 2]


@pytest.mark.quick
def test_attention_worked_out_by_hand():
    """Scores 0 and log 3 (K = 1), so that the weights are 1/4 and 3/4; a masked key takes none."""
    q, k = np.ones((1, 1, 1, 1)), np.array([0.0, math.log(3), 9]).reshape(1, 1, 3, 1)
    v = np.array([8.0, 4, 100]).reshape(1, 1, 3, 1)
    bias = np.array([0.0, 0, -1e9]).reshape(1, 1, 1, 3)
    context, scores = spec.attention_forward(q, k, v, bias, np.ones(1))
    assert context.item() == pytest.approx(5)
    assert_close(scores.ravel(), [0, math.log(3), 9])


@pytest.mark.quick
def test_losses_worked_out_by_hand():
    z = np.log([[1.0, 3], [1.0, 1]])
    loss = spec.softmax_cross_entropy_forward(z, np.array([1, 0]), -100, 0.0)
    assert loss == pytest.approx((math.log(4 / 3) + math.log(2)) / 2)
    assert spec.softmax_cross_entropy_forward(z, np.array([1, -100]), -100, 0.0) == pytest.approx(
        math.log(4 / 3)
    )
    soft = spec.soft_cross_entropy_forward(z[1:], z[:1], 1.0, 1)
    assert soft == pytest.approx(math.log(2))
    assert spec.kl_forward(z[1:], z[:1], 1.0) == pytest.approx(
        math.log(2) + 0.25 * math.log(0.25) + 0.75 * math.log(0.75)
    )
    assert spec.mse_forward(np.array([[1.0, 2]]), np.array([[2.0, 4]]), [True]) == 2.5
    assert spec.cosine_forward(np.array([[1.0, 0]]), np.array([[3.0, 3]]), [True]) == pytest.approx(
        1 - math.sqrt(0.5)
    )


@pytest.mark.quick
def test_a_row_of_zeros_is_at_right_angles_to_all():
    zeros, b = np.zeros((1, 2)), np.array([[3.0, 4]])
    assert spec.cosine_forward(zeros, b, [True]) == 1
    da, db = spec.cosine_backward(zeros, b, [True])
    assert_close(da, [[-0.6e8, -0.8e8]])
    assert not db.any()


@pytest.mark.quick
def test_heads_worked_out_by_hand():
    x, keep = np.array([[[2.0, 3]]]), np.array([[[True, False]]])
    w, b = np.array([[1.0, 9], [5, 9]]), np.array([0.0, 1])
    logits = spec.tokens_forward(x, keep, 0.5, w, b)
    assert logits.tolist() == [[[4, 21]]]
    dx, dw, db = spec.tokens_backward(np.ones((1, 1, 2)), x, keep, 0.5, w)
    assert (dx.tolist(), dw.tolist(), db.tolist()) == ([[[12, 0]]], [[4, 0], [4, 0]], [1, 1])
    z, half = np.log([[[1.0, 3], [1.0, 1]]]), math.log(2)
    assert spec.tokens_loss_forward(z, np.array([[-100, 0]])) == pytest.approx(half)
    assert_close(spec.tokens_loss_backward(z, np.array([[-100, 0]])), [[[0, 0], [-0.5, 0.5]]])
    # Starts are log 1, log 1, ends log 3, log 1; an end at 2 was cut off, a start at -1 is at 0.
    assert spec.span_loss_forward(z, np.array([[0, 0]])) == pytest.approx(
        (half + math.log(4 / 3)) / 2)
    assert spec.span_loss_forward(z, np.array([[-1, 2]])) == pytest.approx(half / 2)
    assert_close(spec.span_loss_backward(z, np.array([[-1, 2]])), [[[-0.25, 0], [0.25, 0]]])
    assert_close(spec.span_loss_backward(z, np.array([[2, 1]])), [[[0, 0.375], [0, -0.375]]])


@pytest.mark.quick
def test_the_best_span_worked_out_by_hand():
    """Ends before starts, and places outside the context, do not count."""
    start, end = np.array([[1.0, 0, 5, 0]]), np.array([[2.0, 5, 0, 1]])
    context = np.array([[False, True, True, True]])
    assert spec.best_span(start, end, context, 2, 0.0) == (2, 3, 6, -3, 0)
    assert spec.best_span(start, end, context, 1, 0.0) == (1, 1, 5, -2, 0)
    assert spec.best_span(start, end, context, 2, -4.0) == (0, 0, 3, -3, 0)


@pytest.mark.quick
def test_int8_worked_out_by_hand():
    q, scale = spec.quantize_symmetric(np.array([[-2.54, 1.205, 0]], np.float32))
    assert q.tolist() == [[-127, 60, 0]]
    assert scale[0] == pytest.approx(0.02)
    q, scale, zero = spec.quantize_affine(np.array([[-1.0, 0, 1.55]], np.float32))
    assert (q.tolist(), zero.tolist()) == ([[-128, -28, 127]], [-28])
    assert scale[0] == pytest.approx(0.01)


@pytest.mark.quick
def test_every_loop_form_is_short_and_says_its_formula():
    functions = [f for _, f in inspect.getmembers(spec, inspect.isfunction)]
    assert len(functions) > 25
    for f in functions:
        assert f.__doc__, f"{f.__name__} has no formula"
        assert len(inspect.getsource(f).splitlines()) <= 40, f"{f.__name__} is long"
